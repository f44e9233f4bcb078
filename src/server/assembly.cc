#include "server/assembly.hh"

#include <map>
#include <utility>

#include "reactor/call.hh"
#include "server/start_problem.hh"
#include "storage/data_dir.hh"
#include "storage/scan_recovery.hh"

namespace millrace::server {

using base::errc;
using base::fail;
using base::result;
using reactor::task;

core_parts::core_parts(reactor::core& on, const assembly_options& options)
    : core(on),
      catalog(on),
      broker(on, options.storage, options.producers, options.retention, options.compaction),
      groups(broker, catalog, options.groups),
      scope(on) {}

assembly::assembly(assembly_options options, unsigned cores)
    : options_(std::move(options)),
      shares_(cores, options_.connections_max),
      huge_frames_(cores, options_.huge_frame_bytes, options_.door.request_bytes_max),
      parts_(cores) {}

assembly::~assembly() = default;

void assembly::make(reactor::core& on) {
  parts_[on.id().value()] = std::make_unique<core_parts>(on, options_);
  if (on.id().value() != 0) return;
  store_ = std::make_unique<broker::file_store>(on, options_.storage.data_dir + "/meta/catalog");
  controller_ = std::make_unique<broker::controller>(on, options_.controller, *store_);
}

void assembly::destroy(reactor::core& on) {
  if (on.id().value() == 0) {
    http_.reset();
    controller_.reset();
    store_.reset();
  }
  parts_[on.id().value()].reset();
}

void assembly::abandon() noexcept {
  if (together_) together_->abandon();
  together_.reset();
  for (auto& p : parts_) {
    if (p->door) p->door->abandon();
  }
  if (http_) http_->abandon();
  controller_->abandon();
  for (auto& p : parts_) {
    p->groups.abandon();
    p->broker.abandon();
    p->scope.abandon();
  }
}

// ---- the start

/// Between two steps a stop that was asked for is noticed.
result<void> assembly::begin(const char* step) {
  if (stopping_) return fail(errc::closed);
  step_ = step;
  return {};
}

/// Says that this step failed, and why.
result<void> assembly::failed(base::error why) {
  const std::string reason = reason_of(why);
  home().log().error("server", reason.empty() ? "cannot start" : "cannot start: " + reason, base::field("step", step_),
                     base::field("error", why), base::field("path", options_.storage.data_dir));
  return base::failure{why};
}

task<result<void>> assembly::recover() {
  CO_TRY_CHECK(open_http());
  CO_TRY_CHECK(co_await recover_storage());
  CO_TRY_CHECK(co_await start_catalog());
  CO_TRY_CHECK(begin("groups"));
  co_await start_groups();
  co_return result<void>();
}

task<result<void>> assembly::recover_storage() {
  const std::string data_dir = options_.storage.data_dir;
  CO_TRY_CHECK(begin("claim"));
  CO_TRY_CHECK(co_await storage::claim(home(), data_dir));  // says itself what is wrong
  CO_TRY_CHECK(begin("catalog"));
  const result<void> loaded = co_await controller_->load();
  if (!loaded) co_return failed(loaded.error());
  CO_TRY_CHECK(begin("recovery"));
  std::string argument = data_dir;
  task<result<storage::recovered>> recovery = options_.recover_by_scan
                                                  ? storage::recover_by_scan(home(), std::move(argument))
                                                  : storage::recover(home(), std::move(argument));
  result<storage::recovered> found = co_await std::move(recovery);
  if (!found) co_return failed(found.error());
  CO_TRY_CHECK(begin("start number"));
  const result<base::leader_epoch> epoch = co_await storage::raise_start_number(home(), data_dir, found->start_number);
  if (!epoch) co_return failed(epoch.error());
  if (!found->clean) {
    home().log().info("server", "recovered after an unclean stop", base::field("records", found->records),
                      base::field("bytes", found->bytes), base::field("cut_groups", found->cut_groups));
  }
  CO_TRY_CHECK(co_await start_logs(std::move(found->logs), *epoch, found->clean));
  CO_TRY_CHECK(begin("retiring old files"));
  const result<void> retired = co_await storage::retire(home(), data_dir, std::move(found->superseded));
  if (!retired) co_return failed(retired.error());
  reactor::scope& scope = parts_[0]->scope;
  scope.spawn(storage::remove_deleted(home(), data_dir, std::move(found->deleted), &scope));
  co_return result<void>();
}

/// Each log goes to the core that owns it now; logs that the catalog does not know were deleted.
task<result<void>> assembly::start_logs(std::vector<storage::log_state> found, base::leader_epoch number, bool clean) {
  std::map<storage::log_id, broker::known_log> known;
  for (broker::known_log& k : controller_->logs()) known.emplace(k.id, std::move(k));
  std::vector<std::vector<storage::log_manager::taken>> shares(cores());
  for (storage::log_state& s : found) {
    const auto k = known.find(s.id);
    if (k != known.end()) shares[k->second.owner.value()].push_back({std::move(s), k->second.config});
  }
  for (auto& p : parts_) {
    CO_TRY_CHECK(begin("storage"));
    core_parts* part = p.get();
    std::vector<storage::log_manager::taken>* share = &shares[part->core.id().value()];
    auto work = [part, share, number, clean](reactor::core&) {
      return part->broker.start(std::move(*share), number, clean);
    };
    const result<void> started = co_await reactor::call_task_on(home(), part->core.id(), part->scope, std::move(work));
    if (!started) co_return failed(started.error());
  }
  co_return result<void>();
}

task<result<void>> assembly::start_catalog() {
  CO_TRY_CHECK(begin("catalog"));
  std::vector<broker::broker_core*> brokers;
  std::vector<broker::catalog*> catalogs;
  for (auto& p : parts_) {
    brokers.push_back(&p->broker);
    catalogs.push_back(&p->catalog);
  }
  const std::vector<broker::broker_core*>* all = &brokers;
  co_await tell_all([all](core_parts& part) { part.broker.meet(*all); });
  const result<void> started = co_await controller_->start(std::move(brokers), std::move(catalogs));
  if (!started) co_return failed(started.error());
  co_return result<void>();
}

/// What groups committed is read in the background: whoever asks meanwhile is told to ask again.
task<void> assembly::start_groups() {
  std::vector<broker::group_coordinator*> coordinators;
  for (auto& p : parts_) coordinators.push_back(&p->groups);
  const std::vector<broker::group_coordinator*>* all = &coordinators;
  co_await tell_all([all](core_parts& part) {
    part.groups.meet(*all);
    part.groups.start();
  });
}

/// On each core, one after the other.
task<void> assembly::tell_all(std::function<void(core_parts&)> what) {
  for (auto& p : parts_) {
    core_parts* part = p.get();
    const auto* how = &what;
    co_await reactor::call_on(home(), part->core.id(), [part, how](reactor::core&) { (*how)(*part); });
  }
}

// ---- the stop, from the top down

task<result<void>> assembly::stop() {
  if (http_) http_->view().state = api::http::node_state::stopping;
  step_ = "closing doors";
  result<void> all = co_await on_all([](core_parts* part) -> task<result<void>> {
    if (part->door) co_await part->door->stop_accepting();
    co_return result<void>();
  });
  // Before the doors: who waits for the members of a group is answered.
  const result<void> left = co_await on_all([](core_parts* part) -> task<result<void>> {
    co_await part->groups.stop();
    co_return result<void>();
  });
  if (!left) all = left;
  const result<void> closed = co_await on_all([](core_parts* part) -> task<result<void>> {
    if (part->door) co_await part->door->close();
    co_return result<void>();
  });
  if (!closed) all = closed;
  step_ = "stopping the catalog";
  co_await controller_->stop();
  step_ = "stopping storage";
  const result<void> stopped = co_await on_all([](core_parts* part) { return part->broker.stop(); });
  if (!stopped) all = stopped;
  // Directories of deleted topics may still be being removed; the next start goes on with them.
  co_await parts_[0]->scope.close();
  // Last, so that it says until then how far the broker is.
  step_ = "closing http";
  if (http_) co_await http_->close();
  co_return all;
}

/// All cores at the same time, until the last is through; one of the failures.
task<result<void>> assembly::on_all(core_step what) {
  result<void> all;
  together_ = std::make_unique<reactor::scope>(home());
  for (unsigned i = 0; i < cores(); ++i) together_->spawn(on_one(i, what, &all));
  co_await together_->close();
  together_.reset();
  co_return all;
}

task<void> assembly::on_one(unsigned index, core_step what, result<void>* all) {
  core_parts* part = parts_[index].get();
  auto work = [part, what](reactor::core&) { return what(part); };
  const result<void> ended = co_await reactor::call_task_on(home(), part->core.id(), part->scope, std::move(work));
  if (!ended) *all = ended;
}

}  // namespace millrace::server
