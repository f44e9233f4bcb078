#include "api/kafka/connection.hh"

#include <cstring>

#include "api/kafka/door.hh"
#include "api/kafka/fetch_exchange.hh"
#include "api/kafka/other_exchange.hh"
#include "api/kafka/produce_exchange.hh"
#include "base/limits.hh"
#include "wire/kafka/api_table.hh"
#include "wire/kafka/header.hh"
#include "wire/kafka/messages/api_versions.hh"

namespace millrace::api::kafka {

namespace {
constexpr size_t unanswered_max = 256;
/// Bytes of answers that wait to be sent, from which on nothing more is read.
constexpr size_t held_max = 8 << 20;
constexpr base::duration memory_wait_min = base::milliseconds(2);
constexpr base::duration memory_wait_max = base::milliseconds(50);
constexpr size_t turn_bytes_max = 256 << 10;
/// What one connection may have checked in one turn: about 500 us.
constexpr size_t checks_max = 1 << 20;
constexpr size_t send_bytes_max = 256 << 10;
constexpr size_t send_pieces_max = 256;
/// How long a frame that has begun may stand still.
constexpr base::duration frame_progress_max = base::seconds(30);
}  // namespace

void exchange::set_ready() {
  ASSERT(!ready_);
  ready_ = true;
  connection_->answer_ready();
}

connection::connection(door& d, int handle, const listener_address& advertised)
    : door_(d),
      advertised_(advertised),
      socket_(d.on(), handle),
      partial_(d.on().memory(), d.frames()),
      checks_(checks_max),
      filling_(d.on().memory()),
      leaving_(d.on().memory()),
      sender_(*this),
      last_progress_(d.on().now()),
      idle_(*this),
      changed_(d.on()) {}

connection::~connection() = default;

reactor::core& connection::door_core() noexcept { return door_.on(); }

void connection::abandon() noexcept {
  socket_.abandon();
  for (auto* list : {&open_, &written_, &leaving_exchanges_}) {
    while (!list->empty()) list->pop_front().abandon();
  }
}

// ---- reading

reactor::task<void> connection::run() {
  watch_idle();
  co_await read_all();
  ending_ = true;
  for (exchange& e : open_) e.hurry();
  // What is in flight is settled before the connection goes; answers leave while the peer still takes them.
  while (!open_.empty() || sending() || (!aborted_ && !(filling_.empty() && leaving_.empty()))) {
    co_await changed_.wait();
  }
  door_core().timers().disarm(idle_);
  let_go_of(written_);
  let_go_of(leaving_exchanges_);
  socket_.shutdown();
  co_await socket_.close();
}

reactor::task<void> connection::read_all() {
  size_t turn_bytes = 0;
  while (!ending_) {
    if (must_wait()) {
      co_await wait_for_answers();
      continue;
    }
    if (turn_bytes >= turn_bytes_max) {
      turn_bytes = 0;
      co_await reactor::next_turn(door_core());
    }
    const bool waited = !socket_.has_arrived();
    watch_frame();
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
    const next why = feed({got.buffer->data, got.buffer->size}, &used);
    std::vector<uint8_t> rest;
    if (why != next::more && why != next::stop) {
      rest.assign(got.buffer->data + used, got.buffer->data + got.buffer->size);
    }
    socket_.give_back(*got.buffer);
    if (why == next::stop) co_return;
    if (why != next::more) co_await feed_slowly(std::move(rest), why);
  }
}

/// Whether what the peer asked before must be through first: too much of it waits, or it may change what comes next.
bool connection::must_wait() noexcept {
  if (unanswered_ >= unanswered_max || filling_.bytes() + leaving_.bytes() >= held_max) return true;
  return !open_.empty() && open_.back().alone() && !open_.back().ready();
}

reactor::task<void> connection::wait_for_answers() {
  reader_waits_ = true;
  // Most answers are there in the next turn: receiving goes on where it can.
  co_await reactor::next_turn(door_core());
  if (must_wait()) socket_.pause();
  while (must_wait() && !ending_) co_await changed_.wait();
  reader_waits_ = false;
  last_progress_ = door_core().now();
}

/// Goes on with what one buffer left, when memory is there again, or a batch is checked, or answers have left. Nothing is
/// read meanwhile.
reactor::task<void> connection::feed_slowly(std::vector<uint8_t> rest, next why) {
  size_t at = 0;
  base::duration pause = memory_wait_min;
  while (!ending_) {
    if (why == next::stop) {
      ending_ = true;
      co_return;
    }
    if (why == next::wait) co_await wait_for_answers();
    if (why == next::memory) {
      socket_.pause();
      reader_waits_ = true;
      co_await reactor::sleep(door_core(), pause);
      pause = std::min(pause + pause, memory_wait_max);
      reader_waits_ = false;
      last_progress_ = door_core().now();
    } else {
      pause = memory_wait_min;
    }
    if (why == next::slow_batch) {
      produce_exchange& slow = static_cast<produce_exchange&>(open_.back());
      co_await slow.admit_slowly();
    }
    if (at == rest.size() && why != next::memory) co_return;
    size_t used = 0;
    why = feed({rest.data() + at, rest.size() - at}, &used);
    at += used;
    if (why == next::more) co_return;
  }
}

connection::next connection::feed(base::mutable_bytes data, size_t* used) {
  *used = 0;
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
    if (size <= 0 || static_cast<uint32_t>(size) > door_.options().request_bytes_max) {
      abort("frame size out of range");
      return next::stop;
    }
    if (rest.size() - sizeof length_ < static_cast<size_t>(size)) {
      partial_.begin(static_cast<size_t>(size));
      *used += sizeof length_;
      continue;
    }
    *used += sizeof length_ + static_cast<size_t>(size);
    const next why = handle(rest.subspan(sizeof length_, static_cast<size_t>(size)), nullptr);
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
    if (size <= 0 || static_cast<uint32_t>(size) > door_.options().request_bytes_max) {
      abort("frame size out of range");
      return next::stop;
    }
    partial_.begin(static_cast<size_t>(size));
    return next::more;
  }
  const auto taken = partial_.take(data);
  if (!taken) return next::memory;
  *used = *taken;
  if (!partial_.complete()) return next::more;
  const next why = handle(partial_.mutable_frame(), &partial_);
  partial_.reset();
  return why;
}

