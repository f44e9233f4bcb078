#include <algorithm>

#include "client/call.hh"
#include "client/connection.hh"
#include "wire/kafka/messages/api_versions.hh"

/// How a connection comes to be: a socket, and what the broker knows.

namespace millrace::client {

namespace {

/// Ends an attempt to connect that takes too long.
class connect_limit final : public reactor::timer {
 public:
  connect_limit(reactor::core& on, reactor::op& connecting) : core_(on), connecting_(connecting) {}
  void run(reactor::core&) override {
    fired = true;
    core_.cancel(connecting_);
  }
  bool fired = false;

 private:
  reactor::core& core_;
  reactor::op& connecting_;
};

constexpr int16_t unsupported_version = 35;

}  // namespace

reactor::task<base::result<void>> connection::open() {
  while (state_ == state::opening || state_ == state::closing) co_await changed_.wait();
  if (state_ == state::open) co_return base::result<void>();
  if (tasks_.closing()) co_return base::fail(base::errc::closed);
  state_ = state::opening;
  while (core_.now() < not_before_ && !tasks_.closing()) co_await reactor::sleep(core_, not_before_ - core_.now());
  const base::result<void> opened = co_await open_now();
  if (opened) {
    backoff_ = options_.backoff_least;
  } else {
    backoff_ = std::clamp(backoff_ * 2, options_.backoff_least, options_.backoff_most);
    not_before_ = core_.now() + backoff_;
    if (!socket_) state_ = state::closed;
    while (state_ == state::closing) co_await changed_.wait();
  }
  changed_.wake_all();
  co_return opened;
}

reactor::task<base::result<void>> connection::open_now() {
  const base::result<int> handle = co_await connect();
  if (!handle) co_return handle.failure();
  if (tasks_.closing()) {
    reactor::awaited_op closing(core_, reactor::op_kind::close);
    closing.handle = *handle;
    co_await closing;
    co_return base::fail(base::errc::closed);
  }
  socket_ = std::make_unique<reactor::socket>(core_, *handle);
  tasks_.spawn(run(), "client connection");
  const base::result<void> negotiated = co_await negotiate();
  if (!negotiated) {
    end_with(negotiated.error());
    co_return negotiated;
  }
  if (state_ != state::opening) co_return base::fail(base::errc::closed);
  state_ = state::open;
  co_return base::result<void>();
}

reactor::task<base::result<int>> connection::connect() {
  reactor::awaited_op connecting(core_, reactor::op_kind::connect);
  connecting.path = address_.host.c_str();
  connecting.port = address_.port;
  connect_limit limit(core_, connecting);
  core_.timers().arm(limit, core_.now() + options_.connect_timeout);
  const int64_t handle = co_await connecting;
  if (handle >= 0) co_return static_cast<int>(handle);
  if (limit.fired) co_return base::fail(base::errc::timed_out);
  co_return base::fail_errno(static_cast<int>(-handle));
}

/// Our newest ApiVersions first; a broker that does not know it says so in version 0, which all know (KIP-511).
reactor::task<base::result<void>> connection::negotiate() {
  CO_TRY(bool known, co_await ask_versions(3));
  if (!known) {
    CO_TRY(known, co_await ask_versions(0));
  }
  if (!known) co_return base::fail(base::errc::unsupported);
  co_return base::result<void>();
}

/// False: the broker does not know this version of the question.
reactor::task<base::result<bool>> connection::ask_versions(int16_t version) {
  using namespace wire::kafka;
  const api_versions_request request{
      .client_software_name = "millrace", .client_software_version = MILLRACE_VERSION, .cluster_id = {}};
  if (state_ != state::opening) co_return base::fail(why_.code, why_.detail);
  waiting_call call(core_);
  send(call, request, {.key = api_versions_request::api_key, .version = version, .timeout = options_.request_timeout});
  const base::result<std::vector<uint8_t>> frame = co_await call;
  if (!frame) co_return frame.failure();
  reader in(*frame);
  const int16_t code = reader(*frame).number<int16_t>();
  if (code == unsupported_version && version > 0) co_return false;
  if (code != 0) co_return base::fail(base::errc::refused, code);
  arena memory(size_t{1} << 20);
  const auto answer = decode<api_versions_response>(in, version, memory);
  if (!answer) co_return answer.failure();
  versions_.fill({});
  for (const api_versions_response_version& one : answer->api_keys) {
    const auto key = static_cast<size_t>(one.api_key);
    if (one.api_key >= 0 && key < versions_.size()) versions_[key] = {.least = one.min_version, .most = one.max_version};
  }
  co_return true;
}

}  // namespace millrace::client
