#include "api/kafka/door.hh"

#include <algorithm>
#include <bit>
#include <utility>

#include "api/kafka/connection.hh"
#include "api/kafka/fetch_exchange.hh"
#include "api/kafka/named_once.hh"
#include "api/kafka/produce_exchange.hh"
#include "broker/partition/batch_limit.hh"

namespace millrace::api::kafka {

namespace {
/// How long a connection may take no answer while memory is wanted; and when that is looked at again.
constexpr base::duration patience = base::seconds(2);
constexpr base::duration relief_again = base::milliseconds(250);
constexpr base::duration relief_next = base::milliseconds(10);
/// Exchanges kept for the next requests: at least so many, one for each MiB of the core's memory.
constexpr size_t spare_least = 32;
/// What all connections may check in one turn: eight times what one may.
constexpr size_t checks_max = 8 << 20;
/// Of the core's memory, for fetch sessions.
constexpr size_t sessions_share = 16;
/// What comes out of a batch in the quick lane at most.
constexpr uint64_t quick_bytes_max = 8 << 20;
/// zstd windows: what its format has every reader open (8 MiB), more where there is memory, 128 MiB at most.
constexpr unsigned window_log_least = 23;
constexpr unsigned window_log_most = 27;

unsigned window_log(size_t core_memory_bytes) {
  const auto log = static_cast<unsigned>(std::bit_width(core_memory_bytes / 8)) - 1;
  return std::clamp(log, window_log_least, window_log_most);
}

fetch_session_cache::bounds session_bounds(const reactor::core& on, size_t capacity, uint32_t sessions_max) {
  return {.sessions = fetch_session_cache::share_of(sessions_max, {on.id().value(), on.core_count()}),
          .bytes = capacity / sessions_share,
          .partitions = request_parts_max};
}

/// Connections on their way from one core to others: a share of the rings between cores.
constexpr size_t passings_max = 64;
constexpr base::duration turned_away_pause = base::seconds(10);
constexpr base::duration too_large_pause = base::seconds(10);

reactor::task<void> close_handle(reactor::core* on, int handle) {
  reactor::awaited_op closing(*on, reactor::op_kind::close);
  closing.handle = handle;
  co_await closing;
}
}  // namespace

/// One listening socket.
class door::acceptor final : public reactor::connection_handler {
 public:
  acceptor(door& d, size_t number, listener_address advertised)
      : advertised_(std::move(advertised)), door_(d), number_(number), listener_(d.on(), *this) {}
  void on_accept(int handle) override { door_.accepted(handle, number_); }
  reactor::listener& socket() noexcept { return listener_; }
  listener_address advertised_;

 private:
  door& door_;
  const size_t number_;  // in the order of the listeners, which is the same on all cores
  reactor::listener listener_;
};

/// A connected socket on its way to the core that will serve it; comes home to be used again.
class door::passing final : public reactor::mail {
 public:
  explicit passing(door& home) : home_(home), home_id_(home.on().id()) {}
  void run(reactor::core& on) override {
    if (to_ == nullptr) {
      home_.passings_free_.push_back(this);
      home_.passed_.wake_all();
      return;
    }
    door& to = *std::exchange(to_, nullptr);
    to.begin(handle_, listener_);
    on.post(home_id_, *this);
  }
  const char* what() const noexcept override { return "connection from another core"; }

