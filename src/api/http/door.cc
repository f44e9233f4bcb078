#include "api/http/door.hh"

#include <algorithm>

#include "api/http/connection.hh"
#include "reactor/wait.hh"

namespace millrace::api::http {

namespace {
/// Of the core's memory, at least so much.
constexpr size_t memory_share = 32;
constexpr size_t memory_least = 2 << 20;

reactor::task<void> close_handle(reactor::core* on, int handle) {
  reactor::awaited_op closing(*on, reactor::op_kind::close);
  closing.handle = handle;
  co_await closing;
}
}  // namespace

door::door(reactor::core& on, node_view view, door_options options)
    : core_(on),
      view_(std::move(view)),
      options_(options),
      listener_(on, *this),
      memory_(std::max(on.memory().capacity() / memory_share, memory_least)),
      scope_(std::make_unique<reactor::scope>(on)) {}

door::~door() = default;

base::result<void> door::open(const reactor::listen_address& where) { return listener_.open(where); }

void door::on_accept(int handle) {
  ++counters_.accepted;
  const bool full = connection_count_ >= options_.connections_max;
  const bool crowded = connection_count_ >= 2 * options_.connections_max;  // who gave way is not gone yet
  if (closing_ || crowded || (full && !make_room())) {
    ++counters_.turned_away;
    scope_->spawn(close_handle(&core_, handle));
    return;
  }
  ++connection_count_;
  auto* c = new connection(*this, handle);
  connections_.push_back(*c);
  scope_->spawn(serve(c), "http connection");
}

/// Who has had its connection for longest without asking, or without asking to the end, gives way: those that keep
/// connections open must not lock others out. False where all are being answered.
bool door::make_room() {
  connection* longest = nullptr;
  for (connection& c : connections_) {
    if (!c.waits() || c.ended()) continue;
    if (longest == nullptr || c.waits_since() < longest->waits_since()) longest = &c;
  }
  if (longest == nullptr) return false;
  longest->abort();
  return true;
}

reactor::task<void> door::serve(connection* c) {
  co_await c->run();
  --connection_count_;
  delete c;
}

reactor::task<void> door::close(base::duration limit) {
  if (listener_.is_open()) co_await listener_.close();
  closing_ = true;
  for (connection& c : connections_) c.end();
  const base::instant until = core_.now() + limit;
  while (connection_count_ > 0 && core_.now() < until) co_await reactor::sleep(core_, base::milliseconds(5));
  for (connection& c : connections_) c.abort();
  co_await scope_->close();
}

void door::abandon() noexcept {
  scope_->abandon();
  listener_.abandon();
  while (!connections_.empty()) {
    connection& c = connections_.pop_front();
    c.abandon();
    delete &c;
  }
}

}  // namespace millrace::api::http
