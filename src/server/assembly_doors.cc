#include <cerrno>

#include "reactor/call.hh"
#include "server/assembly.hh"
#include "server/config_address.hh"

/// The doors of the broker. HTTP is the first to open, since it says how far the broker is, and the last to close.

namespace millrace::server {

using base::result;
using reactor::task;

result<void> assembly::open_http() {
  TRY_CHECK(begin("http"));
  if (!options_.http) return {};
  api::http::node_view view{
      .version = options_.version, .cores = {}, .topics = &parts_[0]->catalog, .read_process = options_.read_process};
  for (auto& p : parts_) view.cores.push_back({.core = &p->core, .broker = &p->broker, .groups = &p->groups});
  http_ = std::make_unique<api::http::door>(home(), std::move(view), options_.http->door);
  reactor::listen_address& bind = options_.http->bind;
  const result<void> opened = http_->open(bind);
  if (!opened) {
    http_.reset();
    const bool used = opened.error().detail == EADDRINUSE;
    const std::string what = address_text({.name = {}, .host = bind.host, .port = bind.port});
    home().log().error("server",
                       "cannot start: http: " + what + (used ? " is in use" : " cannot be listened on") +
                           "; another address: --http HOST:PORT, none: --http off",
                       base::field("error", opened.error()));
    return opened;
  }
  bind.port = http_->port();
  return {};
}

void assembly::report_listener(const api::kafka::door_listener& one, base::error why) {
  const char* const what = why.detail == EADDRINUSE ? "cannot start: address in use" : "cannot start: cannot listen";
  home().log().error("server", what, base::field("host", one.bind.host), base::field("port", one.bind.port),
                     base::field("error", why));
}

/// Our cores share each port, and so another broker of the same user could: each is bound alone first.
task<result<void>> assembly::find_ports_free() {
  for (const api::kafka::door_listener& one : options_.listeners) {
    if (one.bind.port == 0) continue;
    reactor::listen_address alone = one.bind;
    alone.shared = false;
    const auto made = home().effects().listen(alone);
    if (!made) {
      report_listener(one, made.error());
      co_return made.failure();
    }
    reactor::awaited_op closing(home(), reactor::op_kind::close);
    closing.handle = made->handle;
    co_await closing;
  }
  co_return result<void>();
}

/// Core 0 binds first, so that all cores share the port that the kernel chose.
task<result<void>> assembly::open() {
  CO_TRY_CHECK(begin("doors"));
  CO_TRY_CHECK(co_await find_ports_free());
  for (auto& p : parts_) {
    core_parts* part = p.get();
    const unsigned index = part->core.id().value();
    api::kafka::door_listener* own = options_.core_listeners.empty() ? nullptr : &options_.core_listeners[index];
    const result<void> opened = co_await reactor::call_on(home(), part->core.id(), [part, own, this](reactor::core& there) {
      part->door = std::make_unique<api::kafka::door>(there, part->broker, part->catalog, *controller_, part->groups,
                                                      shares_, huge_frames_, options_.door);
      return part->door->open(options_.listeners, own);
    });
    if (opened) continue;
    const size_t at = part->door->tried() - 1;
    report_listener(at < options_.listeners.size() ? options_.listeners[at] : *own, opened.error());
    co_return opened;
  }
  std::vector<api::kafka::door*> doors;
  doors.reserve(parts_.size());
  for (auto& p : parts_) doors.push_back(p->door.get());
  const std::vector<api::kafka::door*>* all = &doors;
  co_await tell_all([all](core_parts& part) { part.door->meet(*all); });
  if (http_) {
    for (size_t i = 0; i < parts_.size(); ++i) http_->view().cores[i].door = parts_[i]->door.get();
    http_->view().state = api::http::node_state::serving;
  }
  co_return result<void>();
}

}  // namespace millrace::server
