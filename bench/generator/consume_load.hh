#pragma once

#include <memory>
#include <vector>

#include "generator/control.hh"
#include "millrace/group_consumer.hh"
#include "reactor/scope.hh"

/// The readers of one core, by partition or as members of groups. Everything that is read is checked.

namespace millrace::generator {

class consume_load {
 public:
  consume_load(reactor::core& on, control& run, meter& counts);
  ~consume_load();

  /// Connects; members of groups join, and this waits until each has its share. Where that fails it ends the run.
  reactor::task<void> prepare();
  /// From the begin of the run until readers shall stop.
  reactor::task<void> run();
  reactor::task<void> close();
  /// What is being tried again, in words; empty: nothing.
  std::string trouble() const;

 private:
  struct slot;
  reactor::task<base::result<void>> prepare_slot(slot* s);
  reactor::task<base::result<void>> settle();
  std::vector<client::start_position> share_of(const slot& s) const;
  reactor::task<void> read(slot* s);
  void look(slot& s, const client::fetched& got);
  uint64_t look_at(slot& s, const client::fetched_partition& p, base::instant now);
  uint64_t look_at_batch(slot& s, const client::fetched_partition& p, const record::batch_view& batch,
                         partition_check& check, base::instant now);

  reactor::core& core_;
  control& run_;
  meter& meter_;
  const settings& s_;
  std::vector<std::unique_ptr<slot>> slots_;
  reactor::scope tasks_;
};

}  // namespace millrace::generator
