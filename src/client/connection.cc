#include "client/connection.hh"

#include <algorithm>

#include "base/assert.hh"

namespace millrace::client {

namespace {

/// Pieces of one gathering send: the kernel takes 1,024.
constexpr size_t pieces_max = 512;

}  // namespace

connection::connection(reactor::core& on, broker_address where, const connection_options& options)
    : core_(on), address_(std::move(where)), options_(options), sender_(*this), watchdog_(*this), changed_(on), tasks_(on) {}

connection::~connection() { ASSERT(core_.abandoned() || state_ == state::closed); }

base::result<int16_t> connection::version_of(int16_t key, int16_t least, int16_t most) const {
  ASSERT(key >= 0 && static_cast<size_t>(key) < versions_.size());
  const version_range& offered = versions_[static_cast<size_t>(key)];
  const int16_t version = std::min(offered.most, most);
  if (version < std::max(offered.least, least)) return base::fail(base::errc::unsupported, key);
  return version;
}

// ---- out

void connection::begin(exchange& e, const request_kind& kind, size_t body_bytes) {
  ASSERT(state_ == state::open || state_ == state::opening);
  using namespace wire::kafka;
  const request_header header{.request_api_key = kind.key,
                              .request_api_version = kind.version,
                              .correlation_id = ++correlation_,
                              .client_id = options_.client_id};
  const size_t whole = request_frame_size(header, body_bytes);
  writer out({queued_.make(whole - body_bytes), whole - body_bytes});
  begin_request_frame(out, header, body_bytes);
  begun_ = queued_end_ + whole;
  e.correlation_ = correlation_;
  e.flexible_answer_ = response_header_version(kind.key, kind.version) > 0;
  e.deadline_ = core_.now() + kind.timeout;
  e.end_ = begun_;
  if (kind.answered) {
    unanswered_.push_back(e);
  } else {
    unreleased_.push_back(e);
  }
}

void connection::end(exchange& e) {
  queued_end_ = leaving_end_ + queued_.size();
  ASSERT(queued_end_ == begun_ && e.end_ == begun_);
  if (!watchdog_.armed()) watch();
  core_.at_turn_end(*this);
}

void connection::at_turn_end() {
  const bool up = state_ == state::open || state_ == state::opening;
  if (up && !sender_.in_flight && !sender_.linked()) start_send();
}

/// Sends what is queued, or the rest of what is leaving.
void connection::start_send() {
  if (pieces_given_ == pieces_.size()) {
    leaving_.clear();
    pieces_.clear();
    pieces_given_ = 0;
    if (queued_.empty()) return;
    std::swap(queued_, leaving_);
    leaving_end_ = queued_end_;
    leaving_.gather(pieces_);
  }
  const size_t count = std::min(pieces_.size() - pieces_given_, pieces_max);
  sender_.handle = socket_->handle();
  sender_.iov = pieces_.data() + pieces_given_;
  sender_.iov_count = static_cast<uint32_t>(count);
  pieces_given_ += count;
  core_.submit(sender_);
}

void connection::send_ended() {
  if (sender_.result < 0) {
    end_with(base::fail_errno(static_cast<int>(-sender_.result)).what);
    changed_.wake_all();
    return;
  }
  if (pieces_given_ == pieces_.size()) sent_ = leaving_end_;
  while (!unreleased_.empty() && unreleased_.front().end_ <= sent_) unreleased_.pop_front().released();
  if (state_ == state::closing) {
    changed_.wake_all();
  } else {
    start_send();
  }
}

// ---- in

/// Passes on every whole frame. False: the peer does not speak Kafka's protocol.
bool connection::take(base::bytes data) {
  while (!data.empty()) {
    if (!partial_.empty() || data.size() < wire::kafka::frame_length_bytes) {
      if (!take_partial(data)) return false;
      continue;
    }
    const int32_t length = base::load_big<int32_t>(data.data());
    if (length < 4 || length > options_.answer_bytes_max) return false;
    const size_t whole = wire::kafka::frame_length_bytes + static_cast<size_t>(length);
    if (data.size() < whole) {
      partial_.reserve(whole);
      if (!take_partial(data)) return false;
      continue;
    }
    if (!take_frame(data.subspan(4, whole - 4), nullptr)) return false;
    data = data.subspan(whole);
  }
  return true;
}

/// Adds to the frame that came in pieces, and passes it on where it is whole.
bool connection::take_partial(base::bytes& data) {
  const auto add = [&](size_t wanted) {
    const size_t size = std::min(wanted - partial_.size(), data.size());
    partial_.insert(partial_.end(), data.begin(), data.begin() + static_cast<ptrdiff_t>(size));
    data = data.subspan(size);
  };
  if (partial_.size() < 4) add(4);
  if (partial_.size() < 4) return true;
  const int32_t length = base::load_big<int32_t>(partial_.data());
  if (length < 4 || length > options_.answer_bytes_max) return false;
  const size_t whole = 4 + static_cast<size_t>(length);
  if (partial_.capacity() < whole) partial_.reserve(whole);
  add(whole);
  if (partial_.size() < whole) return true;
  const bool good = take_frame(base::bytes(partial_).subspan(4), &partial_);
  partial_.clear();
  return good;
}

bool connection::take_frame(base::bytes frame, std::vector<uint8_t>* whole) {
  if (unanswered_.empty()) return false;
  exchange& e = unanswered_.front();
  wire::kafka::reader in(frame);
  const int32_t correlation = in.number<int32_t>();
  if (e.flexible_answer_) in.skip_tags();
  if (!in.ok() || correlation != e.correlation_) return false;
  e.unlink();
  const uint64_t end = e.end_;
  if (end > sent_) unreleased_.push_back(e);
  arrival got{.body = in.rest(), .whole = whole};
  e.answered(got);
  if (end <= sent_) e.released();
  return true;
}

/// Reads until the connection ends, and ends it: the only one that does.
reactor::task<void> connection::run() {
  while (true) {
    const reactor::socket::received got = co_await socket_->receive();
    if (got.buffer == nullptr) {
      if (got.error != 0 && got.error != ECANCELED) end_with(base::fail_errno(got.error).what);
      break;
    }
    const bool good = take({got.buffer->data, got.buffer->size});
    socket_->give_back(*got.buffer);
    if (!good) {
      end_with(base::fail(base::errc::malformed).what);
      break;
    }
  }
  end_with(base::fail(base::errc::closed).what);
  while (sender_.in_flight || sender_.linked()) co_await changed_.wait();
  co_await socket_->close();
  socket_.reset();
  watchdog_.unlink();
  state_ = state::closed;
  not_before_ = core_.now() + backoff_;
  fail_all();
  changed_.wake_all();
}

// ---- the end

/// Begins the end; the first reason is the one that is told.
void connection::end_with(base::error why) {
  if (state_ != state::open && state_ != state::opening) return;
  state_ = state::closing;
  why_ = why;
  socket_->shutdown();
}

/// Everything that was on the way. What an exchange sends when it hears of it needs a new connection.
void connection::fail_all() {
  queued_.clear();
  leaving_.clear();
  pieces_.clear();
  pieces_given_ = 0;
  queued_end_ = leaving_end_ = sent_;
  partial_.clear();
  base::intrusive_list<exchange> lost;
  base::intrusive_list<exchange> kept;
  lost.splice_back(unanswered_);
  kept.splice_back(unreleased_);
  while (!kept.empty()) kept.pop_front().released();
  while (!lost.empty()) lost.pop_front().failed(why_);
}

void connection::watch() {
  if (!unanswered_.empty()) core_.timers().arm(watchdog_, unanswered_.front().deadline_);
}

/// Answers come in order, so the oldest request is the one to wait for.
void connection::look_at_deadline() {
  if (unanswered_.empty()) return;
  if (unanswered_.front().deadline_ <= core_.now()) {
    end_with(base::fail(base::errc::timed_out).what);
  } else {
    watch();
  }
}

reactor::task<void> connection::close() {
  if (socket_ && state_ != state::closed) end_with(base::fail(base::errc::closed).what);
  co_await tasks_.close();
}

void connection::abandon() noexcept {
  tasks_.abandon();
  if (socket_) socket_->abandon();
  while (!unanswered_.empty()) unanswered_.pop_front();
  while (!unreleased_.empty()) unreleased_.pop_front();
}

}  // namespace millrace::client