// ---- requests

connection::next connection::handle(base::mutable_bytes frame, frame_buffer* owner) {
  ++door_.counters().requests;
  wire::kafka::reader in{base::bytes(frame)};
  const auto header = wire::kafka::decode_request_header(in);
  const served_api* api = header ? find_api(header->request_api_key) : nullptr;
  if (api == nullptr) {
    abort("unknown api or header");
    return next::stop;
  }
  const bool version_served =
      header->request_api_version >= api->min_version && header->request_api_version <= api->max_version;
  if (!version_served && api->key != wire::kafka::api_versions_request::api_key) {
    abort("version not served");
    return next::stop;
  }
  const size_t body_at = frame.size() - in.remaining();
  if (api->handle != nullptr) return handle_other(frame, owner, *header, body_at);

  bool slow = false;
  if (api->key == wire::kafka::produce_request::api_key) {
    produce_exchange& e = produce_exchange::take(door_, *this);
    open_.push_back(e);
    ++unanswered_;
    const auto accepted = e.begin(frame, owner, *header, in);
    if (!accepted) {
      abort("produce request not well-formed");
      return next::stop;
    }
    slow = *accepted == produce_exchange::admission::slow;
  } else {
    fetch_exchange& e = fetch_exchange::take(door_, *this);
    open_.push_back(e);
    ++unanswered_;
    if (!e.begin(*header, in)) {
      abort("fetch request not well-formed");
      return next::stop;
    }
  }
  if (slow) return next::slow_batch;
  return must_wait() ? next::wait : next::more;
}

