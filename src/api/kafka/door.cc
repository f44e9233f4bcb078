#include "api/kafka/door.hh"

#include <algorithm>
#include <bit>

#include "api/kafka/connection.hh"
#include "api/kafka/fetch_exchange.hh"
#include "api/kafka/produce_exchange.hh"

namespace millrace::api::kafka {

namespace {
constexpr base::duration close_limit = base::seconds(5);
/// What all connections may check in one turn: eight times what one may.
constexpr size_t checks_max = 8 << 20;
/// What comes out of a batch in the quick lane at most.
constexpr uint64_t quick_bytes_max = 8 << 20;
/// zstd windows: what its format has every reader open (8 MiB), more where there is memory, 128 MiB at most.
constexpr unsigned window_log_least = 23;
constexpr unsigned window_log_most = 27;

unsigned window_log(size_t core_memory_bytes) {
  const auto log = static_cast<unsigned>(std::bit_width(core_memory_bytes / 8)) - 1;
  return std::clamp(log, window_log_least, window_log_most);
}
}  // namespace

uint64_t batch_bytes_max(uint64_t core_memory_bytes) {
  constexpr uint64_t one_block = reactor::memory::block_bytes_max - (64 << 10);
  return std::min(one_block, core_memory_bytes / 8);
}

/// One listening socket.
class door::acceptor final : public reactor::connection_handler {
 public:
  acceptor(door& d, listener_address advertised)
      : advertised_(std::move(advertised)), door_(d), listener_(d.on(), *this) {}
  void on_accept(int handle) override { door_.accepted(handle, advertised_); }
  reactor::listener& socket() noexcept { return listener_; }
  listener_address advertised_;

 private:
  door& door_;
  reactor::listener listener_;
};

door::door(reactor::core& on, broker::broker_core& broker, broker::catalog& catalog, broker::controller& controller,
           door_options options)
    : core_(on),
      broker_(broker),
      catalog_(catalog),
      controller_(controller),
      options_(options),
      frames_(on.memory().capacity() / 8, on.memory().capacity() / 4, options.request_bytes_max),
      batch_bytes_max_(kafka::batch_bytes_max(on.memory().capacity())),
      quick_lane_(on, frames_, quick_bytes_max, window_log_least),
      long_lane_(on, frames_, UINT64_MAX, window_log(on.memory().capacity())),
      checks_(checks_max),
      produces_(*this),
      fetches_(*this),
      scope_(std::make_unique<reactor::scope>(on)) {
  unpacker_.limit_window(window_log_least);
}

door::~door() = default;

base::result<void> door::open(std::vector<door_listener>& listeners) {
  for (door_listener& l : listeners) {
    acceptors_.push_back(std::make_unique<acceptor>(*this, l.advertised));
    acceptor& a = *acceptors_.back();
    TRY_CHECK(a.socket().open(l.bind));
    l.bind.port = a.socket().port();
    if (l.advertised.port == 0) l.advertised.port = l.bind.port;
    a.advertised_ = l.advertised;
  }
  listeners_ = listeners;
  return {};
}

void door::accepted(int handle, const listener_address& advertised) {
  ++counters_.accepted;
  ++connection_count_;
  auto* c = new connection(*this, handle, advertised);
  connections_.push_back(*c);
  // Over the limit, or closing: the client sees the connection close.
  if (closing_ || connection_count_ > options_.connections_max) c->abort("too many connections");
  scope_->spawn(serve(c));
}

reactor::task<void> door::serve(connection* c) {
  co_await c->run();
  ++counters_.closed;
  --connection_count_;
  delete c;
}

reactor::task<void> door::close() {
  closing_ = true;
  for (auto& a : acceptors_) co_await a->socket().close();
  for (connection& c : connections_) c.end();
  const base::instant limit = core_.now() + close_limit;
  while (connection_count_ > 0 && core_.now() < limit) co_await reactor::sleep(core_, base::milliseconds(5));
  for (connection& c : connections_) c.abort("stopping");
  co_await scope_->close();
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

void door::pin(size_t bytes) {
  pinned_ += bytes;
  if (pinned_ <= core_.memory().capacity() / 4) return;
  // Slow readers hold too much of the tails: the one that took nothing for longest goes.
  connection* slowest = nullptr;
  for (connection& c : connections_) {
    if (c.pins() && (slowest == nullptr || c.last_progress() < slowest->last_progress())) slowest = &c;
  }
  if (slowest != nullptr) slowest->abort("slow reader holds too much memory");
}

}  // namespace millrace::api::kafka
