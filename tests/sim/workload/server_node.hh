#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkers/memory_within.hh"
#include "server/assembly.hh"
#include "sim/world.hh"

/// A node of the world that runs the whole broker, put together, started and stopped by what millraced is: server/assembly.
/// Steered from outside of the node, between turns.

namespace millrace::swarm {

inline constexpr uint16_t kafka_port = 9092;
inline constexpr uint16_t http_port = 8080;

struct server_options {
  storage::commit_log_options commits;
  storage::pool_options pool{};
  broker::producer_options producers;
  broker::coordinator_options groups;
  broker::retention_options retention;
  broker::compaction_keeper_options compaction;
  storage::compaction_options compact;
  int32_t offsets_partitions = 50;  ///< of __consumer_offsets
  int64_t roll_ms = 0;  ///< log.roll.ms: segments of topics that say nothing else, as __consumer_offsets; 0: the default
  bool splice_reads = false;
  api::kafka::door_options door;
  std::optional<api::http::door_options> http;  ///< none: not served
};

enum class server_state {
  down,      ///< no process
  starting,  ///< recovery runs
  serving,
  stopping,
  stopped,  ///< a clean stop has ended; the process is still there
  failed    ///< the start or the stop ended with an error
};

class server_node {
 public:
  server_node(sim::world& whole, sim::node& home, server_options options);
  server_node(const server_node&) = delete;
  server_node& operator=(const server_node&) = delete;
  ~server_node();

  sim::node& node() noexcept { return node_; }
  /// From the next start on this partition lives on this core, where there is one.
  void pin(std::string topic, int32_t partition, unsigned core) { pins_.push_back({std::move(topic), partition, core}); }
  /// Called at each start when all is recovered, and before anybody can connect.
  void on_recovered(std::function<void()> told) { recovered_ = std::move(told); }
  /// The ends of all logs that a running process has, by partition.
  std::map<std::string, int64_t> ends_of_logs() const;
  /// Starts the process on fresh cores; from down only.
  void start(unsigned cores);
  /// Begins a clean stop, of a start under way too.
  void stop();
  /// Ends the process in whatever state it is.
  void crash(sim::crash_options how);
  /// After stopped: destroys all rooms as the process does at its end. Returns the bytes of core
  /// memory that nobody gave back; the node is down afterwards.
  size_t leave();

  server_state state();
  /// Why it is in `failed`.
  const std::string& problem() const noexcept { return problem_; }

  // What a running process says of a core.
  storage::storage_counters storage_now(unsigned core) const { return parts_->on(core).broker.logs().counters(); }
  /// Whether segments below a log start are still there.
  bool trimming(unsigned core) const { return parts_->on(core).broker.logs().trimming(); }
  /// Null until it is open.
  api::kafka::door* door_of(unsigned core) const { return parts_->on(core).door.get(); }
  /// Null where there is none.
  api::http::door* http() const { return parts_ ? parts_->http() : nullptr; }
  /// On how many cores there is a process to ask.
  unsigned cores() const noexcept { return parts_ ? parts_->cores() : 0; }
  /// Who holds how much of a core's memory, against what may be held.
  memory_shares memory_of(unsigned core) const;

 private:
  struct pinned {
    std::string topic;
    int32_t partition;
    unsigned core;
  };
  using outcome = base::result<void>;

  server::assembly_options options_for(unsigned cores) const;
  reactor::task<outcome> boot();
  reactor::task<outcome> begin();
  void forget();

  sim::world& world_;
  sim::node& node_;
  const server_options options_;
  std::vector<pinned> pins_;
  std::unique_ptr<server::assembly> parts_;         ///< none: down
  std::unique_ptr<sim::started<outcome>> running_;  ///< the start or the stop
  server_state state_ = server_state::down;
  std::string problem_;
  std::function<void()> recovered_;
};

}  // namespace millrace::swarm