connection::next connection::handle_other(base::mutable_bytes frame, frame_buffer* owner,
                                          const wire::kafka::request_header& header, size_t body_at) {
  other_exchange& e = *new other_exchange(*this, frame, owner, header, body_at);
  open_.push_back(e);
  ++unanswered_;
  door_.background().spawn(e.run());
  return next::wait;
}

// ---- answering

void connection::send_answers() {
  if (aborted_) {
    while (!open_.empty() && open_.front().ready()) {
      exchange& e = open_.pop_front();
      --unanswered_;
      e.let_go();
    }
    changed_.wake_all();
    return;
  }
  while (!open_.empty() && open_.front().ready()) {
    exchange& e = open_.pop_front();
    e.write(filling_);
    written_.push_back(e);
  }
  if (!sending() && !aborted_) start_send();
  if (ending_ || reader_waits_) changed_.wake_all();
}

void connection::start_send() {
  if (leaving_.empty()) {
    leaving_.clear_sent();
    let_go_of(leaving_exchanges_);
    if (filling_.empty()) {
      // Requests without an answer are done when all before them are.
      let_go_of(written_);
      return;
    }
    std::swap(filling_, leaving_);
    leaving_exchanges_.splice_back(written_);
    last_progress_ = door_core().now();  // until now the peer had nothing to take
  }
  const auto pieces = leaving_.next(send_bytes_max, send_pieces_max);
  sender_.handle = socket_.handle();
  sender_.iov = pieces.data();
  sender_.iov_count = static_cast<uint32_t>(pieces.size());
  door_core().submit(sender_);
}

void connection::sent(int64_t result) {
  if (result < 0) {
    abort("send failed");
  } else {
    last_progress_ = door_core().now();
    if (!aborted_) start_send();
  }
  if (ending_ || reader_waits_) changed_.wake_all();
}

void connection::let_go_of(base::intrusive_list<exchange>& list) {
  while (!list.empty()) {
    --unanswered_;
    list.pop_front().let_go();
  }
}

// ---- ending

void connection::end() {
  if (ending_) return;
  ending_ = true;
  socket_.pause();
  for (exchange& e : open_) e.hurry();
  changed_.wake_all();
}

void connection::abort(const char* why) {
  if (aborted_) return;
  aborted_ = true;
  ending_ = true;
  ++door_.counters().refused;
  door_core().log().debug("kafka", "connection ended", base::field("peer", socket_.peer_name()),
                          base::field("cause", why));
  for (exchange& e : open_) e.hurry();
  socket_.shutdown();
  changed_.wake_all();
  answer_ready();
}

/// Ends a connection that is idle for too long: nothing asked, nothing being answered; or in the middle of a frame that
/// does not go on; or whose peer takes no answers. Where we do not read, a frame stands still by our doing.
void connection::watch_idle() {
  const base::instant now = door_core().now();
  const bool frame_begun = (partial_.active() || length_have_ > 0) && !reader_waits_;
  const bool stuck = frame_begun || sender_.in_flight;
  const bool busy = (!open_.empty() || reader_waits_) && !stuck;
  const base::duration limit = frame_begun ? std::min(frame_progress_max, door_.options().idle_max)
                                                 : door_.options().idle_max;
  if (!busy && now - last_progress_ >= limit) {
    abort("idle");
    return;
  }
  door_core().timers().arm(idle_, busy ? now + limit : last_progress_ + limit);
}

/// A frame that has begun has less time than an idle connection, for which the timer may be armed.
void connection::watch_frame() {
  const base::instant now = door_core().now();
  const bool frame_begun = partial_.active() || length_have_ > 0;
  if (frame_begun && idle_.deadline() > now + frame_progress_max) {
    door_core().timers().arm(idle_, now + frame_progress_max);
  }
}

}  // namespace millrace::api::kafka
