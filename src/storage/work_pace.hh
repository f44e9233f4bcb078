#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.hh"
#include "reactor/core.hh"
#include "reactor/task.hh"

/// Keeps background work to a share of its core, and of the disk: it works in short stretches and sleeps in between, so
/// long that the share holds.

namespace millrace::storage {

struct pace_options {
  unsigned core_percent = 25;     ///< of the core's time, 1 to 100
  uint64_t bytes_per_second = 0;  ///< read and written; 0: as fast as it goes
};

class work_pace {
 public:
  /// `stopped`: becomes true where nobody is to rest any more.
  work_pace(reactor::core& on, const pace_options& options, const bool& stopped)
      : core_(on), options_(options), stopped_(stopped) {}

  /// Around each stretch of work that does not wait; it may be as short as it likes.
  void begin() noexcept { begun_ = core_.effects().clock(); }
  void end() noexcept { used_ = used_ + (core_.effects().clock() - begun_); }
  /// One stretch, as long as it lives; none where `pace` is null.
  class counted {
   public:
    explicit counted(work_pace* pace) : pace_(pace) {
      if (pace_ != nullptr) pace_->begin();
    }
    ~counted() {
      if (pace_ != nullptr) pace_->end();
    }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;

   private:
    work_pace* pace_;
  };
  void moved(uint64_t bytes) noexcept { bytes_ += bytes; }
  /// Whether rest() is due: a turn has had enough of this.
  bool due() const noexcept { return used_ >= stretch || (options_.bytes_per_second > 0 && bytes_ >= bytes_at_once); }
  /// Lets others have the core, and the disk.
  reactor::task<void> rest();

 private:
  static constexpr base::duration stretch = base::microseconds(500);
  static constexpr uint64_t bytes_at_once = 256u << 10;

  reactor::core& core_;
  const pace_options options_;
  const bool& stopped_;
  base::instant begun_{};
  base::duration used_{};
  uint64_t bytes_ = 0;
};

}  // namespace millrace::storage
