#pragma once

#include <cstddef>

/// What the requests and answers of one core's connections hold until they have left: memory of their own (frames that are
/// kept, answers, arrays), and blocks of the core's that fetches refer to. Both have a bound; who passes one is not stopped
/// at once, but is not read on, and those who take no answers are closed until it is kept again.

namespace millrace::api::kafka {

struct held_bytes {
  size_t own = 0;     ///< allocated for the request
  size_t blocks = 0;  ///< of the core's buffer memory, kept alive by it
  size_t sum() const noexcept { return own + blocks; }
  bool operator==(const held_bytes&) const = default;
};

class held_memory {
 public:
  held_memory(size_t own_max, size_t blocks_max) : own_max_(own_max), blocks_max_(blocks_max) {}

  void change(const held_bytes& before, const held_bytes& now) noexcept {
    now_.own += now.own - before.own;
    now_.blocks += now.blocks - before.blocks;
    // With some distance, so that it does not come and go with each answer.
    tight_ = passed(now_.own, own_max_, tight_);
    exhausted_ = passed(now_.own, own_max_ / 2 * 3, exhausted_);
    full_ = passed(now_.own, 2 * own_max_, full_);
    blocks_tight_ = passed(now_.blocks, blocks_max_, blocks_tight_);
  }
  const held_bytes& now() const noexcept { return now_; }
  /// From where on it is tight, each.
  held_bytes bounds() const noexcept { return {own_max_, blocks_max_}; }
  /// Connections that hold something are not read.
  bool tight() const noexcept { return tight_; }
  /// Nor are those whose large frame has begun, but for the one that goes first (frame_room.hh).
  bool exhausted() const noexcept { return exhausted_; }
  /// Nobody is: each of so many may come to hold a little.
  bool full() const noexcept { return full_; }
  /// No further fetches for connections whose fetches hold blocks.
  bool blocks_tight() const noexcept { return blocks_tight_; }
  bool over() const noexcept { return tight_ || blocks_tight_; }

 private:
  static bool passed(size_t bytes, size_t bound, bool before) noexcept { return bytes > (before ? bound / 4 * 3 : bound); }

  const size_t own_max_;
  const size_t blocks_max_;
  held_bytes now_;
  bool tight_ = false;
  bool exhausted_ = false;
  bool full_ = false;
  bool blocks_tight_ = false;
};

}  // namespace millrace::api::kafka
