#include "api/kafka/door.hh"

#include "api/kafka/connection.hh"
#include "api/kafka/fetch_exchange.hh"
#include "api/kafka/produce_exchange.hh"

namespace millrace::api::kafka {

namespace {
constexpr base::duration close_limit = base::seconds(5);
}  // namespace

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
      produces_(*this),
      fetches_(*this),
      scope_(std::make_unique<reactor::scope>(on)) {}

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
