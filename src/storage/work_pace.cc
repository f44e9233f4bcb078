#include "storage/work_pace.hh"

#include "reactor/wait.hh"

namespace millrace::storage {

namespace {
constexpr base::duration pause_at_once = base::milliseconds(100);  ///< then it looks whether it is stopped
}  // namespace

reactor::task<void> work_pace::rest() {
  const int64_t share = std::clamp<int64_t>(options_.core_percent, 1, 100);
  base::duration pause = used_ * (100 - share) / share;
  if (options_.bytes_per_second > 0) {
    const double seconds = static_cast<double>(bytes_) / static_cast<double>(options_.bytes_per_second);
    pause = std::max(pause, base::microseconds(static_cast<int64_t>(std::min(seconds, 3600.0) * 1e6)));
  }
  used_ = {};
  bytes_ = 0;
  if (pause.ns <= 0) co_await reactor::next_turn(core_);
  while (pause.ns > 0 && !stopped_) {
    const base::duration part = std::min(pause, pause_at_once);
    co_await reactor::sleep(core_, part);
    pause = pause - part;
  }
}

}  // namespace millrace::storage
