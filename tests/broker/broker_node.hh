#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/catalog/controller.hh"
#include "broker/catalog/file_store.hh"
#include "broker/group/group_coordinator.hh"
#include "broker/partition/broker_core.hh"
#include "reactor/call.hh"
#include "sim/world.hh"
#include "storage/data_dir.hh"
#include "storage/recovery.hh"

/// A node of the world with a broker on it, as the server builds one: catalog, recovery, a
/// broker_core on each core. For the tests of broker and api.

namespace millrace::broker::test {

using base::result;
using reactor::task;

inline const std::string data_dir = "/data";

/// "t7". (What + makes of this has gcc 12 warn of nothing.)
template <class Int>
std::string numbered(std::string_view stem, Int number) {
  std::string text(stem);
  text += std::to_string(number);
  return text;
}

class broker_node {
 public:
  explicit broker_node(uint64_t seed, unsigned cores = 1, sim::world_options how = {}) : w(seed, how), n(w.add_node(cores)) {
    build();
  }
  ~broker_node() {
    if (up_) crash();
  }

  /// The start, up to where doors would open. In the test's own time.
  result<void> start() { return w.run(n, 0, start_here()); }
  /// Runs it as a task that a crash may destroy.
  auto start_slowly() { return w.start(n, 0, start_here()); }
  result<void> stop() {
    auto stopped = w.run(n, 0, stop_here());
    forget();
    return stopped;
  }
  void crash(sim::crash_options how = {}) {
    if (n.running()) w.crash(n, how);
    if (control) control->abandon();
    for (auto& g : groups) g->abandon();
    for (auto& b : brokers) b->abandon();
    for (auto& s : scopes) s->abandon();
    forget();
  }
  /// After a stop or a crash: fresh cores over the same disk.
  void rebuild(unsigned cores) {
    if (up_) crash({.kind = sim::crash_kind::process});
    if (n.running()) w.crash(n, {.kind = sim::crash_kind::process});
    w.restart(n, cores);
    build();
  }

  /// The options of the next start.
  controller_options options;
  producer_options producers;
  coordinator_options coordinators;
  retention_options retention;
  bool splice_reads = false;

  sim::world w;
  sim::node& n;
  std::unique_ptr<file_store> store;
  std::unique_ptr<controller> control;
  std::vector<std::unique_ptr<broker_core>> brokers;
  std::vector<std::unique_ptr<catalog>> catalogs;
  std::vector<std::unique_ptr<group_coordinator>> groups;
  std::vector<std::unique_ptr<reactor::scope>> scopes;

  const snapshot& seen(unsigned core = 0) const { return catalogs[core]->now(); }

  // One change of each kind, from a core.
  admin_outcome create(new_topic topic, unsigned core = 0, bool validate_only = false) {
    std::vector<new_topic> topics;
    topics.push_back(std::move(topic));
    return one(w.run(n, core, control->create_topics(n.core(core), std::move(topics), validate_only)));
  }
  admin_outcome remove(const std::string& name, unsigned core = 0) {
    const topic_info* topic = seen(core).find(name);
    std::vector<base::uuid> ids{topic != nullptr ? topic->id : base::uuid{}};
    return one(w.run(n, core, control->delete_topics(n.core(core), std::move(ids))));
  }
  admin_outcome remove_topic(const base::uuid& id, unsigned core = 0) {
    return one(w.run(n, core, control->delete_topics(n.core(core), {id})));
  }
  admin_outcome create_stream(std::string name, unsigned core = 0) {
    std::vector<std::string> names{std::move(name)};
    return one(w.run(n, core, control->create_streams(n.core(core), std::move(names))));
  }
  admin_outcome remove_stream(const std::string& name, unsigned core = 0) {
    const stream_view* stream = seen(core).find_stream(name);
    std::vector<base::uuid> ids{stream != nullptr ? stream->stream->id : base::uuid{}};
    return one(w.run(n, core, control->delete_streams(n.core(core), std::move(ids))));
  }
  admin_outcome grow(partition_growth growth, unsigned core = 0, bool validate_only = false) {
    std::vector<partition_growth> all{std::move(growth)};
    return one(w.run(n, core, control->create_partitions(n.core(core), std::move(all), validate_only)));
  }
  admin_outcome alter(topic_alteration change, unsigned core = 0, bool validate_only = false) {
    std::vector<topic_alteration> all{std::move(change)};
    return one(w.run(n, core, control->alter_topics(n.core(core), std::move(all), validate_only)));
  }
  static admin_outcome one(result<admin_outcomes> all) {
    if (all) return all->front();
    admin_outcome o;
    o.refuse(all.error());
    return o;
  }

