#include "server/wiring.hh"

#include <unistd.h>
#include <csignal>

#include "reactor/call.hh"
#include "server/config_address.hh"

namespace millrace::server {

using base::result;
using reactor::task;

namespace {

std::string text_of(const reactor::listen_address& a) { return address_text({.name = {}, .host = a.host, .port = a.port}); }

std::string listed(const std::vector<api::kafka::door_listener>& listeners) {
  std::string text;
  for (const api::kafka::door_listener& l : listeners) {
    if (!text.empty()) text += ",";
    text += text_of(l.bind);
  }
  return text;
}

}  // namespace

wiring::wiring(assembly_options options, unsigned cores, base::log_level log_least)
    : parts_(std::move(options), cores), log_least_(log_least) {}

wiring::~wiring() = default;

void wiring::start(reactor::core& on) {
  parts_.make(on);
  if (on.id().value() != 0) return;
  life_ = std::make_unique<reactor::scope>(on);
  stop_wanted_ = std::make_unique<reactor::wait_list>(on);
  life_->spawn(live(&on));
}

/// The stop goes in order, from core 0; the others end when they are told.
void wiring::stop(reactor::core& on) {
  if (on.id().value() != 0) return;
  parts_.ask_stop();
  stop_wanted_->wake_all();
}

void wiring::finish(reactor::core& on) {
  if (on.id().value() == 0) {
    life_.reset();
    stop_wanted_.reset();
  }
  parts_.destroy(on);
}

task<void> wiring::live(reactor::core* home) {
  const result<void> booted = co_await boot();
  const bool ends_by_itself = !booted && !parts_.stopping();
  if (booted) {
    say_ready(*home);
    while (!parts_.stopping()) co_await stop_wanted_->wait();
    home->log().info("server", "stopping");
  } else if (ends_by_itself) {
    failed_ = true;
  }
  const result<void> stopped = co_await parts_.stop();
  if (!stopped) {
    home->log().error("server", "stop was not clean", base::field("error", stopped.error()));
    failed_ = true;
  }
  if (ends_by_itself) kill(getpid(), SIGTERM);  // wakes main(), which waits for a signal
  for (unsigned i = parts_.cores(); i-- > 1;) {
    co_await reactor::call_on(*home, base::core_id(i), [](reactor::core& there) { there.stop(); });
  }
  home->stop();
}

task<result<void>> wiring::boot() {
  CO_TRY_CHECK(co_await parts_.recover());
  CO_TRY_CHECK(co_await parts_.open());
  co_return result<void>();
}

void wiring::say_ready(reactor::core& home) {
  const assembly_options& o = parts_.options();
  // Scripts wait for this line, whatever level is asked for.
  home.log().set_least(base::log_level::info);
  home.log().info("server", "ready", base::field("kafka", listed(o.listeners)),
                  base::field("core_listeners", o.core_listeners.empty() ? "off" : listed(o.core_listeners)),
                  base::field("http", o.http ? text_of(o.http->bind) : "off"), base::field("cores", parts_.cores()),
                  base::field("cluster", parts_.controller().cluster_id()));
  home.log().set_least(log_least_);
}

}  // namespace millrace::server
