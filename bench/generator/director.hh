#pragma once

#include <memory>
#include <string>

#include "generator/interruption.hh"
#include "generator/load_program.hh"
#include "generator/outcome.hh"
#include "reactor/machine.hh"

/// Directs one run from the main thread: the topic and its offsets first, then the cores, then the clock, the second by
/// second account, the end of the readers, and the sum.

namespace millrace::generator {

class director {
 public:
  /// `stop` is asked while the load runs, and holds signals back from then on.
  director(const settings& s, interruption& stop);
  ~director();

  /// False: failure() says why. `last`: the topic is removed after it, unless it shall stay.
  bool run(outcome& out, bool last = true);
  const std::string& failure() const { return failure_; }

 private:
  bool prepare_topic(outcome& out);
  bool list_offsets(std::vector<int64_t>& to, int64_t time, std::string& why);
  bool start_cores();
  bool wait_ready();
  bool begin(outcome& out);
  bool watch(outcome& out);
  void look_at_server(process_usage& to) const;
  bool belongs(size_t second, base::instant end) const;
  void look(outcome& out, size_t second, base::instant end);
  bool finished_early();
  void cut(base::instant end);
  bool reads(size_t partition) const;
  uint64_t unread(const std::vector<int64_t>& ends);
  int64_t read_so_far();
  bool finish_reading(outcome& out);
  bool wait_for_readers(outcome& out);
  void look_at_what_is_left(outcome& out);
  void sum_up(outcome& out);
  bool fail(std::string why);

  static constexpr const char* too_early = "told to end before anything was measured";

  const settings& s_;
  interruption& stop_;
  std::string failure_;
  std::unique_ptr<reactor::solo> here_;
  control run_;
  std::unique_ptr<load_program> program_;
  std::unique_ptr<reactor::machine> machine_;
  std::vector<int64_t> ends_;  // as far as there was something to read at the begin
  std::string trouble_;        // of the last second
  process_usage server_before_;
  process_usage load_before_;
  process_usage server_at_begin_;
  process_usage server_at_end_;
};

/// For who ran with `last` false. `say`: that it did not go.
void remove_topic(const settings& s, bool say);

}  // namespace millrace::generator
