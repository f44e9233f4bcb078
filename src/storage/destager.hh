#pragma once

#include <vector>

#include "base/result.hh"
#include "reactor/core.hh"
#include "reactor/scope.hh"
#include "reactor/task.hh"
#include "reactor/wait.hh"
#include "storage/checkpoint.hh"
#include "storage/commit_log.hh"
#include "storage/log.hh"
#include "storage/segment_write.hh"

/// Moves bytes from the tails to their segments, behind the answers, and writes checkpoints that free the commit log.
///
/// Two ways. Eagerly: when a log has a large run of whole blocks, they are written at once, so that memory can be let go.
/// In passes: when a quarter of the commit log is used, or memory is short, every log with bytes that only the commit
/// log holds gets its whole blocks and its padded tail block written; then one checkpoint names all of it.

namespace millrace::storage {

class log_manager;

class destager final : public segment_write_owner {
 public:
  destager(reactor::core& on, log_manager& manager, commit_log& commits, segment_writer& writer, std::string data_dir);

  reactor::task<base::result<void>> open(base::leader_epoch start_number);
  /// The loop of passes; ends after stop().
  reactor::task<void> run();
  /// Asks for a pass now.
  void wake() noexcept;
  void stop() noexcept;
  /// Called for each log whose durable end moved: writes eagerly where enough waits.
  void became_durable(log& l);
  void groups_completed() { durable_moved_.wake_all(); }
  /// A log went offline or away: who waits for something of it gives up.
  void log_ended() {
    durable_moved_.wake_all();
    write_ended_.wake_all();
  }
  void segment_written(log& l, int error) override;
  /// A segment write or a preparation of somebody else ended: who waits for it looks again.
  void write_ended() {
    write_ended_.wake_all();
    commits_.look_again();
  }

  /// Everything into segments, files cut to their ends with their indexes written: what a clean stop does before its
  /// checkpoint.
  reactor::task<base::result<void>> park_all();
  /// A checkpoint of what is in segments now; durable when it returns. Who asks while one is being written shares the next.
  reactor::task<base::result<void>> write_checkpoint(bool clean);
  reactor::task<void> close();
  void abandon() noexcept { files_.abandon(); }

 private:
  /// Logs of a pass, for its workers.
  struct pass_state {
    std::vector<log_id> todo;
    size_t next = 0;
    unsigned running = 0;
    unsigned destaged = 0;  ///< logs
    unsigned without_space = 0;
    unsigned failed = 0;         ///< of another reason
    base::result<void> outcome;  ///< of a stop: the first failure
    reactor::wait_list done;
    explicit pass_state(reactor::core& on) : done(on) {}
  };
  struct padding_block;
  /// Logs that a pass is at in parallel: each waits for its files.
  static constexpr unsigned pass_workers = 32;
  enum class waited : uint8_t { no, yes };
  bool pass_due() const;
  void close_rolled(log& l);
  reactor::task<void> close_all_rolled();
  reactor::task<void> close_worker(pass_state* state);
  static void begin_destage(log& l);
  static segment* next_to_destage(log& l, base::offset* from, base::offset last);
  reactor::task<base::result<void>> close_sealed(log& l);
  void note_failure(pass_state& state, log& l, const base::error& why);
  reactor::task<bool> pass();
  reactor::task<void> pass_worker(pass_state* state);
  reactor::task<base::result<void>> destage(log& l);
  reactor::task<base::result<void>> destage_segment(log& l, segment& s, log_point* target, bool* reached);
  reactor::task<base::result<waited>> ready_to_write(log& l, segment& s, uint64_t upto);
  reactor::task<base::result<void>> close_segment(log& l, segment& s);
  bool may_destage(log& l);
  bool may_write() const;
  static void step_over_roll(const log& l, log_point* target);
  reactor::task<base::result<void>> load_indexes(segment& s);
  reactor::task<void> park_worker(pass_state* state);
  reactor::task<base::result<void>> park(log& l);

  reactor::core& core_;
  log_manager& manager_;
  commit_log& commits_;
  segment_writer& writer_;
  checkpoint_files files_;
  base::leader_epoch start_number_{0};
  uint64_t number_ = 0;   ///< of the last checkpoint begun
  uint64_t written_ = 0;  ///< of the last one that is durable
  /// For padded tail blocks, one a worker: where memory is short, writing them is what makes room.
  std::vector<reactor::chunk> padding_;
  std::vector<log_id> rolled_;  ///< with a segment to close
  bool wanted_ = false;
  bool stopping_ = false;
  bool writing_ = false;
  bool no_space_ = false;  ///< the last pass came to nothing but that
  reactor::wait_list wake_;
  reactor::wait_list write_ended_;
  reactor::wait_list durable_moved_;
  reactor::wait_list checkpoint_free_;
};

}  // namespace millrace::storage
