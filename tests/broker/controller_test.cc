#include "broker/catalog/controller.hh"

#include <doctest/doctest.h>

#include <set>

#include "append_one.hh"
#include "broker_node.hh"

namespace millrace::broker {
namespace {

using base::errc;
using namespace test;

new_topic topic(std::string name, int32_t partitions = 1) {
  return {.name = std::move(name), .partitions = partitions, .assignment = {}, .configs = {}};
}

}  // namespace

TEST_CASE("controller: a cluster id is drawn once and kept") {
  broker_node b(1);
  REQUIRE(b.start());
  const std::string id = b.seen().cluster_id;
  CHECK(id.size() == 22);
  CHECK(b.seen().topics.empty());
  REQUIRE(b.stop());
  b.rebuild(1);
  REQUIRE(b.start());
  CHECK(b.seen().cluster_id == id);
  broker_node other(2);
  REQUIRE(other.start());
  CHECK(other.seen().cluster_id != id);
}

TEST_CASE("controller: a topic made on any core is seen on all and lives on its owners") {
  for (const unsigned cores : {1u, 3u}) {
    broker_node b(7, cores);
    REQUIRE(b.start());
    for (unsigned core = 0; core < cores; ++core) {
      const auto made = b.create(topic(numbered("t", core), 7), core);
      CHECK_FALSE(made.error);
      CHECK(made.partitions == 7);
      CHECK(made.replication_factor == 1);
    }
    CHECK(b.seen().topics.size() == cores);
    CHECK(b.all_partitions_live());
    std::set<uint32_t> owners;
    for (const auto& p : b.seen().find("t0")->partitions) owners.insert(p.owner.value());
    CHECK(owners.size() == cores);
    CHECK(b.n.disk().exists("/data/t0-6"));
    REQUIRE(b.stop());
  }
}

TEST_CASE("controller: what a new topic may be") {
  broker_node b(3, 2);
  b.options.settings.num_partitions = 4;
  b.rebuild(2);
  REQUIRE(b.start());
  REQUIRE_FALSE(b.create(topic("shop.orders")).error);
  struct row {
    const char* name;
    new_topic asked;
    std::optional<errc> refused;
    int32_t partitions = 0;
  };
  const auto with = [](auto change) {
    new_topic t = topic("new");
    change(t);
    return t;
  };
  const row rows[] = {
      {"plain", topic("new", 2), {}, 2},
      {"default count", topic("new", -1), {}, 4},
      {"exists", topic("shop.orders"), errc::topic_exists},
      {"collides", topic("shop_orders"), errc::invalid_topic},
      {"bad name", topic("a/b"), errc::invalid_topic},
      {"0 partitions", topic("new", 0), errc::invalid_partitions},
      {"-2 partitions", topic("new", -2), errc::invalid_partitions},
      {"10,000 partitions", topic("new", 10000), {}, 10000},
      {"10,001 partitions", topic("new", 10001), errc::policy_violation},
      {"all partitions there can be", topic("new", INT32_MAX), errc::policy_violation},
      {"factor 0", with([](auto& t) { t.replication_factor = 0; }), errc::invalid_replication_factor},
      {"factor -2", with([](auto& t) { t.replication_factor = -2; }), errc::invalid_replication_factor},
      {"factor 1", with([](auto& t) { t.replication_factor = 1; }), {}, 1},
      {"factor 2", with([](auto& t) { t.replication_factor = 2; }), errc::invalid_replication_factor},
      {"setting",
       with([](auto& t) {
         t.configs = {{"segment.ms", "5"}};
       }),
       {},
       1},
      {"setting twice",
       with([](auto& t) {
         t.configs = {{"segment.ms", "5"}, {"segment.ms", "6"}};
       }),
       {},
       1},
      {"null setting", with([](auto& t) {
         t.configs = {{"segment.ms", std::nullopt}};
       }),
       errc::invalid_config},
      {"unknown setting", with([](auto& t) {
         t.configs = {{"no.such", "5"}};
       }),
       errc::invalid_config},
      {"settings that contradict each other", with([](auto& t) {
         t.configs = {{"min.compaction.lag.ms", "5"}, {"max.compaction.lag.ms", "4"}};
       }),
       errc::invalid_config},
      {"setting before counts", with([](auto& t) {
         t.configs = {{"no.such", "5"}};
         t.partitions = 0;
       }),
       errc::invalid_config},
      {"assigned",
       with([](auto& t) {
         t.partitions = -1;
         t.assignment = {{1, {1}}, {0, {1}}};
       }),
       {},
       2},
      {"assigned and counted", with([](auto& t) {
         t.assignment = {{0, {1}}};
       }),
       errc::invalid_argument},
      {"assigned with a gap", with([](auto& t) {
         t.partitions = -1;
         t.assignment = {{0, {1}}, {2, {1}}};
       }),
       errc::invalid_replica_assignment},
      {"assigned from 1", with([](auto& t) {
         t.partitions = -1;
         t.assignment = {{1, {1}}};
       }),
       errc::invalid_replica_assignment},
      {"a partition assigned twice", with([](auto& t) {
         t.partitions = -1;
         t.assignment = {{0, {1}}, {0, {1}}};
       }),
       errc::invalid_replica_assignment},
      {"assigned to nobody", with([](auto& t) {
         t.partitions = -1;
         t.assignment = {{0, {}}};
       }),
       errc::invalid_replica_assignment},
      {"assigned to a stranger", with([](auto& t) {
         t.partitions = -1;
         t.assignment = {{0, {77}}};
       }),
       errc::invalid_replica_assignment},
      {"assigned to one twice", with([](auto& t) {
         t.partitions = -1;
         t.assignment = {{0, {1, 1}}};
       }),
       errc::invalid_replica_assignment},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    const auto outcome = b.create(r.asked, 1, true);
    CHECK(outcome.error.has_value() == r.refused.has_value());
    if (outcome.error && r.refused) CHECK(outcome.error->code == *r.refused);
    if (outcome.error) CHECK_FALSE(outcome.why.empty());
    CHECK(outcome.partitions == r.partitions);
    CHECK(b.seen().topics.size() == 1);
  }
  CHECK_FALSE(b.n.disk().exists("/data/new-0"));
}

TEST_CASE("controller: topics of one request collide with each other, and the good ones are made") {
  broker_node b(4, 2);
  REQUIRE(b.start());
  std::vector<new_topic> topics{topic("a.b"), topic("a_b"), topic("ok", 3)};
  const auto done = b.w.run(b.n, 1, b.control->create_topics(b.n.core(1), std::move(topics), false));
  REQUIRE(done);
  CHECK_FALSE((*done)[0].error);
  CHECK((*done)[1].error->code == errc::invalid_topic);
  CHECK_FALSE((*done)[2].error);
  CHECK(b.seen().topics.size() == 2);
  CHECK(b.all_partitions_live());
}

TEST_CASE("controller: a deleted topic is gone everywhere, and one made again is another and empty") {
  broker_node b(5, 3);
  REQUIRE(b.start());
  REQUIRE_FALSE(b.create(topic("t", 4)).error);
  const base::uuid first = b.seen().find("t")->id;
  const partition_info p = b.seen().find("t")->partitions[2];
  REQUIRE(b.w.run(b.n, p.owner.value(), append_one(b.brokers[p.owner.value()].get(), p.id)));
  CHECK_FALSE(b.remove("t", 2).error);
  CHECK(b.seen(1).topics.empty());
  CHECK(b.brokers[p.owner.value()]->find(p.id) == nullptr);
  CHECK(b.remove("t", 1).error->code == errc::unknown_topic_id);
  b.w.run_for(base::seconds(1));
  CHECK_FALSE(b.n.disk().exists("/data/t-2"));

  REQUIRE_FALSE(b.create(topic("t", 3), 1).error);
  const topic_info& again = *b.seen(2).find("t");
  CHECK(again.id != first);
  CHECK(b.all_partitions_live());
  for (const auto& q : again.partitions) {
    CHECK(b.brokers[q.owner.value()]->find(q.id)->high_watermark() == base::offset(0));
  }
  CHECK(b.n.disk().exists("/data/t-2"));
  REQUIRE(b.stop());
}

TEST_CASE("controller: there are no more partitions than memory has room for, but those of groups are always made") {
  broker_node b(31, 1);
  b.options.settings.partitions_max = 10;
  b.rebuild(1);
  REQUIRE(b.start());
  const auto refused = [](const admin_outcome& o) { return o.error && o.error->code == errc::policy_violation; };
  REQUIRE_FALSE(b.create(topic("t", 6)).error);
  CHECK(refused(b.create(topic("u", 5))));
  CHECK(refused(b.grow({"t", 11, std::nullopt})));
  CHECK_FALSE(b.grow({"t", 8, std::nullopt}).error);
  CHECK_FALSE(b.create(topic("u", 2)).error);
  CHECK(refused(b.create(topic("v"))));
  CHECK_FALSE(b.create(topic(std::string(consumer_offsets_topic), 50)).error);
  REQUIRE_FALSE(b.remove("u").error);
  CHECK(refused(b.create(topic("v"))));  // those of groups count too
}

TEST_CASE("controller: partitions are added, on all cores, and the old ones stay where they are") {
  broker_node b(6, 3);
  REQUIRE(b.start());
  REQUIRE_FALSE(b.create(topic("t", 2)).error);
  const auto before = b.seen().find("t")->partitions;
  struct row {
    const char* name;
    partition_growth asked;
    std::optional<errc> refused;
  };
  const row rows[] = {
      {"as many", {"t", 2, std::nullopt}, errc::invalid_partitions},
      {"fewer", {"t", 1, std::nullopt}, errc::invalid_partitions},
      {"negative", {"t", -1, std::nullopt}, errc::invalid_partitions},
      {"far too many", {"t", INT32_MAX, std::nullopt}, errc::policy_violation},
      {"unknown", {"nobody", 3, std::nullopt}, errc::unknown_topic_or_partition},
      {"none assigned", {"t", 3, std::vector<replica_list>{}}, errc::invalid_replica_assignment},
      {"too many assigned", {"t", 3, std::vector<replica_list>{{1}, {1}}}, errc::invalid_replica_assignment},
      {"assigned to a stranger", {"t", 3, std::vector<replica_list>{{2}}}, errc::invalid_replica_assignment},
      {"assigned to nobody", {"t", 3, std::vector<replica_list>{{}}}, errc::invalid_replica_assignment},
      {"assigned", {"t", 3, std::vector<replica_list>{{1}}}, {}},
      {"more", {"t", 30, std::nullopt}, {}},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    const auto outcome = b.grow(r.asked, 2, true);
    CHECK(outcome.error.has_value() == r.refused.has_value());
    if (outcome.error && r.refused) CHECK(outcome.error->code == *r.refused);
    CHECK(b.seen().find("t")->partitions.size() == 2);
  }
  REQUIRE_FALSE(b.grow({"t", 9, std::nullopt}, 1).error);
  const auto& after = b.seen(2).find("t")->partitions;
  REQUIRE(after.size() == 9);
  for (size_t i = 0; i < before.size(); ++i) CHECK(after[i].owner == before[i].owner);
  CHECK(b.all_partitions_live());
  REQUIRE(b.stop());
}

TEST_CASE(
    "controller: settings reach the snapshot and the logs, and survive a restart with other "
    "cores") {
  broker_node b(8, 3);
  REQUIRE(b.start());
  REQUIRE_FALSE(b.create(topic("t", 5)).error);
  const std::vector<config_change> changes{{"segment.bytes", config_op::set, "2000000"},
                                           {"max.message.bytes", config_op::set, "777"}};
  CHECK_FALSE(b.alter({"t", changes, false}, 2, true).error);
  CHECK(b.seen().find("t")->config.overrides.empty());
  CHECK_FALSE(b.alter({"t", changes, false}, 2).error);
  const auto check = [&] {
    const topic_info& t = *b.seen().find("t");
    CHECK(t.config.max_message_bytes == 777);
    for (const auto& p : t.partitions) {
      CHECK(b.brokers[p.owner.value()]->find(p.id)->log().config().segment_bytes == 2000000);
    }
    CHECK(b.all_partitions_live());
  };
  check();
  REQUIRE(b.stop());
  b.rebuild(2);
  REQUIRE(b.start());
  check();

  CHECK(b.alter({"nobody", changes, false}).error->code == errc::unknown_topic_or_partition);
  CHECK(b.alter({"t", {{"no.such", config_op::set, "1"}}, false}).error->code == errc::invalid_config);
  check();
  CHECK_FALSE(b.alter({"t", {{"segment.ms", config_op::set, "5"}}, true}).error);
  CHECK(b.seen().find("t")->config.overrides == config_overrides{{"segment.ms", "5"}});
  REQUIRE(b.stop());
}

TEST_CASE("controller: an override of the operator decides where a partition lives") {
  broker_node b(9, 3);
  placement where(3);
  for (int32_t p = 0; p < 6; ++p) REQUIRE(where.set_override("t", p, base::core_id(2)));
  b.options.placement = where;
  b.rebuild(3);
  REQUIRE(b.start());
  REQUIRE_FALSE(b.create(topic("t", 6)).error);
  for (const auto& p : b.seen().find("t")->partitions) CHECK(p.owner == base::core_id(2));
  CHECK(b.all_partitions_live());
}

/// Counts turns of a core for as long as it lives.
struct turn_counter final : reactor::ready_item {
  explicit turn_counter(reactor::core& on) { on.make_ready(*this); }
  void run(reactor::core& on) override {
    ++turns;
    on.make_ready_next_turn(*this);
  }
  uint64_t turns = 0;
};

TEST_CASE("controller: a request for many topics does not hold its core") {
  broker_node b(40, 1);
  REQUIRE(b.start());
  std::vector<new_topic> topics;
  for (int i = 0; i < 2000; ++i)
    topics.push_back({.name = numbered("t", i), .partitions = 1, .assignment = {}, .configs = {}});
  turn_counter others(b.n.core());
  const auto made = b.w.run(b.n, 0, b.control->create_topics(b.n.core(), std::move(topics), true));
  REQUIRE(made);
  for (const admin_outcome& o : *made) CHECK_FALSE(o.error);
  CHECK(others.turns >= 2000 / 32);
}

}  // namespace millrace::broker
