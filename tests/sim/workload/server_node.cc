#include "workload/server_node.hh"

#include <map>
#include <utility>

#include "reactor/call.hh"
#include "storage/data_dir.hh"
#include "storage/recovery.hh"

namespace millrace::swarm {

using base::result;
using reactor::task;

namespace {
const std::string data_dir = "/data";
}  // namespace

server_node::server_node(sim::world& whole, sim::node& home, server_options options)
    : world_(whole), node_(home), options_(options) {
  world_.crash(node_, {.kind = sim::crash_kind::process});
}

server_node::~server_node() {
  if (state_ != server_state::down) crash({.kind = sim::crash_kind::process});
}

void server_node::start(unsigned cores) {
  ASSERT(state_ == server_state::down);
  world_.restart(node_, cores);
  broker::controller_options catalog;
  catalog.data_dir = data_dir;
  catalog.settings.offsets_topic_partitions = options_.offsets_partitions;
  if (options_.roll_ms > 0) {
    catalog.settings.all.push_back(
        {.name = "log.roll.ms", .value = std::to_string(options_.roll_ms), .topic_key = "segment.ms"});
  }
  catalog.placement = broker::placement(cores);
  for (const pinned& p : pins_) (void)catalog.placement.set_override(p.topic, p.partition, base::core_id(p.core));
  const storage::storage_options storage{.data_dir = data_dir,
                                         .commits = options_.commits,
                                         .pool = options_.pool,
                                         .splice_reads = options_.splice_reads,
                                         .compact = options_.compact};
  store_ = std::make_unique<broker::file_store>(node_.core(), data_dir + "/meta/catalog");
  controller_ = std::make_unique<broker::controller>(node_.core(), catalog, *store_);
  shares_ = std::make_unique<reactor::connection_shares>(cores, SIZE_MAX);
  huge_frames_ = std::make_unique<api::kafka::huge_frames>(cores, world_.options().core_memory_bytes / 2 * cores,
                                                           options_.door.request_bytes_max);
  for (unsigned i = 0; i < cores; ++i) parts_.push_back(std::make_unique<core_parts>(node_.core(i), storage, options_));
  listeners_ = {{.bind = {.host = "0.0.0.0", .port = kafka_port}, .advertised = {node_.address(), kafka_port}}};
  state_ = server_state::starting;
  running_ = world_.start(node_, 0, boot());
}

void server_node::stop() {
  ASSERT(state() == server_state::serving);
  state_ = server_state::stopping;
  running_ = world_.start(node_, 0, shut_down());
}

server_state server_node::state() {
  if (running_ && running_->done()) {
    const outcome ended = running_->take();
    running_.reset();
    if (!ended) {
      problem_ = std::string(step_) + ": " + base::name_of(ended.error().code) + " " + std::to_string(ended.error().detail);
      state_ = server_state::failed;
    } else {
      state_ = state_ == server_state::starting ? server_state::serving : server_state::stopped;
    }
  }
  return state_;
}

void server_node::crash(sim::crash_options how) {
  world_.crash(node_, how);
  if (together_) together_->abandon();
  if (running_) running_->abandon();
  running_.reset();
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
  forget();
}

/// Read from outside of the node: a test may look at any core.
std::map<std::string, int64_t> server_node::ends_of_logs() const {
  std::map<std::string, int64_t> ends;
  for (const broker::known_log& k : controller_->logs()) {
    const storage::log* const found = parts_[k.owner.value()]->broker.logs().find(k.id);
    if (found != nullptr) ends[k.directory] = found->end().value();
  }
  return ends;
}

size_t server_node::leave() {
  ASSERT(state() == server_state::stopped);
  forget();
  size_t held = 0;
  for (unsigned i = 0; i < node_.core_count(); ++i) held += node_.core(i).memory().used();
  world_.crash(node_, {.kind = sim::crash_kind::power});
  return held;
}

/// In the order in which the server destroys them: core 0's own first.
void server_node::forget() {
  http_.reset();
  for (auto& p : parts_) p->door.reset();
  controller_.reset();
  store_.reset();
  parts_.clear();
  state_ = server_state::down;
}

// ---- the start, on core 0

task<result<void>> server_node::boot() {
  reactor::core& home = node_.core();
  CO_TRY_CHECK(open_http());
  CO_TRY_CHECK(co_await boot_storage());
  step_ = "catalog";
  std::vector<broker::broker_core*> brokers;
  std::vector<broker::catalog*> catalogs;
  for (auto& p : parts_) {
    brokers.push_back(&p->broker);
    catalogs.push_back(&p->catalog);
  }
  for (unsigned i = 0; i < parts_.size(); ++i) {
    const std::vector<broker::broker_core*>* all = &brokers;
    core_parts* part = parts_[i].get();
    co_await reactor::call_on(home, base::core_id(i), [part, all](reactor::core&) { part->broker.meet(*all); });
  }
  CO_TRY_CHECK(co_await controller_->start(std::move(brokers), std::move(catalogs)));
  co_await start_groups();
  if (recovered_) recovered_();
  CO_TRY_CHECK(co_await open_doors());
  co_return result<void>();
}

server_node::outcome server_node::open_http() {
  step_ = "http";
  if (!options_.http) return {};
  api::http::node_view view{.version = "world", .cores = {}, .topics = &parts_[0]->catalog};
  for (auto& p : parts_)
    view.cores.push_back({.core = &node_.core(p->broker.on().id().value()), .broker = &p->broker, .groups = &p->groups});
  http_ = std::make_unique<api::http::door>(node_.core(), std::move(view), *options_.http);
  return http_->open({.host = "0.0.0.0", .port = http_port, .shared = false});
}

task<result<void>> server_node::boot_storage() {
  reactor::core& home = node_.core();
  step_ = "claim";
  CO_TRY_CHECK(co_await storage::claim(home, data_dir));
  step_ = "load";
  CO_TRY_CHECK(co_await controller_->load());
  step_ = "recover";
  auto found = co_await storage::recover(home, data_dir);
  if (!found) co_return found.failure();
  step_ = "start number";
  const auto epoch = co_await storage::raise_start_number(home, data_dir, found->start_number);
  if (!epoch) co_return epoch.failure();
  step_ = "storage";
  std::map<storage::log_id, broker::known_log> known;
  for (broker::known_log& k : controller_->logs()) known.emplace(k.id, std::move(k));
  std::vector<std::vector<storage::log_manager::taken>> shares(parts_.size());
  for (storage::log_state& s : found->logs) {
    const auto k = known.find(s.id);
    if (k != known.end()) shares[k->second.owner.value()].push_back({std::move(s), k->second.config});
  }
  for (unsigned i = 0; i < parts_.size(); ++i) {
    core_parts* part = parts_[i].get();
    std::vector<storage::log_manager::taken>* share = &shares[i];
    auto work = [part, share, number = *epoch, clean = found->clean](reactor::core&) {
      return part->broker.start(std::move(*share), number, clean);
    };
    const auto started = co_await reactor::call_task_on(home, base::core_id(i), part->scope, std::move(work));
    if (!started) co_return started;
  }
  step_ = "retire";
  CO_TRY_CHECK(co_await storage::retire(home, data_dir, std::move(found->superseded)));
  parts_[0]->scope.spawn(storage::remove_deleted(home, data_dir, std::move(found->deleted)));
  co_return result<void>();
}

task<void> server_node::start_groups() {
  std::vector<broker::group_coordinator*> coordinators;
  for (auto& p : parts_) coordinators.push_back(&p->groups);
  for (unsigned i = 0; i < parts_.size(); ++i) {
    const std::vector<broker::group_coordinator*>* all = &coordinators;
    core_parts* part = parts_[i].get();
    auto work = [part, all](reactor::core&) {
      part->groups.meet(*all);
      part->groups.start();
    };
    co_await reactor::call_on(node_.core(), base::core_id(i), std::move(work));
  }
}

task<result<void>> server_node::open_doors() {
  reactor::core& home = node_.core();
  step_ = "doors";
  for (unsigned i = 0; i < parts_.size(); ++i) {
    core_parts* part = parts_[i].get();
    auto work = [part, this](reactor::core& there) {
      part->door = std::make_unique<api::kafka::door>(there, part->broker, part->catalog, *controller_, part->groups,
                                                      *shares_, *huge_frames_, options_.door);
      return part->door->open(listeners_);
    };
    const auto opened = co_await reactor::call_on(home, base::core_id(i), std::move(work));
    if (!opened) co_return opened;
  }
  std::vector<api::kafka::door*> doors;
  for (auto& p : parts_) doors.push_back(p->door.get());
  const std::vector<api::kafka::door*>* all = &doors;
  for (unsigned i = 0; i < parts_.size(); ++i) {
    core_parts* part = parts_[i].get();
    co_await reactor::call_on(home, base::core_id(i), [part, all](reactor::core&) { part->door->meet(*all); });
  }
  if (http_) {
    for (size_t i = 0; i < parts_.size(); ++i) http_->view().cores[i].door = parts_[i]->door.get();
    http_->view().state = api::http::node_state::serving;
  }
  co_return result<void>();
}

// ---- the stop, from the top down

task<result<void>> server_node::shut_down() {
  if (http_) http_->view().state = api::http::node_state::stopping;
  step_ = "closing doors";
  outcome ended = co_await on_all(stop_accepting);
  const outcome left = co_await on_all(stop_groups);
  if (!left) ended = left;
  const outcome closed = co_await on_all(close_door);
  if (!closed) ended = closed;
  step_ = "stopping the catalog";
  co_await controller_->stop();
  step_ = "stopping storage";
  const outcome stopped = co_await on_all(stop_broker);
  if (!stopped) ended = stopped;
  step_ = "closing http";
  if (http_) co_await http_->close();
  co_await parts_[0]->scope.close();
  co_return ended;
}

task<result<void>> server_node::on_all(step what) {
  outcome all;
  together_ = std::make_unique<reactor::scope>(node_.core());
  for (unsigned i = 0; i < parts_.size(); ++i) together_->spawn(on_one(i, what, &all));
  co_await together_->close();
  together_.reset();
  co_return all;
}

task<void> server_node::on_one(unsigned index, step what, outcome* all) {
  core_parts* part = parts_[index].get();
  auto work = [part, what](reactor::core&) { return what(part); };
  const auto ended = co_await reactor::call_task_on(node_.core(), base::core_id(index), part->scope, std::move(work));
  if (!ended) *all = ended;
}

task<result<void>> server_node::stop_accepting(core_parts* part) {
  co_await part->door->stop_accepting();
  co_return result<void>();
}

task<result<void>> server_node::stop_groups(core_parts* part) {
  co_await part->groups.stop();
  co_return result<void>();
}

task<result<void>> server_node::close_door(core_parts* part) {
  co_await part->door->close();
  co_return result<void>();
}

task<result<void>> server_node::stop_broker(core_parts* part) {
  const outcome stopped = co_await part->broker.stop();
  co_return stopped;
}

}  // namespace millrace::swarm
