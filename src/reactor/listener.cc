#include "reactor/listener.hh"

#include <cerrno>
#include <utility>

#include "base/assert.hh"

namespace millrace::reactor {

listener::listener(core& on, connection_handler& handler)
    : core_(on), handler_(handler), accept_(*this), resume_(*this), ended_(on) {}

listener::~listener() { ASSERT(core_.abandoned() || handle_ < 0); }

base::result<void> listener::open(const listen_address& where) {
  ASSERT(handle_ < 0);
  TRY(const listening made, core_.effects().listen(where));
  handle_ = made.handle;
  port_ = made.port;
  closing_ = false;
  accept_.handle = handle_;
  core_.submit(accept_);
  return {};
}

void listener::arrivals::run(core&) {
  if (owner_.closing_) {
    owner_.ended_.wake_all();
    return;
  }
  owner_.hand_over();
  if (!in_flight) owner_.after_end();
}

void listener::resumption::run(core& on) {
  if (!owner_.closing_ && !owner_.accept_.in_flight) on.submit(owner_.accept_);
}

void listener::hand_over() {
  while (accept_.count > 0) {
    const int handle = accept_.accepted[accept_.begin];
    accept_.begin = (accept_.begin + 1) % accept_op::capacity;
    --accept_.count;
    ++accepted_;
    handler_.on_accept(handle);
  }
}

void listener::after_end() {
  if (accept_.result == 1) {
    core_.submit(accept_);
    return;
  }
  // EMFILE, ENFILE, ENOMEM, ENOBUFS and whatever the network layer reports: later it may go well.
  ++pauses_;
  core_.log().warn("reactor", "accepting pauses", base::field("port", unsigned{port_}),
                   base::field("errno", -accept_.result), base::field("pause", pause));
  core_.timers().arm(resume_, core_.now() + pause);
}

task<void> listener::close() {
  if (handle_ < 0) co_return;
  closing_ = true;
  resume_.unlink();
  core_.cancel(accept_);
  for (;;) {
    // What was accepted is taken, so that the backend can go on to the end.
    while (accept_.count > 0) {
      awaited_op ending(core_, op_kind::close);
      ending.handle = accept_.accepted[accept_.begin];
      accept_.begin = (accept_.begin + 1) % accept_op::capacity;
      --accept_.count;
      co_await ending;
    }
    if (!accept_.in_flight) break;
    co_await ended_.wait();
  }
  accept_.unlink();
  awaited_op closing(core_, op_kind::close);
  closing.handle = std::exchange(handle_, -1);
  co_await closing;
}

}  // namespace millrace::reactor
