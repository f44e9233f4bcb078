#include <doctest/doctest.h>

#include "append_one.hh"
#include "broker_node.hh"

/// What a node must keep, wherever it lies: cluster id, topic ids, settings and placement of names
/// in the meta_store; leader epochs and log starts in storage.

namespace millrace::broker {
namespace {

using namespace test;

enum class ending : uint8_t { stop, kill, power };

struct fixture {
  explicit fixture(uint64_t seed) : b(seed, 2) {}

  void append(int count) {
    for (int i = 0; i < count; ++i) {
      const partition_info& p = b.seen().find("shop.orders")->partitions[1];
      REQUIRE(b.w.run(b.n, p.owner.value(), append_one(b.brokers[p.owner.value()].get(), p.id)));
    }
  }
  void advance(int64_t start) {
    const partition_info& p = b.seen().find("shop.orders")->partitions[1];
    storage::log_manager& logs = b.brokers[p.owner.value()]->logs();
    REQUIRE(b.w.run(b.n, p.owner.value(), logs.advance_log_start(p.id, base::offset(start))));
  }
  partition& live() {
    const partition_info& p = b.seen().find("shop.orders")->partitions[1];
    return *b.brokers[p.owner.value()]->find(p.id);
  }
  void end(ending how, unsigned cores) {
    if (how == ending::stop) {
      REQUIRE(b.stop());
    } else {
      b.crash({.kind = how == ending::kill ? sim::crash_kind::process : sim::crash_kind::power});
    }
    b.rebuild(cores);
    REQUIRE(b.start());
  }

  broker_node b;
};

}  // namespace

TEST_CASE("kept: ids, settings, leader epochs and log starts are there after any ending") {
  uint64_t seed = 40;
  for (const ending how : {ending::stop, ending::kill, ending::power}) {
    CAPTURE(static_cast<int>(how));
    fixture f(++seed);
    REQUIRE(f.b.start());
    new_topic asked{.name = "shop.orders", .partitions = 3, .assignment = {}, .configs = {}};
    asked.configs = {{"segment.ms", "5000"}};
    REQUIRE_FALSE(f.b.create(asked).error);
    const std::string cluster = f.b.seen().cluster_id;
    const base::uuid topic = f.b.seen().find("shop.orders")->id;
    const base::uuid stream = f.b.seen().find("shop.orders")->stream->id;

    std::vector<base::leader_epoch> epochs;
    for (const unsigned cores : {1u, 3u, 2u}) {
      const int64_t before = static_cast<int64_t>(epochs.size()) * 5;
      epochs.push_back(f.live().epoch());
      f.append(5);
      f.advance(before + 2);
      f.end(how, cores);

      const topic_info& seen = *f.b.seen().find("shop.orders");
      CHECK(f.b.seen().cluster_id == cluster);
      CHECK(seen.id == topic);
      CHECK(seen.stream->id == stream);
      CHECK(seen.config.overrides == config_overrides{{"segment.ms", "5000"}});
      CHECK(seen.partitions.size() == 3);
      CHECK(f.live().epoch() > epochs.back());
      CHECK(f.live().log().log_start() == base::offset(before + 2));
      CHECK(f.live().high_watermark() == base::offset(before + 5));
      // An epoch ends where the next one begins; those that are wholly gone, where the log starts.
      const auto ends = f.live().end_of_epoch(epochs.back());
      CHECK(ends.epoch == epochs.back());
      CHECK(ends.end == base::offset(before + 5));
      if (epochs.size() > 1) {
        const auto older = f.live().end_of_epoch(epochs[epochs.size() - 2]);
        CHECK(older.end == base::offset(before + 2));
      }
    }
  }
}

TEST_CASE("kept: a leader epoch never goes back for a name, not even after delete and create") {
  fixture f(50);
  REQUIRE(f.b.start());
  const new_topic asked{.name = "shop.orders", .partitions = 2, .assignment = {}, .configs = {}};
  REQUIRE_FALSE(f.b.create(asked).error);
  base::leader_epoch last = f.live().epoch();
  for (const ending how : {ending::power, ending::stop, ending::kill}) {
    f.end(how, 2);
    REQUIRE_FALSE(f.b.remove("shop.orders").error);
    REQUIRE_FALSE(f.b.create(asked).error);
    CHECK(f.live().epoch() > last);
    last = f.live().epoch();
  }
}

}  // namespace millrace::broker
