#include <algorithm>
#include <cstring>

#include "api/kafka/connection.hh"
#include "api/kafka/door.hh"
#include "api/kafka/produce_exchange.hh"

/// Reading from a connection: bytes into frames, and when nothing is read.

namespace millrace::api::kafka {

namespace {
constexpr size_t unanswered_max = 256;
constexpr base::duration memory_wait_min = base::milliseconds(2);
constexpr base::duration memory_wait_max = base::milliseconds(50);
constexpr size_t turn_bytes_max = 256 << 10;
/// By how much a frame comes on in frame_progress_max at least, where others wait for room.
constexpr size_t frame_progress_bytes = 64 << 10;
}  // namespace

reactor::task<void> connection::read_all() {
  size_t turn_bytes = 0;
  base::duration memory_wait = memory_wait_min;
  while (!ending_) {
    if (must_wait()) {
      co_await wait_for_answers();
      continue;
    }
    if (turn_bytes >= turn_bytes_max) {
      turn_bytes = 0;
      co_await reactor::next_turn(door_core());
    }
    next why = next::more;
    if (unhandled()) {
      turn_bytes += rest_.size() - rest_at_;
      why = feed_rest();
    } else {
      const bool waited = !socket_.has_arrived();
      watch_frame();
      socket_.receive_singly(partial_.active() && partial_.is_large() && door_.frames().scarce());
      const auto got = co_await socket_.receive();
      if (got.buffer == nullptr) {
        if (got.error == ECANCELED && !ending_) continue;
        // Where end() stopped the reading, answers still leave.
        if (got.error != 0 && got.error != ECANCELED) aborted_ = true;
        co_return;
      }
      if (waited) turn_bytes = 0;
      turn_bytes += got.buffer->size;
      last_progress_ = door_core().now();
      size_t used = 0;
      why = feed({got.buffer->data, got.buffer->size}, &used);
      if (why != next::stop) rest_.assign(got.buffer->data + used, got.buffer->data + got.buffer->size);
      socket_.give_back(*got.buffer);
      count_held();
    }
    if (why == next::stop) co_return;
    if (why == next::slow_batch) {
      produce_exchange& slow = static_cast<produce_exchange&>(open_.back());
      co_await slow.admit_slowly();
    }
    if (why == next::memory) {
      co_await wait_for_memory(memory_wait);
      memory_wait = std::min(memory_wait + memory_wait, memory_wait_max);
    } else {
      memory_wait = memory_wait_min;
    }
  }
}

/// Whether what the peer asked before must be through first: too much of it waits, or it may change what comes next.
bool connection::must_wait() noexcept {
  const size_t answers = filling_.held() + leaving_.held() + zero_copy_.held();
  if (unanswered_ >= unanswered_max || requests_.sum() + answers >= held_max_) return true;
  if (door_.held().tight() && unanswered_ > 0 && !goes_first()) return true;
  if (!unhandled() && no_room_to_receive()) return true;
  if (fetch_waits_ && !may_fetch()) return true;
  return !open_.empty() && open_.back().alone() && !open_.back().ready();
}

/// Whether others hold so much that what would be received now could not be kept.
bool connection::no_room_to_receive() noexcept {
  if (door_.held().full()) return true;
  if (!door_.held().exhausted() || goes_first()) return false;
  return held_.sum() > 0 || (partial_.active() && partial_.is_large());
}

/// One fetch is always taken up; a further one while those before it, answered or not, stay below the bound.
bool connection::may_fetch() const noexcept {
  if (expected_ == 0 && requests_.blocks == 0) return true;
  return expected_ + held_.sum() < held_max_ && !door_.held().blocks_tight();
}

reactor::task<void> connection::wait_for_answers() {
  reader_waits_ = true;
  // Most answers are there in the next turn: receiving goes on where it can.
  co_await reactor::next_turn(door_core());
  if (must_wait()) {
    pause();
    co_await reactor::next_turn(door_core());
  }
  while (must_wait() && !ending_) {
    take_arrived();
    if (must_wait()) co_await changed_.wait();
  }
  reader_waits_ = false;
  last_progress_ = door_core().now();
  note_frame_progress();
}

/// Where a frame has no room, nothing is read meanwhile.
reactor::task<void> connection::wait_for_memory(base::duration length) {
  pause();
  reader_waits_ = true;
  co_await reactor::sleep(door_core(), length);
  reader_waits_ = false;
  last_progress_ = door_core().now();
  note_frame_progress();
  take_arrived();
}

void connection::pause() {
  socket_.pause();
  take_arrived();
}

/// What arrived before a pause took effect must not keep buffers that others need.
void connection::take_arrived() {
  if (!socket_.has_arrived()) return;
  rest_.erase(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(rest_at_));
  rest_at_ = 0;
  while (socket_.has_arrived()) {
    reactor::lent_buffer& b = socket_.next_arrived();
    rest_.insert(rest_.end(), b.data, b.data + b.size);
    socket_.give_back(b);
  }
  count_held();
}

/// Goes on with what was received before.
connection::next connection::feed_rest() {
  size_t used = 0;
  const next why = feed({rest_.data() + rest_at_, rest_.size() - rest_at_}, &used);
  rest_at_ += used;
  if (rest_at_ == rest_.size()) {
    rest_ = std::vector<uint8_t>();  // {} would keep its memory
    rest_at_ = 0;
  }
  count_held();
  return why;
}

connection::next connection::feed(base::mutable_bytes data, size_t* used) {
  *used = 0;
  if (partial_.complete()) {
    const next why = handle_partial();
    if (why != next::more) return why;
  }
  while (*used < data.size() && !ending_) {
    const base::mutable_bytes rest = data.subspan(*used);
    if (partial_.active() || length_have_ > 0 || rest.size() < sizeof length_) {
      size_t taken = 0;
      const next why = feed_partial(rest, &taken);
      *used += taken;
      if (why != next::more) return why;
      continue;
    }
    const int32_t size = base::load_big<int32_t>(rest.data());
    if (!may_come(size)) return next::stop;
    if (rest.size() - sizeof length_ < static_cast<size_t>(size)) {
      begin_frame(static_cast<size_t>(size));
      *used += sizeof length_;
      continue;
    }
    const next why = handle(rest.subspan(sizeof length_, static_cast<size_t>(size)), nullptr);
    if (why != next::again) *used += sizeof length_ + static_cast<size_t>(size);
    if (why != next::more) return why;
  }
  return ending_ ? next::stop : next::more;
}

/// A frame, or its length, that comes in pieces.
connection::next connection::feed_partial(base::mutable_bytes data, size_t* used) {
  if (!partial_.active()) {
    const size_t step = std::min(sizeof length_ - length_have_, data.size());
    std::memcpy(length_ + length_have_, data.data(), step);
    length_have_ += static_cast<unsigned>(step);
    *used = step;
    if (length_have_ < sizeof length_) return next::more;
    length_have_ = 0;
    const int32_t size = base::load_big<int32_t>(length_);
    if (!may_come(size)) return next::stop;
    begin_frame(static_cast<size_t>(size));
    return next::more;
  }
  const bool first = goes_first();
  const auto taken = partial_.take(data);
  if (!taken) return next::memory;
  *used = *taken;
  if (partial_.complete()) {
    if (first) door_.first_frame_left();
    return handle_partial();
  }
  if (partial_.have() - frame_had_ >= frame_progress_bytes) note_frame_progress();
  return next::more;
}

/// Kafka closes a connection that announces more than it takes, without an answer.
bool connection::may_come(int32_t frame_size) {
  if (frame_size > 0 && static_cast<uint32_t>(frame_size) <= door_.frames().frame_max()) return true;
  if (frame_size > 0 && static_cast<uint32_t>(frame_size) <= door_.options().request_bytes_max) {
    door_.note_too_large(*this, static_cast<size_t>(frame_size));
  }
  abort("frame size out of range");
  return false;
}

bool connection::goes_first() noexcept { return door_.frames().goes_first(partial_); }

void connection::forget_frame() {
  const bool first = goes_first();
  partial_.reset();
  if (first) door_.first_frame_left();
}

connection::next connection::handle_partial() {
  const next why = handle(partial_.mutable_frame(), &partial_);
  if (why != next::again) partial_.reset();
  return why;
}

void connection::begin_frame(size_t bytes) noexcept {
  partial_.begin(bytes);
  note_frame_progress();
}

void connection::note_frame_progress() noexcept {
  frame_had_ = partial_.have();
  frame_since_ = door_core().now();
  frame_refusals_ = door_.frames().refusals(partial_);
}

/// One byte now and then is no progress for whom its memory keeps waiting.
bool connection::frame_crawls() const noexcept {
  return partial_.active() && door_.on().now() - frame_since_ >= frame_progress_max &&
         door_.frames().refusals(partial_) != frame_refusals_;
}

}  // namespace millrace::api::kafka
