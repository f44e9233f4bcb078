#include "server/wiring.hh"

#include <unistd.h>
#include <csignal>
#include <map>

#include "reactor/call.hh"
#include "server/config_address.hh"
#include "server/start_problem.hh"
#include "storage/data_dir.hh"
#include "storage/layout.hh"
#include "storage/scan_recovery.hh"

namespace millrace::server {

using base::errc;
using base::fail;
using base::result;
using reactor::task;

namespace {
std::string text_of(const reactor::listen_address& a) { return address_text({.name = {}, .host = a.host, .port = a.port}); }
}  // namespace

wiring::core_parts::core_parts(reactor::core& on, wiring& whole)
    : core(on),
      catalog(on),
      broker(on, whole.options_.storage, whole.options_.producers, whole.options_.retention, whole.options_.compaction),
      groups(broker, catalog, whole.options_.groups),
      scope(on) {}

wiring::wiring(wiring_options options, unsigned cores)
    : options_(std::move(options)),
      cores_(cores),
      shares_(cores, options_.connections_max),
      huge_frames_(cores, options_.huge_frame_bytes, options_.door.request_bytes_max),
      parts_(cores) {}

wiring::~wiring() = default;

// ---- on each core

void wiring::start(reactor::core& on) {
  parts_[on.id().value()] = std::make_unique<core_parts>(on, *this);
  if (on.id().value() != 0) return;
  store_ = std::make_unique<broker::file_store>(on, options_.storage.data_dir + "/meta/catalog");
  controller_ = std::make_unique<broker::controller>(on, options_.controller, *store_);
  life_ = std::make_unique<reactor::scope>(on);
  stop_wanted_ = std::make_unique<reactor::wait_list>(on);
  life_->spawn(live(&on));
}

/// The stop goes in order, from core 0; the others end when they are told.
void wiring::stop(reactor::core& on) {
  if (on.id().value() != 0) return;
  stopping_ = true;
  stop_wanted_->wake_all();
}

void wiring::finish(reactor::core& on) {
  if (on.id().value() == 0) {
    life_.reset();
    http_.reset();
    controller_.reset();
    store_.reset();
    stop_wanted_.reset();
  }
  parts_[on.id().value()].reset();
}

// ---- core 0: the life of the broker

task<void> wiring::live(reactor::core* home) {
  const result<void> booted = co_await boot(*home);
  if (booted) {
    say_ready(*home);
    while (!stopping_) co_await stop_wanted_->wait();
    home->log().info("server", "stopping");
  } else if (!stopping_) {
    failed_ = true;
  }
  const bool ends_by_itself = !booted && !stopping_;
  const result<void> stopped = co_await shut_down(*home);
  if (!stopped) {
    home->log().error("server", "stop was not clean", base::field("error", stopped.error()));
    failed_ = true;
  }
  if (ends_by_itself) kill(getpid(), SIGTERM);  // wakes main(), which waits for a signal
  for (unsigned i = cores_; i-- > 0;) {
    const base::core_id target = id(i);
    co_await reactor::call_on(*home, target, [](reactor::core& there) { there.stop(); });
  }
}

void wiring::report(reactor::core& home, const char* step, base::error why) {
  const std::string reason = reason_of(why);
  home.log().error("server", reason.empty() ? "cannot start" : "cannot start: " + reason, base::field("step", step),
                   base::field("error", why), base::field("path", options_.storage.data_dir));
}

/// A stop that is asked for meanwhile is noticed between the steps, and ends the boot with errc::closed.
task<result<void>> wiring::boot(reactor::core& home) {
  CO_TRY_CHECK(open_http(home));
  const result<void> storage = co_await boot_storage(home);
  if (!storage) co_return storage;
  if (stopping_) co_return fail(errc::closed);
  std::vector<broker::broker_core*> brokers;
  std::vector<broker::catalog*> catalogs;
  for (auto& p : parts_) {
    brokers.push_back(&p->broker);
    catalogs.push_back(&p->catalog);
  }
  for (unsigned i = 0; i < cores_; ++i) {
    const base::core_id target = id(i);
    const std::vector<broker::broker_core*>* all = &brokers;
    core_parts* part = parts_[i].get();
    co_await reactor::call_on(home, target, [part, all](reactor::core&) { part->broker.meet(*all); });
  }
  const result<void> started = co_await controller_->start(std::move(brokers), std::move(catalogs));
  if (!started) {
    report(home, "catalog", started.error());
    co_return started;
  }
  if (stopping_) co_return fail(errc::closed);
  co_await start_groups(home);
  if (stopping_) co_return fail(errc::closed);
  const result<void> open = co_await open_doors(home);
  co_return open;
}

task<result<void>> wiring::boot_storage(reactor::core& home) {
  const std::string data_dir = options_.storage.data_dir;
  const result<void> claimed = co_await storage::claim(home, data_dir);
  if (!claimed) co_return claimed;  // said there, in words of its own
  if (stopping_) co_return fail(errc::closed);
  const result<void> loaded = co_await controller_->load();
  if (!loaded) {
    report(home, "catalog", loaded.error());
    co_return loaded;
  }
  if (stopping_) co_return fail(errc::closed);
  std::string argument = data_dir;
  task<result<storage::recovered>> recovery = options_.recover_by_scan ? storage::recover_by_scan(home, std::move(argument))
                                                                       : storage::recover(home, std::move(argument));
  result<storage::recovered> found = co_await std::move(recovery);
  if (!found) {
    report(home, "recovery", found.error());
    co_return found.failure();
  }
  if (stopping_) co_return fail(errc::closed);
  const result<base::leader_epoch> epoch = co_await storage::raise_start_number(home, data_dir, found->start_number);
  if (!epoch) {
    report(home, "start number", epoch.error());
    co_return epoch.failure();
  }
  if (!found->clean) {
    home.log().info("server", "recovered after an unclean stop", base::field("records", found->records),
                    base::field("bytes", found->bytes), base::field("cut_groups", found->cut_groups));
  }
  // Each log goes to the core that owns it now; logs that the catalog does not know were deleted.
  std::map<storage::log_id, broker::known_log> known;
  for (broker::known_log& k : controller_->logs()) known.emplace(k.id, std::move(k));
  std::vector<std::vector<storage::log_manager::taken>> shares(cores_);
  for (storage::log_state& s : found->logs) {
    const auto k = known.find(s.id);
    if (k == known.end()) continue;
    shares[k->second.owner.value()].push_back({std::move(s), k->second.config});
  }
  for (unsigned i = 0; i < cores_; ++i) {
    const base::core_id target = id(i);
    core_parts* part = parts_[i].get();
    std::vector<storage::log_manager::taken>* share = &shares[i];
    const base::leader_epoch number = *epoch;
    const bool clean = found->clean;
    const result<void> started = co_await reactor::call_task_on(
        home, target, part->scope,
        [part, share, number, clean](reactor::core&) { return part->broker.start(std::move(*share), number, clean); });
    if (!started) {
      report(home, "storage", started.error());
      co_return started;
    }
    if (stopping_) co_return fail(errc::closed);
  }
  const result<void> retired = co_await storage::retire(home, data_dir, std::move(found->superseded));
  if (!retired) {
    report(home, "retiring old files", retired.error());
    co_return retired;
  }
  parts_[0]->scope.spawn(storage::remove_deleted(home, data_dir, std::move(found->deleted), &parts_[0]->scope));
  co_return result<void>();
}

/// What groups committed is read in the background: whoever asks meanwhile is told to ask again.
task<void> wiring::start_groups(reactor::core& home) {
  std::vector<broker::group_coordinator*> coordinators;
  for (auto& p : parts_) coordinators.push_back(&p->groups);
  const std::vector<broker::group_coordinator*>* all = &coordinators;
  for (unsigned i = 0; i < cores_; ++i) {
    const base::core_id target = id(i);
    core_parts* part = parts_[i].get();
    co_await reactor::call_on(home, target, [part, all](reactor::core&) {
      part->groups.meet(*all);
      part->groups.start();
    });
  }
}

void wiring::report_listener(reactor::core& home, const api::kafka::door_listener& one, base::error why) {
  const char* const what = why.detail == EADDRINUSE ? "cannot start: address in use" : "cannot start: cannot listen";
  home.log().error("server", what, base::field("host", one.bind.host), base::field("port", one.bind.port),
                   base::field("error", why));
}

/// Our cores share each port, and so another broker of the same user could: each is bound alone first.
task<result<void>> wiring::find_ports_free(reactor::core& home) {
  for (const api::kafka::door_listener& one : options_.listeners) {
    if (one.bind.port == 0) continue;
    reactor::listen_address alone = one.bind;
    alone.shared = false;
    const auto made = home.effects().listen(alone);
    if (!made) {
      report_listener(home, one, made.error());
      co_return made.failure();
    }
    reactor::awaited_op closing(home, reactor::op_kind::close);
    closing.handle = made->handle;
    co_await closing;
  }
  co_return result<void>();
}

/// Core 0 binds first, so that all cores share the port that the kernel chose.
task<result<void>> wiring::open_doors(reactor::core& home) {
  CO_TRY_CHECK(co_await find_ports_free(home));
  for (unsigned i = 0; i < cores_; ++i) {
    const base::core_id target = id(i);
    core_parts* part = parts_[i].get();
    api::kafka::door_listener* own = options_.core_listeners.empty() ? nullptr : &options_.core_listeners[i];
    const result<void> opened = co_await reactor::call_on(home, target, [part, own, this](reactor::core& there) {
      part->door = std::make_unique<api::kafka::door>(there, part->broker, part->catalog, *controller_, part->groups,
                                                      shares_, huge_frames_, options_.door);
      return part->door->open(options_.listeners, own);
    });
    if (opened) continue;
    const size_t failed = part->door->tried() - 1;
    report_listener(home, failed < options_.listeners.size() ? options_.listeners[failed] : *own, opened.error());
    co_return opened;
  }
  std::vector<api::kafka::door*> doors;
  doors.reserve(parts_.size());
  for (auto& p : parts_) doors.push_back(p->door.get());
  const std::vector<api::kafka::door*>* all = &doors;
  for (unsigned i = 0; i < cores_; ++i) {
    const base::core_id target = id(i);
    core_parts* part = parts_[i].get();
    co_await reactor::call_on(home, target, [part, all](reactor::core&) { part->door->meet(*all); });
  }
  show_doors();
  co_return result<void>();
}

std::string wiring::listed(const std::vector<api::kafka::door_listener>& listeners) {
  std::string text;
  for (const api::kafka::door_listener& l : listeners) {
    if (!text.empty()) text += ",";
    text += text_of(l.bind);
  }
  return text;
}

void wiring::say_ready(reactor::core& home) {
  if (http_) http_->view().state = api::http::node_state::serving;
  // Scripts wait for this line, whatever level is asked for.
  home.log().set_least(base::log_level::info);
  const std::string of_cores = options_.core_listeners.empty() ? "off" : listed(options_.core_listeners);
  home.log().info("server", "ready", base::field("kafka", listed(options_.listeners)),
                  base::field("core_listeners", of_cores), base::field("http", http_ ? text_of(options_.http->bind) : "off"),
                  base::field("cores", cores_), base::field("cluster", controller_->cluster_id()));
  home.log().set_least(options_.log_least);
}

// ---- stopping, from the top down

task<result<void>> wiring::shut_down(reactor::core& home) {
  if (http_) http_->view().state = api::http::node_state::stopping;
  result<void> outcome = co_await on_all(home, stop_accepting);
  // Before the doors: who waits for the members of a group is answered.
  const result<void> left = co_await on_all(home, stop_groups);
  if (!left) outcome = left;
  const result<void> closed = co_await on_all(home, close_door);
  if (!closed) outcome = closed;
  co_await controller_->stop();
  const result<void> stopped = co_await on_all(home, stop_broker);
  if (!stopped) outcome = stopped;
  // Directories of deleted topics may still be being removed; the next start goes on with them.
  co_await parts_[0]->scope.close();
  // Last, so that it says until then how far the broker is.
  co_await close_http();
  co_return outcome;
}

/// All cores at the same time, until the last is through; one of the failures.
task<result<void>> wiring::on_all(reactor::core& home, step what) {
  result<void> outcome;
  reactor::scope together(home);
  for (unsigned i = 0; i < cores_; ++i) together.spawn(on_one(&home, i, what, &outcome));
  co_await together.close();
  co_return outcome;
}

task<void> wiring::on_one(reactor::core* home, unsigned index, step what, result<void>* outcome) {
  const base::core_id target = id(index);
  core_parts* part = parts_[index].get();
  const result<void> ended =
      co_await reactor::call_task_on(*home, target, part->scope, [part, what](reactor::core&) { return what(part); });
  if (!ended) *outcome = ended;
}

task<result<void>> wiring::stop_accepting(core_parts* part) {
  if (part->door != nullptr) co_await part->door->stop_accepting();
  co_return result<void>();
}

task<result<void>> wiring::stop_groups(core_parts* part) {
  co_await part->groups.stop();
  co_return result<void>();
}

task<result<void>> wiring::close_door(core_parts* part) {
  if (part->door != nullptr) co_await part->door->close();
  co_return result<void>();
}

task<result<void>> wiring::stop_broker(core_parts* part) {
  const result<void> stopped = co_await part->broker.stop();
  co_return stopped;
}

}  // namespace millrace::server
