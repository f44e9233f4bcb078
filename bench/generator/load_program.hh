#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "generator/consume_load.hh"
#include "generator/control.hh"
#include "generator/produce_load.hh"
#include "reactor/machine.hh"

/// What each core of a run does: connect, wait for the begin, load, hear the last answers, close.

namespace millrace::generator {

class load_program final : public reactor::core_program {
 public:
  load_program(control& run, unsigned cores);
  ~load_program() override;

  void start(reactor::core& on) override;
  void finish(reactor::core& on) override;

  /// After the machine has ended: what all cores measured.
  const totals& sum() const { return sum_; }
  /// How many records of a partition each producer of this process had acknowledged.
  std::vector<uint64_t> acknowledged(size_t partition) const;

 private:
  struct core_part;
  reactor::task<void> live(core_part* part);
  reactor::task<void> tick(core_part* part);

  control& run_;
  std::vector<std::unique_ptr<core_part>> parts_;  // each its core's
  std::mutex lock_;                                // of what cores leave behind
  totals sum_;
  std::map<uint32_t, std::vector<uint64_t>> acknowledged_;  // by producer and partition
};

}  // namespace millrace::generator
