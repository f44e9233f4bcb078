#pragma once

#include <coroutine>
#include <cstdint>

#include "base/intrusive_list.hh"
#include "reactor/core.hh"
#include "reactor/op.hh"

/// How much of its segments a core reads at once, over all its readers: first come, first served. A disk is at its full
/// speed with 2 MiB of reads in flight; what is added to that makes writes wait, and answers wait for writes. So it is 4 MiB
/// while nothing is written and 2 MiB beside writes. One of a core's log_manager; never more than one core's business.

namespace millrace::storage {

class commit_log;
class segment_writer;

class cold_reads {
 public:
  /// Bytes in flight while the core writes nothing, and beside its writes.
  static constexpr uint64_t bytes_max = 4u << 20;
  static constexpr uint64_t bytes_beside_writes_max = 2u << 20;

  cold_reads(reactor::core& on, const commit_log& commits, const segment_writer& writer);
  cold_reads(const cold_reads&) = delete;
  cold_reads& operator=(const cold_reads&) = delete;

  /// One read's turn, made in the frame of who reads, for `bytes` of it: `const bool mine = co_await turn;`. False: the core
  /// stops, and nothing is to be read. Given back by end(), or when it dies, waiting or not. It may outlive what it is of.
  class turn final : public reactor::ready_item, public base::list_hook<turn> {
   public:
    turn(cold_reads& of, uint64_t bytes) : of_(of), bytes_(bytes) {}
    ~turn() override { end(); }
    void end();

    bool await_ready() { return of_.begin_or_wait(*this); }
    void await_suspend(std::coroutine_handle<> h) noexcept { handle_ = h; }
    bool await_resume() const noexcept { return begun_; }
    void run(reactor::core&) override { handle_.resume(); }
    const char* what() const noexcept override { return "cold read"; }

   private:
    friend class cold_reads;
    using place = base::list_hook<turn>;
    cold_reads& of_;
    const uint64_t bytes_;
    bool begun_ = false;
    std::coroutine_handle<> handle_;
  };

  /// Ends all waits, and refuses every turn from here on.
  void stop();
  uint64_t bytes_in_flight() const noexcept { return bytes_; }
  /// Turns that had to be waited for.
  uint64_t waits() const noexcept { return waits_; }

 private:
  using turns = base::intrusive_list<turn, turn>;
  bool begin_or_wait(turn& t);
  bool fits(uint64_t bytes) const;
  void begin(turn& t);
  void look();

  reactor::core& core_;
  const commit_log& commits_;
  const segment_writer& writer_;
  turns waiting_;  ///< in order of arrival
  turns begun_;    ///< Invariant: their bytes are bytes_
  uint64_t bytes_ = 0;
  uint64_t waits_ = 0;
  bool stopped_ = false;
};

}  // namespace millrace::storage
