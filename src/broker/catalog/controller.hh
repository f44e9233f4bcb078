#pragma once

#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.hh"
#include "broker/catalog/admin.hh"
#include "broker/catalog/admin_checks.hh"
#include "broker/catalog/bounded_call.hh"
#include "broker/catalog/catalog.hh"
#include "broker/catalog/meta_store.hh"
#include "broker/catalog/placement.hh"
#include "broker/catalog/topic_table.hh"
#include "broker/partition/broker_core.hh"
#include "reactor/core.hh"
#include "reactor/scope.hh"
#include "reactor/task.hh"
#include "reactor/wait.hh"

/// Changes of the catalog, one at a time, on core 0: checked, made durable in the meta_store,
/// carried out on the cores that own the partitions, then shown to every core as a new snapshot;
/// the answer comes when all of them have it. Made, started and stopped on core 0; the verbs may be
/// called on any core.
///
/// A crash leaves the catalog of before or after a change. Partitions that the catalog has and the
/// disk has not (a crash between the two) are made at the next start; directories that no topic has
/// any more are left alone, and a topic made again gets another one.

namespace millrace::broker {

struct controller_options {
  broker_settings settings;
  broker::placement placement{1};  ///< for as many cores as there are
  std::string data_dir;
};

/// A log that the catalog has: what recovery and log_manager::start want to hear.
struct known_log {
  storage::log_id id;
  std::string directory;
  storage::log_config config;
  base::core_id owner{0};
};

class controller {
 public:
  /// `store` outlives it.
  controller(reactor::core& home, controller_options options, meta_store& store);
  ~controller();
  controller(const controller&) = delete;
  controller& operator=(const controller&) = delete;

  // ---- life, on core 0

  /// Reads the catalog; at the first start it draws the cluster id and makes it durable. Before
  /// recovery. Errors, logged: corrupt, foreign, no_space, io.
  reactor::task<base::result<void>> load();
  /// Every partition's log, ascending by id. After load().
  std::vector<known_log> logs() const;
  const std::string& cluster_id() const noexcept { return cluster_id_; }
  /// Makes the logs that their cores do not have, and shows every core the topics. After every
  /// broker_core has started; both by core id. Errors: no_space, io.
  reactor::task<base::result<void>> start(std::vector<broker_core*> brokers, std::vector<catalog*> catalogs);
  /// Ends the change in progress, refuses others (closed). Before any broker_core stops.
  reactor::task<void> stop();
  /// Forgets all: the world's crash.
  void abandon() noexcept;

  // ---- from any core; the outer error is closed, where the broker stops

  const broker_settings& settings() const noexcept { return options_.settings; }
  /// The credit of core `here` for its calls of other cores. After start().
  reactor::mailbox& calls_of(const reactor::core& here) const { return catalogs_[here.id().value()]->calls(); }
  /// The broker_core of a core: to name as the target of a call, not to be touched from another.
  /// After start().
  broker_core& broker_of(base::core_id core) const { return *brokers_[core.value()]; }

  /// Kafka names must not repeat. `validate_only`: nothing changes.
  reactor::task<base::result<admin_outcomes>> create_topics(reactor::core& here, std::vector<new_topic> topics,
                                                            bool validate_only);
  /// A stream that a Kafka name made goes with its last topic. Errors of each: unknown_topic_id.
  reactor::task<base::result<admin_outcomes>> delete_topics(reactor::core& here, std::vector<base::uuid> ids);
  /// Streams that stay until they are deleted, by name. Errors of each: invalid_stream,
  /// stream_exists.
  reactor::task<base::result<admin_outcomes>> create_streams(reactor::core& here, std::vector<std::string> names);
  /// Streams with all their topics, by id. Errors of each: unknown_stream.
  reactor::task<base::result<admin_outcomes>> delete_streams(reactor::core& here, std::vector<base::uuid> ids);
  /// Topics must not repeat.
  reactor::task<base::result<admin_outcomes>> create_partitions(reactor::core& here, std::vector<partition_growth> growths,
                                                                bool validate_only);
  reactor::task<base::result<admin_outcomes>> alter_topics(reactor::core& here, std::vector<topic_alteration> changes,
                                                           bool validate_only);
  /// The first of producer_ids_block producer ids that nobody had and nobody else gets; durable when it returns. Errors:
  /// no_space, io.
  reactor::task<base::result<int64_t>> take_producer_ids(reactor::core& here);

 private:
  using outcomes_task = reactor::task<base::result<admin_outcomes>>;

  /// Runs a change when those before it have ended.
  template <class Change>
  std::invoke_result_t<Change&> in_turn(Change change);
  template <class Change>
  std::invoke_result_t<Change&> on_home(reactor::core& here, Change change);

  outcomes_task create_here(std::vector<new_topic> topics, bool validate_only);
  outcomes_task delete_here(std::vector<base::uuid> ids);
  outcomes_task create_streams_here(std::vector<std::string> names);
  outcomes_task delete_streams_here(std::vector<base::uuid> ids);
  outcomes_task grow_here(std::vector<partition_growth> growths, bool validate_only);
  outcomes_task alter_here(std::vector<topic_alteration> changes, bool validate_only);
  reactor::task<base::result<int64_t>> take_producer_ids_here();

  /// What a deletion has taken out of the table.
  struct removal {
    std::vector<stored_stream> streams;
    std::vector<stored_topic> topics;
    std::vector<known_log> logs;
    std::vector<std::string> names;  ///< of the topics, for people
  };
  void take_topic(base::uuid id, removal& gone);
  void take_stream(base::uuid id, removal& gone);
  reactor::task<base::result<void>> carry_out(removal gone);
  void take_back(const std::vector<topic_draft>& drafts);
  birth new_birth();

  base::result<void> load_entry(std::string_view key, base::bytes value);
  void warn_of_settings(const stored_topic& topic);
  reactor::task<base::result<void>> put(std::vector<meta_change> changes);
  reactor::task<void> put_back(std::vector<meta_change> changes);
  reactor::task<base::result<void>> make_logs(std::vector<known_log> wanted);
  reactor::task<void> remove_logs(std::vector<known_log> unwanted);
  reactor::task<void> configure_logs(std::vector<known_log> changed);
  reactor::task<base::result<std::vector<known_log>>> missing_logs();
  reactor::task<void> publish();
  void note_leftovers();
  /// A topic's logs from `first` on.
  static void add_logs(const topic_table::row& row, size_t first, std::vector<known_log>& out);
  base::uuid new_id();

  reactor::core& home_;
  const controller_options options_;
  meta_store& store_;
  topic_table topics_;
  std::string cluster_id_;
  int64_t next_producer_id_ = 0;
  uint64_t revision_ = 0;
  std::vector<meta_change> owed_;  ///< what the store has and should not: goes with the next change

  std::vector<broker_core*> brokers_;  ///< by core; fixed by start()
  std::vector<catalog*> catalogs_;     ///< likewise
  std::unique_ptr<snapshot> shown_;    ///< what every core has
  /// Topics and streams that shown_ has and topics_ has not.
  std::vector<std::unique_ptr<const topic_info>> retired_;
  std::vector<std::unique_ptr<const stored_stream>> retired_streams_;

  bool changing_ = false;
  reactor::wait_list turns_;
  std::unique_ptr<reactor::scope> scope_;
};

}  // namespace millrace::broker
