#include "api/kafka/opening_lane.hh"

namespace millrace::api::kafka {

namespace {
/// What a lane keeps for the next batch; above it the libraries give all back.
constexpr size_t kept_bytes_max = 8 << 20;
}  // namespace

opening_lane::opening_lane(reactor::core& on, frame_room& room, uint64_t bytes_max, unsigned window_log)
    : room_(room), bytes_max_(bytes_max), waiting_(on) {
  unpacker_.limit_window(window_log);
}

reactor::task<void> opening_lane::enter() {
  // Who leaves hands the lane over: nobody gets in between.
  if (taken_) co_await waiting_.wait();
  taken_ = true;
}

void opening_lane::leave() noexcept {
  if (unpacker_.held() > kept_bytes_max) unpacker_.forget();
  room_.give_back_overdrawn(charged_);
  charged_ = 0;
  if (waiting_.empty()) {
    taken_ = false;
  } else {
    waiting_.wake_one();
  }
}

void opening_lane::note_held() noexcept {
  const size_t held = unpacker_.held();
  if (held <= charged_) return;
  room_.overdraw_huge(held - charged_);
  charged_ = held;
}

}  // namespace millrace::api::kafka
