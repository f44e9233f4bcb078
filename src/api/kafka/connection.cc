#include "api/kafka/connection.hh"

#include <algorithm>
#include <cstring>
#include <utility>

#include "api/kafka/door.hh"
#include "api/kafka/fetch_exchange.hh"
#include "api/kafka/other_exchange.hh"
#include "api/kafka/produce_exchange.hh"
#include "base/limits.hh"
#include "base/mutant.hh"
#include "wire/kafka/api_table.hh"
#include "wire/kafka/header.hh"
#include "wire/kafka/messages/api_versions.hh"
#include "wire/kafka/messages/fetch.hh"

namespace millrace::api::kafka {

namespace {
/// Bytes that requests and answers of one connection hold, from which on nothing more is read: at most 8 MiB, less where
/// the core has little memory.
constexpr size_t held_most = 8 << 20;
constexpr size_t held_least = 1 << 20;
constexpr size_t held_share = 16;
/// What one connection may have checked in one turn: about 500 us.
constexpr size_t checks_max = 1 << 20;
constexpr size_t send_bytes_max = 256 << 10;
constexpr size_t send_pieces_max = 256;
}  // namespace

void exchange::set_ready() {
  ASSERT(!ready_);
  ready_ = true;
  connection_->answer_ready();
}

void exchange::hold(const held_bytes& now) noexcept {
  if (now == held_) return;
  const held_bytes before = std::exchange(held_, now);
  connection_->request_holds(before, now);
}

void exchange::expect(size_t bytes) noexcept { connection_->request_expects(std::exchange(expected_, bytes), bytes); }

connection::connection(door& d, int handle, const listener_address& advertised)
    : door_(d),
      advertised_(advertised),
      socket_(d.on(), handle),
      partial_(d.on().memory(), d.frames()),
      checks_(checks_max),
      held_max_(std::clamp(d.on().memory().capacity() / held_share, held_least, held_most)),
      filling_(d.on().memory()),
      leaving_(d.on().memory()),
      sender_(*this),
      file_sender_(*this),
      zero_copy_(*this, d.on(), d.options().send),
      last_progress_(d.on().now()),
      idle_(*this),
      changed_(d.on()) {}

connection::~connection() { door_.change_held(held_, {}); }

reactor::core& connection::door_core() noexcept { return door_.on(); }

void connection::abandon() noexcept {
  socket_.abandon();
  for (auto* list : {&open_, &written_, &leaving_exchanges_}) {
    while (!list->empty()) list->pop_front().abandon();
  }
  zero_copy_.abandon();
}

// ---- serving

reactor::task<void> connection::run() {
  watch_idle();
  co_await read_all();
  forget_frame();
  ending_ = true;
  for (exchange& e : open_) e.hurry();
  // What is in flight is settled before the connection goes; answers leave while the peer still takes them.
  while (!open_.empty() || sending_ || (!aborted_ && !(filling_.empty() && leaving_.empty()))) {
    co_await changed_.wait();
  }
  door_core().timers().disarm(idle_);
  let_go_of(written_);
  co_await close();
  let_go_of(leaving_exchanges_);
}

// ---- requests

connection::next connection::handle(base::mutable_bytes frame, frame_buffer* owner) {
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
  const bool fetch = api->key == wire::kafka::fetch_request::api_key;
  if (fetch && !may_fetch()) {
    fetch_waits_ = true;
    return next::again;
  }
  fetch_waits_ = false;
  request_counters& counted = door_.counted(*api);
  ++counted.requests;
  counted.request_bytes += sizeof length_ + frame.size();
  if (api->handle != nullptr) return handle_other(frame, owner, *header, body_at, counted);

  bool slow = false;
  if (api->key == wire::kafka::produce_request::api_key) {
    produce_exchange& e = produce_exchange::take(door_, *this);
    take_up(e, counted);
    const auto accepted = e.begin(frame, owner, *header, in);
    if (!accepted) {
      abort("produce request not well-formed");
      return next::stop;
    }
    slow = *accepted == produce_exchange::admission::slow;
  } else {
    fetch_exchange& e = fetch_exchange::take(door_, *this);
    take_up(e, counted);
    if (!e.begin(*header, in)) {
      abort("fetch request not well-formed");
      return next::stop;
    }
  }
  if (slow) return next::slow_batch;
  return must_wait() ? next::wait : next::more;
}

void connection::take_up(exchange& e, request_counters& counted) {
  e.count_in(counted, door_core().now());
  open_.push_back(e);
  ++unanswered_;
}

connection::next connection::handle_other(base::mutable_bytes frame, frame_buffer* owner,
                                          const wire::kafka::request_header& header, size_t body_at,
                                          request_counters& counted) {
  other_exchange& e = *new other_exchange(*this, frame, owner, header, body_at);
  take_up(e, counted);
  door_.background().spawn(e.run());
  return next::wait;
}

// ---- answering

void connection::send_answers() {
  if (aborted_) {
    while (!open_.empty() && open_.front().ready()) {
      exchange& e = open_.pop_front();
      --unanswered_;
      e.release();
      e.let_go();
    }
    changed_.wake_all();
    return;
  }
  if (base::mutated(base::mutant::reply_out_of_order) && !open_.empty() && open_.back().ready()) {
    exchange& last = open_.back();
    last.unlink();
    open_.push_front(last);
  }
  while (!open_.empty() && open_.front().ready()) {
    exchange& e = open_.pop_front();
    const size_t before = filling_.bytes();
    e.write(filling_);
    e.counted().response_bytes += filling_.bytes() - before;
    written_.push_back(e);
  }
  count_held();
  if (!sending_ && !aborted_) start_send();
  if (ending_ || reader_waits_) changed_.wake_all();
}

void connection::start_send() {
  if (leaving_.empty()) {
    zero_copy_.keep(leaving_, leaving_exchanges_);
    leaving_.clear_sent();
    let_go_of(leaving_exchanges_);
    count_held();
    note_answered();
    if (filling_.empty()) {
      // Requests without an answer are done when all before them are.
      let_go_of(written_);
      return;
    }
    std::swap(filling_, leaving_);
    leaving_exchanges_.splice_back(written_);
    last_progress_ = door_core().now();  // until now the peer had nothing to take
  }
  sending_ = true;
  if (leaving_.at_file()) {
    send_file(leaving_.next_file(send_bytes_max));
    return;
  }
  const size_t before = leaving_.bytes();
  const auto pieces = leaving_.next(send_bytes_max, send_pieces_max);
  const size_t bytes = before - leaving_.bytes();
  if (zero_copy_.takes(bytes)) {
    zero_copy_.start(socket_.handle(), pieces, bytes);
    return;
  }
  sender_.handle = socket_.handle();
  sender_.iov = pieces.data();
  sender_.iov_count = static_cast<uint32_t>(pieces.size());
  door_core().submit(sender_);
  if (base::mutated(base::mutant::forget_pinned_buffer)) let_go_of(leaving_exchanges_);
}

/// What was written goes to the socket now.
void connection::note_answered() {
  if (written_.empty()) return;
  const base::instant now = door_core().effects().clock();
  for (exchange& e : written_) e.note_answered(now);
}

void connection::sent(int64_t result) {
  sending_ = false;
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
    exchange& e = list.pop_front();
    e.release();
    e.let_go();
  }
}

// ---- memory

void connection::request_holds(const held_bytes& before, const held_bytes& now) noexcept {
  requests_.own += now.own - before.own;
  requests_.blocks += now.blocks - before.blocks;
  count_held();
}

void connection::count_held() noexcept {
  held_bytes now = requests_;
  now.own += filling_.held() + leaving_.held() + zero_copy_.held() + rest_.capacity();
  if (now == held_) return;
  const held_bytes before = std::exchange(held_, now);
  door_.change_held(before, now);
}

void connection::hurry_parked() {
  if (unanswered_ < 2) return;
  for (exchange& e : open_) e.hurry();
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
  door_core().log().debug("kafka", "connection ended", base::field("peer", socket_.peer_name()), base::field("cause", why));
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
  const bool stuck = frame_begun || sending_ || !zero_copy_.idle();
  const bool busy = (!open_.empty() || reader_waits_) && !stuck;
  const base::duration limit =
      frame_begun ? std::min(frame_progress_max, door_.options().idle_max) : door_.options().idle_max;
  if (!busy && now - last_progress_ >= limit) {
    abort("idle");
    return;
  }
  if (frame_begun && frame_crawls()) {
    abort("a frame arrives too slowly, and others wait for its memory");
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
