#include <cerrno>

#include "server/config_address.hh"
#include "server/process_numbers.hh"
#include "server/wiring.hh"

/// The HTTP door: the first to open, since it says how far the broker is, and the last to close.

namespace millrace::server {

base::result<void> wiring::open_http(reactor::core& home) {
  if (!options_.http) return {};
  api::http::node_view view{.version = options_.version,
                            .cores = {},
                            .topics = &parts_[home.id().value()]->catalog,
                            .read_process = read_process_numbers};
  for (auto& p : parts_) view.cores.push_back({.core = &p->core, .broker = &p->broker, .groups = &p->groups});
  http_ = std::make_unique<api::http::door>(home, std::move(view), options_.http->door);
  reactor::listen_address& bind = options_.http->bind;
  const base::result<void> opened = http_->open(bind);
  if (!opened) {
    http_.reset();
    const bool used = opened.error().detail == EADDRINUSE;
    const std::string what = address_text({.name = {}, .host = bind.host, .port = bind.port});
    home.log().error("server",
                     "cannot start: http: " + what + (used ? " is in use" : " cannot be listened on") +
                         "; another address: --http HOST:PORT, none: --http off",
                     base::field("error", opened.error()));
    return opened;
  }
  bind.port = http_->port();
  return {};
}

/// From now on their counters are shown.
void wiring::show_doors() {
  if (!http_) return;
  for (size_t i = 0; i < parts_.size(); ++i) http_->view().cores[i].door = parts_[i]->door.get();
}

reactor::task<void> wiring::close_http() {
  if (http_) co_await http_->close();
}

}  // namespace millrace::server
