#pragma once

#include <map>
#include <memory>
#include <vector>

#include "base/prng.hh"
#include "generator/control.hh"
#include "generator/payload.hh"
#include "generator/schedule.hh"
#include "millrace/producer.hh"
#include "reactor/scope.hh"

/// The producers of one core. Open loop: records leave by a schedule, whatever the broker does, and what cannot leave in
/// time keeps its time. Closed loop: each connection has as many requests on the way as it may.

namespace millrace::generator {

class produce_load {
 public:
  produce_load(reactor::core& on, control& run, meter& counts);
  ~produce_load();

  /// Connects. Where that fails it ends the run.
  reactor::task<void> prepare();
  /// From the begin of the run to the end of its answers.
  reactor::task<void> run();
  reactor::task<void> close();
  /// How many records of each partition were acknowledged, by the number of the producer less the first one's.
  void add_acknowledged(std::map<uint32_t, std::vector<uint64_t>>& to) const;
  /// What is being tried again, in words; empty: nothing.
  std::string trouble() const;

 private:
  struct slot;
  static reactor::task<base::result<void>> prepare_slot(slot* s, const std::string* topic);
  bool add_one(slot& s, base::instant intended);
  int32_t choose_partition(slot& s);
  void refill(slot& s);
  void delivered(slot& s, const client::delivery& what);
  reactor::task<void> pace();
  reactor::task<void> keep_full();
  reactor::task<void> drain();
  uint64_t run_length() const;

  reactor::core& core_;
  control& run_;
  meter& meter_;
  const settings& s_;
  base::prng random_;
  payload_pool values_;
  std::vector<std::unique_ptr<slot>> slots_;
  bool running_ = false;
  bool closing_ = false;
  char key_[16];
};

}  // namespace millrace::generator