  /// Whether each partition of each topic that core 0 sees lives on its owner, and nowhere else.
  bool all_partitions_live() const {
    for (unsigned core = 0; core < catalogs.size(); ++core) {
      if (&seen(core) != &seen(0)) return false;
    }
    for (const auto& [id, topic] : seen().by_id) {
      for (const partition_info& p : topic->partitions) {
        for (unsigned core = 0; core < brokers.size(); ++core) {
          if ((brokers[core]->find(p.id) != nullptr) != (p.owner.value() == core)) return false;
        }
      }
    }
    return true;
  }

 private:
  void build() {
    options.data_dir = data_dir;
    if (options.placement.cores() != n.core_count()) options.placement = placement(n.core_count());
    store = std::make_unique<file_store>(n.core(), data_dir + "/meta/catalog");
    control = std::make_unique<controller>(n.core(), options, *store);
    storage::storage_options storage{.data_dir = data_dir, .commits = {}};
    storage.commits.file_bytes = 16 << 20;
    storage.splice_reads = splice_reads;
    for (unsigned i = 0; i < n.core_count(); ++i) {
      brokers.push_back(std::make_unique<broker_core>(n.core(i), storage, producers, retention));
      catalogs.push_back(std::make_unique<catalog>(n.core(i)));
      groups.push_back(std::make_unique<group_coordinator>(*brokers[i], *catalogs[i], coordinators));
      scopes.push_back(std::make_unique<reactor::scope>(n.core(i)));
    }
    up_ = true;
  }
  void forget() {
    control.reset();
    store.reset();
    groups.clear();
    brokers.clear();
    catalogs.clear();
    scopes.clear();
    up_ = false;
  }

  task<result<void>> start_here() {
    reactor::core& home = n.core();
    CO_TRY_CHECK(co_await storage::claim(home, data_dir));
    CO_TRY_CHECK(co_await control->load());
    auto found = co_await storage::recover(home, data_dir);
    if (!found) co_return found.failure();
    const auto epoch = co_await storage::raise_start_number(home, data_dir, found->start_number);
    if (!epoch) co_return epoch.failure();
    std::vector<broker_core*> all;
    std::vector<catalog*> views;
    for (auto& b : brokers) all.push_back(b.get());
    for (auto& c : catalogs) views.push_back(c.get());
    for (unsigned i = 0; i < brokers.size(); ++i) {
      std::vector<storage::log_manager::taken> share;
      for (const known_log& k : control->logs()) {
        if (k.owner.value() != i) continue;
        for (const auto& s : found->logs) {
          if (s.id == k.id) share.push_back({s, k.config});
        }
      }
      broker_core* there = brokers[i].get();
      there->meet(all);
      auto work = [there, share = std::move(share), number = *epoch, clean = found->clean](reactor::core&) mutable {
        return there->start(std::move(share), number, clean);
      };
      const auto started = co_await reactor::call_task_on(home, base::core_id(i), *scopes[i], std::move(work));
      if (!started) co_return started;
    }
    CO_TRY_CHECK(co_await storage::retire(home, data_dir, std::move(found->superseded)));
    scopes[0]->spawn(storage::remove_deleted(home, data_dir, std::move(found->deleted)));
    CO_TRY_CHECK(co_await control->start(std::move(all), std::move(views)));
    std::vector<group_coordinator*> coordinating;
    for (auto& g : groups) coordinating.push_back(g.get());
    for (unsigned i = 0; i < groups.size(); ++i) {
      group_coordinator* there = groups[i].get();
      auto work = [there, coordinating](reactor::core&) {
        there->meet(coordinating);
        there->start();
      };
      co_await reactor::call_on(home, base::core_id(i), std::move(work));
    }
    co_return result<void>();
  }

  task<result<void>> stop_here() {
    reactor::core& home = n.core();
    for (unsigned i = 0; i < groups.size(); ++i) {
      group_coordinator* there = groups[i].get();
      reactor::scope* own = scopes[i].get();
      auto work = [there](reactor::core&) { return stop_groups(there); };
      const auto left = co_await reactor::call_task_on(home, base::core_id(i), *own, std::move(work));
      if (!left) co_return left;
    }
    co_await control->stop();
    for (unsigned i = 0; i < brokers.size(); ++i) {
      broker_core* there = brokers[i].get();
      reactor::scope* own = scopes[i].get();
      auto work = [there](reactor::core&) { return there->stop(); };
      const auto stopped = co_await reactor::call_task_on(home, base::core_id(i), *own, std::move(work));
      if (!stopped) co_return stopped;
    }
    co_await scopes[0]->close();
    co_return result<void>();
  }

  static task<result<void>> stop_groups(group_coordinator* there) {
    co_await there->stop();
    co_return result<void>();
  }

  bool up_ = false;
};

}  // namespace millrace::broker::test
