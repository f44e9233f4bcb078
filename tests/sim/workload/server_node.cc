#include "workload/server_node.hh"

#include <utility>

namespace millrace::swarm {

using base::result;
using reactor::task;

server_node::server_node(sim::world& whole, sim::node& home, server_options options)
    : world_(whole), node_(home), options_(options) {
  world_.crash(node_, {.kind = sim::crash_kind::process});
}

server_node::~server_node() {
  if (state_ != server_state::down) crash({.kind = sim::crash_kind::process});
}

server::assembly_options server_node::options_for(unsigned cores) const {
  const std::string data_dir = "/data";
  broker::controller_options catalog;
  catalog.data_dir = data_dir;
  catalog.settings.offsets_topic_partitions = options_.offsets_partitions;
  if (options_.roll_ms > 0) {
    catalog.settings.all.push_back(
        {.name = "log.roll.ms", .value = std::to_string(options_.roll_ms), .topic_key = "segment.ms"});
  }
  catalog.placement = broker::placement(cores);
  for (const pinned& p : pins_) (void)catalog.placement.set_override(p.topic, p.partition, base::core_id(p.core));
  std::optional<server::http_settings> http;
  if (options_.http) http = {.bind = {.host = "0.0.0.0", .port = http_port, .shared = false}, .door = *options_.http};
  return {.storage = {.data_dir = data_dir,
                      .commits = options_.commits,
                      .pool = options_.pool,
                      .splice_reads = options_.splice_reads,
                      .compact = options_.compact},
          .producers = options_.producers,
          .retention = options_.retention,
          .compaction = options_.compaction,
          .controller = std::move(catalog),
          .groups = options_.groups,
          .door = options_.door,
          .listeners = {{.bind = {.host = "0.0.0.0", .port = kafka_port}, .advertised = {node_.address(), kafka_port}}},
          .core_listeners = {},
          .http = std::move(http),
          .version = "world",
          .huge_frame_bytes = world_.options().core_memory_bytes / 2 * cores};
}

void server_node::start(unsigned cores) {
  ASSERT(state_ == server_state::down);
  world_.restart(node_, cores);
  parts_ = std::make_unique<server::assembly>(options_for(cores), cores);
  for (unsigned i = 0; i < cores; ++i) parts_->make(node_.core(i));
  state_ = server_state::starting;
  running_ = world_.start(node_, 0, begin());
}

task<result<void>> server_node::boot() {
  CO_TRY_CHECK(co_await parts_->recover());
  if (recovered_) recovered_();
  CO_TRY_CHECK(co_await parts_->open());
  co_return result<void>();
}

/// Until it serves; where a stop is asked for meanwhile, until it has stopped.
task<result<void>> server_node::begin() {
  const outcome booted = co_await boot();
  if (!parts_->stopping()) co_return booted;
  const outcome stopped = co_await parts_->stop();
  co_return stopped;
}

void server_node::stop() {
  const server_state now = state();
  ASSERT(now == server_state::starting || now == server_state::serving);
  parts_->ask_stop();
  if (now == server_state::serving) running_ = world_.start(node_, 0, parts_->stop());
  state_ = server_state::stopping;
}

server_state server_node::state() {
  if (running_ && running_->done()) {
    const outcome ended = running_->take();
    running_.reset();
    if (!ended) {
      problem_ = std::string(parts_->step()) + ": " + base::name_of(ended.error().code) + " " +
                 std::to_string(ended.error().detail);
      state_ = server_state::failed;
    } else {
      state_ = state_ == server_state::starting ? server_state::serving : server_state::stopped;
    }
  }
  return state_;
}

void server_node::crash(sim::crash_options how) {
  world_.crash(node_, how);
  if (running_) running_->abandon();
  running_.reset();
  parts_->abandon();
  forget();
}

/// Read from outside of the node: a test may look at any core.
std::map<std::string, int64_t> server_node::ends_of_logs() const {
  std::map<std::string, int64_t> ends;
  for (const broker::known_log& k : parts_->controller().logs()) {
    const storage::log* const found = parts_->on(k.owner.value()).broker.logs().find(k.id);
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

void server_node::forget() {
  for (unsigned i = 0; i < parts_->cores(); ++i) parts_->destroy(node_.core(i));
  parts_.reset();
  state_ = server_state::down;
}

}  // namespace millrace::swarm