 private:
  friend class door;
  door& home_;  // touched at home only
  const base::core_id home_id_;
  door* to_ = nullptr;
  int handle_ = -1;
  size_t listener_ = 0;
};

door::door(reactor::core& on, broker::broker_core& broker, broker::catalog& catalog, broker::controller& controller,
           broker::group_coordinator& groups, reactor::connection_shares& shares, huge_frames& huge, door_options options)
    : core_(on),
      broker_(broker),
      catalog_(catalog),
      controller_(controller),
      groups_(groups),
      producer_ids_(on, controller),
      shares_(shares),
      options_(options),
      passed_(on),
      requests_(served_apis().size()),
      frames_(on, options.request_bytes_max, huge),
      held_(on.memory().capacity() / 8, on.memory().capacity() / 4),
      relief_(*this),
      batch_bytes_max_(broker::batch_bytes_max(on.memory().capacity())),
      quick_lane_(on, frames_, quick_bytes_max, window_log_least),
      long_lane_(on, frames_, UINT64_MAX, window_log(on.memory().capacity())),
      checks_(checks_max),
      sessions_(session_bounds(on, on.memory().capacity(), options.fetch_sessions_max), {on.id().value(), on.core_count()},
                on.random()),
      produces_(*this, std::max(spare_least, on.memory().capacity() >> 20)),
      fetches_(*this, std::max(spare_least, on.memory().capacity() >> 20)),
      scope_(std::make_unique<reactor::scope>(on)) {
  unpacker_.limit_window(window_log_least);
}

door::~door() = default;

base::result<void> door::open(std::vector<door_listener>& listeners, door_listener* own) {
  for (door_listener& l : listeners) {
    TRY_CHECK(listen(l));
  }
  listeners_ = listeners;
  if (own == nullptr) return {};
  own->advertised.of_core = true;
  TRY_CHECK(listen(*own));
  own_address_ = own->advertised;
  return {};
}

base::result<void> door::listen(door_listener& at) {
  acceptors_.push_back(std::make_unique<acceptor>(*this, acceptors_.size(), at.advertised));
  acceptor& a = *acceptors_.back();
  TRY_CHECK(a.socket().open(at.bind));
  at.bind.port = a.socket().port();
  if (at.advertised.port == 0) at.advertised.port = at.bind.port;
  a.advertised_ = at.advertised;
  return {};
}

void door::meet(std::vector<door*> doors) {
  doors_ = std::move(doors);
  if (!own_address_.of_core) return;
  for (const door* d : doors_) core_addresses_.push_back(d->own_address_);
}

void door::accepted(int handle, size_t listener) {
  ++counters_.accepted;
  const bool stays = doors_.empty() || acceptors_[listener]->advertised_.of_core;
  const base::core_id target = stays ? core_.id() : shares_.place(core_.id());
  if (shares_.total() >= shares_.limit() || shares_.of(target) >= options_.connections_max) {
    turn_away(handle);
  } else if (target == core_.id() || !pass(handle, listener, target)) {
    shares_.begin(core_.id());
    begin(handle, listener);
  }
}

/// False where enough are on their way already.
bool door::pass(int handle, size_t listener, base::core_id target) {
  if (passings_free_.empty()) {
    if (passings_.size() == passings_max) return false;
    passings_.push_back(std::make_unique<passing>(*this));
    passings_free_.push_back(passings_.back().get());
  }
  passing& p = *passings_free_.back();
  passings_free_.pop_back();
  p.to_ = doors_[target.value()];
  p.handle_ = handle;
  p.listener_ = listener;
  shares_.begin(target);
  ++counters_.passed_on;
  core_.post(target, p);
  return true;
}

/// It is counted in the shares already.
void door::begin(int handle, size_t listener) {
  ++connection_count_;
  auto* c = new connection(*this, handle, acceptors_[listener]->advertised_);
  connections_.push_back(*c);
  if (core_.log().wants(base::log_level::debug)) {
    core_.log().debug("kafka", "connection begun", base::field("peer", core_.effects().peer_name(handle)));
  }
  if (closing_) c->abort("stopping");
  scope_->spawn(serve(c));
}

/// There are as many as may be: the client sees the connection close.
void door::turn_away(int handle) {
  ++counters_.turned_away;
  scope_->spawn(close_handle(&core_, handle));
  const bool said_lately = turned_away_count_said_ > 0 && core_.now() - turned_away_said_ < turned_away_pause;
  if (said_lately) return;
  core_.log().warn("kafka", "new connections are closed: there are as many as may be",
                   base::field("connections", shares_.total()), base::field("limit", shares_.limit()),
                   base::field("closed", counters_.turned_away - turned_away_count_said_));
  turned_away_said_ = core_.now();
  turned_away_count_said_ = counters_.turned_away;
}

/// A frame that may be asked for, and that this much memory never holds: its connection ends as with a longer one.
void door::note_too_large(connection& c, size_t bytes) {
  if (too_large_said_ > base::instant{} && core_.now() - too_large_said_ < too_large_pause) return;
  too_large_said_ = core_.now();
  core_.log().warn("kafka", "connection closed: its request is larger than memory takes", base::field("peer", c.peer_name()),
                   base::field("bytes", bytes), base::field("limit", frames_.frame_max()));
}

reactor::task<void> door::serve(connection* c) {
  co_await c->run();
  ++counters_.closed;
  --connection_count_;
  shares_.end(core_.id());
  delete c;
}

reactor::task<void> door::stop_accepting() {
  for (auto& a : acceptors_) co_await a->socket().close();
  while (passings_free_.size() < passings_.size()) co_await passed_.wait();
}

reactor::task<void> door::close(base::duration limit) {
  co_await stop_accepting();
  closing_ = true;
  for (connection& c : connections_) c.end();
  const base::instant until = core_.now() + limit;
  while (connection_count_ > 0 && core_.now() < until) co_await reactor::sleep(core_, base::milliseconds(5));
  for (connection& c : connections_) c.abort("stopping");
  if (connection_count_ > 0) co_await broker_.refuse_cold_reads();
  co_await scope_->close();
  core_.timers().disarm(relief_);
}

void door::abandon() noexcept {
  scope_->abandon();
  for (auto& a : acceptors_) a->socket().abandon();
  while (!connections_.empty()) {
    connection& c = connections_.pop_front();
    c.abandon();
    delete &c;
  }
}

void door::change_held(const held_bytes& before, const held_bytes& now) {
  const bool was_over = held_.over();
  const bool was_exhausted = held_.exhausted();
  const bool was_full = held_.full();
  held_.change(before, now);
  if (core_.abandoned()) return;
  if (!was_exhausted && held_.exhausted()) exhausted_since_ = core_.now();
  if (!was_over && held_.over()) core_.timers().arm(relief_, core_.now());
  if (was_over && !held_.over()) core_.timers().disarm(relief_);
  const bool more_may_read =
      (was_over && !held_.over()) || (was_exhausted && !held_.exhausted()) || (was_full && !held_.full());
  if (!more_may_read) return;
  for (connection& c : connections_) c.look_again();
}

void door::first_frame_left() noexcept {
  if (!held_.over() || core_.abandoned()) return;
  if (held_.exhausted()) exhausted_since_ = core_.now();  // it does come on
  for (connection& c : connections_) {
    if (c.goes_first()) c.look_again();
  }
}

/// A bound is passed: one connection at a time goes, until it is kept again.
void door::relieve() {
  if (!held_.over() || closing_) return;
  for (connection& c : connections_) c.hurry_parked();
  base::instant next = core_.now() + relief_again;
  if (connection* const gone = wanted_away()) {
    gone->abort("its memory is wanted");
    next = core_.now() + relief_next;
  }
  core_.timers().arm(relief_, next);
}

/// The one that took no answer for longest, if that is long. Where nobody has been read for as long, the one whose frame
/// has no room and that sent most of it: those that have room wait for it to be read.
connection* door::wanted_away() {
  connection* slowest = nullptr;
  connection* fullest = nullptr;
  for (connection& c : connections_) {
    if (c.aborted()) continue;
    if (c.pins() && (slowest == nullptr || c.last_progress() < slowest->last_progress())) slowest = &c;
    if (c.unplaced() > (fullest == nullptr ? 0 : fullest->unplaced())) fullest = &c;
  }
  if (slowest != nullptr && core_.now() - slowest->last_progress() >= patience) return slowest;
  return held_.exhausted() && core_.now() - exhausted_since_ >= patience ? fullest : nullptr;
}

}  // namespace millrace::api::kafka
