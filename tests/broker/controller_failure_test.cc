#include <doctest/doctest.h>

#include <algorithm>

#include "broker_node.hh"

/// Changes of the catalog that fail, meet others, or find what a crash left.

namespace millrace::broker {
namespace {

using base::errc;
using namespace test;

new_topic topic(std::string name, int32_t partitions = 1) {
  return {.name = std::move(name), .partitions = partitions, .assignment = {}, .configs = {}};
}

}  // namespace

TEST_CASE(
    "controller: where a core cannot make its partitions, none are made and the name is free "
    "again") {
  for (const unsigned cores : {1u, 3u}) {
    broker_node b(10, cores);
    REQUIRE(b.start());
    REQUIRE_FALSE(b.create(topic("old", 2)).error);
    b.n.disk().add_rule({.kind = reactor::op_kind::make_dir, .path_part = "/t-5", .error = 28});
    CHECK(b.create(topic("t", 7)).error->code == errc::no_space);
    CHECK(b.seen().find("t") == nullptr);
    CHECK(b.all_partitions_live());
    b.n.disk().add_rule({.kind = reactor::op_kind::make_dir, .path_part = "/old-3", .error = 28});
    CHECK(b.grow({"old", 6, std::nullopt}).error->code == errc::no_space);
    CHECK(b.seen().find("old")->partitions.size() == 2);
    b.n.disk().clear_rules();
    CHECK_FALSE(b.create(topic("t", 7)).error);
    CHECK_FALSE(b.grow({"old", 6, std::nullopt}).error);
    CHECK(b.all_partitions_live());
    REQUIRE(b.stop());
    b.rebuild(cores);
    REQUIRE(b.start());
    CHECK(b.seen().find("t")->partitions.size() == 7);
    CHECK(b.seen().find("old")->partitions.size() == 6);
    CHECK(b.all_partitions_live());
  }
}

TEST_CASE("controller: a topic that can be neither made nor taken out of the catalog goes with the next change") {
  broker_node b(15, 1);
  REQUIRE(b.start());
  b.n.disk().add_rule({.kind = reactor::op_kind::make_dir, .path_part = "/a-0", .error = 5});
  b.n.disk().add_rule({.kind = reactor::op_kind::write, .path_part = "meta/catalog", .skip = 1, .error = 5});
  CHECK(b.create(topic("a")).error);
  b.n.disk().clear_rules();
  REQUIRE_FALSE(b.create(topic("b")).error);
  REQUIRE(b.stop());
  b.rebuild(1);
  REQUIRE(b.start());
  CHECK(b.seen().find("a") == nullptr);
  CHECK(b.seen().find("b") != nullptr);
  CHECK(b.all_partitions_live());
}

TEST_CASE("controller: where the catalog cannot be written, nothing changes") {
  broker_node b(11, 2);
  REQUIRE(b.start());
  REQUIRE_FALSE(b.create(topic("t", 3)).error);
  b.n.disk().add_rule({.kind = reactor::op_kind::write, .path_part = "meta", .error = 28});
  CHECK(b.create(topic("new")).error->code == errc::no_space);
  CHECK(b.remove("t").error->code == errc::no_space);
  CHECK(b.grow({"t", 5, std::nullopt}).error->code == errc::no_space);
  CHECK(b.alter({"t", {{"segment.ms", config_op::set, "5"}}, false}).error->code == errc::no_space);
  CHECK(b.seen().topics.size() == 1);
  CHECK(b.seen(1).find("t")->partitions.size() == 3);
  CHECK(b.seen(1).find("t")->config.overrides.empty());
  CHECK(b.all_partitions_live());
  b.n.disk().clear_rules();
  CHECK_FALSE(b.remove("t").error);
}

TEST_CASE("controller: the directory of a deletion that was cut short is not given to a new topic") {
  broker_node b(12);
  REQUIRE(b.start());
  REQUIRE_FALSE(b.create(topic("t", 2)).error);
  const base::uuid first = b.seen().find("t")->id;
  REQUIRE(b.stop());
  b.rebuild(1);
  // What a crash between the catalog's write and the renaming leaves.
  b.n.disk().make_directories(data_dir + "/meta");
  const auto before = b.w.run(b.n, 0, b.store->load());
  REQUIRE(before);
  std::vector<meta_change> gone;
  gone.push_back({topic_key(first), std::nullopt});
  REQUIRE(b.w.run(b.n, 0, b.store->put_if(before->revision, std::move(gone))));
  REQUIRE(b.start());
  CHECK(b.seen().topics.empty());
  REQUIRE_FALSE(b.create(topic("t", 3)).error);
  const std::string id(base::as_view(b.seen().find("t")->id.to_text()));
  CHECK(b.n.disk().exists("/data/" + id + "-0"));
  CHECK(b.n.disk().exists("/data/" + id + "-1"));
  CHECK(b.n.disk().exists("/data/t-2"));
  CHECK(b.all_partitions_live());
  REQUIRE(b.stop());
  b.rebuild(1);
  REQUIRE(b.start());
  CHECK(b.seen().find("t")->partitions.size() == 3);
  CHECK(b.all_partitions_live());
}

TEST_CASE("controller: changes from all cores at once are carried out one by one") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    broker_node b(seed, 3);
    REQUIRE(b.start());
    std::vector<std::unique_ptr<sim::started<base::result<admin_outcomes>>>> running;
    for (unsigned i = 0; i < 30; ++i) {
      std::vector<new_topic> topics{topic(numbered("t", i % 10), 2)};
      const unsigned core = i % 3;
      running.push_back(b.w.start(b.n, core, b.control->create_topics(b.n.core(core), std::move(topics), false)));
    }
    REQUIRE(
        b.w.run_until([&] { return std::ranges::all_of(running, [](auto& r) { return r->done(); }); }, base::seconds(60)));
    int made = 0;
    for (auto& r : running) {
      const auto done = r->take();
      REQUIRE(done);
      if (!done->front().error) {
        ++made;
      } else {
        CHECK(done->front().error->code == errc::topic_exists);
      }
    }
    CHECK(made == 10);
    CHECK(b.seen().topics.size() == 10);
    CHECK(b.all_partitions_live());
    REQUIRE(b.stop());
  }
}

TEST_CASE("controller: a catalog file that is damaged refuses the start") {
  broker_node b(13);
  REQUIRE(b.start());
  REQUIRE_FALSE(b.create(topic("t")).error);
  REQUIRE(b.stop());
  REQUIRE(b.n.disk().corrupt("/data/meta/catalog", 40, 1, sim::damage::flip_bit));
  b.rebuild(1);
  CHECK(b.start().error().code == errc::corrupt);
}

}  // namespace millrace::broker
