#include <doctest/doctest.h>

#include <memory>

#include "appending.hh"
#include "broker_node.hh"
#include "numbered_batch.hh"

/// Old data goes by itself, on every core, as topics ask for it; and what it said of producers stays.

namespace millrace::broker {
namespace {

using namespace test;

constexpr size_t value_bytes = 400 << 10;  ///< of a batch: two fit in a segment
constexpr const char* segment_bytes = "1048576";

std::vector<uint8_t> batch_at(base::unix_ms time, size_t bytes = value_bytes) {
  std::vector<uint8_t> out;
  record::batch_builder builder(out, {});
  const std::vector<uint8_t> value(bytes, 'v');
  builder.add({.timestamp = time, .value = base::bytes(value)});
  REQUIRE(builder.finish());
  return out;
}

struct fixture {
  explicit fixture(uint64_t seed, unsigned cores = 1, base::duration check_interval = base::seconds(10)) : b(seed, cores) {
    b.retention.check_interval = check_interval;
    b.rebuild(cores);
    REQUIRE(b.start());
  }
  void create(const std::string& name, int32_t partitions, config_overrides configs) {
    new_topic t{.name = name, .partitions = partitions, .assignment = {}, .configs = {{"segment.bytes", segment_bytes}}};
    for (const auto& [key, value] : configs) t.configs.emplace_back(key, value);
    REQUIRE_FALSE(b.create(std::move(t)).error);
  }
  void alter(const std::string& name, const std::string& key, const std::string& value) {
    topic_alteration change{.topic = name, .changes = {}};
    change.changes.push_back({key, config_op::set, value});
    REQUIRE_FALSE(b.alter(std::move(change)).error);
  }
  const partition_info& where(const std::string& name, size_t p = 0) { return b.seen().find(name)->partitions[p]; }
  storage::log& log_of(const std::string& name, size_t p = 0) {
    const partition_info& at = where(name, p);
    return b.brokers[at.owner.value()]->find(at.id)->log();
  }
  void append(const std::string& name, size_t p, std::vector<uint8_t> bytes) {
    const partition_info& at = where(name, p);
    appending one(at.id, std::move(bytes));
    b.brokers[0]->send(one, at.owner);
    REQUIRE(b.w.run_until([&] { return one.done; }, base::seconds(5)));
    REQUIRE_FALSE(one.part.failed);
  }
  /// The next write of a snapshot of producers takes so long that more can come meanwhile.
  void slow_snapshot() {
    b.n.disk().add_rule({.kind = reactor::op_kind::write,
                         .path_part = "producers.snapshot",
                         .count = 1,
                         .error = 0,
                         .delay = base::milliseconds(50)});
  }
  int64_t start_of(const std::string& name, size_t p = 0) { return log_of(name, p).log_start().value(); }
  base::unix_ms now() { return b.n.core().wall_clock(); }
  broker_node b;
};

}  // namespace

TEST_CASE("retention: each topic's own bounds hold, on every core, from the first look on") {
  fixture f(1, 3);
  f.create("all", 3, {{"retention.ms", "-1"}});
  f.create("size", 3, {{"retention.ms", "-1"}, {"retention.bytes", "1000000"}});
  f.create("time", 3, {{"retention.ms", "60000"}});
  f.create("default", 1, {});
  const base::unix_ms begun = f.now();
  for (size_t p = 0; p < 3; ++p) {
    for (const char* topic : {"all", "size", "time"}) {
      for (int i = 0; i < 7; ++i) f.append(topic, p, batch_at(begun - 70'000 + i * 10'000));
    }
  }
  f.append("default", 0, batch_at(begun - int64_t{8} * 86'400'000));
  f.b.w.run_for(base::seconds(5));
  for (const char* topic : {"all", "size", "time", "default"}) CHECK(f.start_of(topic) == 0);
  f.b.w.run_for(base::seconds(6));
  for (size_t p = 0; p < 3; ++p) {
    CHECK(f.start_of("all", p) == 0);
    CHECK(f.start_of("size", p) == 4);  // three batches are 1.2 MB, one is less than the bound
    CHECK(f.start_of("time", p) == 2);
  }
  CHECK(f.start_of("default") == 1);
  f.b.w.run_for(base::seconds(80));
  for (size_t p = 0; p < 3; ++p) {
    CHECK(f.start_of("all", p) == 0);
    CHECK(f.start_of("size", p) == 4);
    CHECK(f.start_of("time", p) == 7);
    CHECK(f.log_of("time", p).size_bytes() == 0);
  }
  f.b.crash();
  f.b.rebuild(2);
  REQUIRE(f.b.start());
  CHECK(f.start_of("size", 1) == 4);
  CHECK(f.start_of("time", 1) == 7);
  CHECK(f.log_of("time", 1).end() == base::offset(7));
}

TEST_CASE("retention: the first look is half a minute after the start, however long the interval") {
  fixture f(3, 1, base::seconds(300));
  f.create("t", 1, {{"retention.ms", "1000"}});
  f.append("t", 0, batch_at(f.now() - 10'000));
  f.b.w.run_for(base::seconds(25));
  CHECK(f.start_of("t") == 0);
  f.b.w.run_for(base::seconds(6));
  CHECK(f.start_of("t") == 1);
  f.append("t", 0, batch_at(f.now() - 10'000));
  f.b.w.run_for(base::seconds(290));
  CHECK(f.start_of("t") == 1);
  f.b.w.run_for(base::seconds(11));
  CHECK(f.start_of("t") == 2);
}

TEST_CASE("retention: a setting that is altered holds from the next look on") {
  fixture f(2);
  f.create("t", 1, {{"retention.ms", "-1"}});
  for (int i = 0; i < 6; ++i) f.append("t", 0, batch_at(f.now() - 100'000));
  f.b.w.run_for(base::seconds(25));
  CHECK(f.start_of("t") == 0);
  f.alter("t", "retention.bytes", "1500000");
  f.b.w.run_for(base::seconds(11));
  CHECK(f.start_of("t") == 2);
  f.alter("t", "retention.ms", "1000");
  f.b.w.run_for(base::seconds(11));
  CHECK(f.start_of("t") == 6);
}

TEST_CASE("retention: a look that is under way does not hold up a stop") {
  fixture f(3);
  f.create("t", 200, {{"retention.ms", "1000"}});
  for (size_t p = 0; p < 200; ++p) f.append("t", p, batch_at(f.now() - 100'000, 100));
  f.b.w.run_for(base::milliseconds(9'900));
  f.b.n.disk().faults.write.least = f.b.n.disk().faults.flush.least = base::milliseconds(2);
  for (int i = 0; i < 400 && f.start_of("t", 0) == 0; ++i) f.b.w.run_for(base::milliseconds(1));
  REQUIRE(f.b.stop());
  f.b.rebuild(1);
  REQUIRE(f.b.start());
  f.b.w.run_for(base::seconds(12));
  for (size_t p = 0; p < 200; ++p) CHECK(f.start_of("t", p) == 1);
}

TEST_CASE("retention: what numbered batches said of their producers is kept before they go") {
  for (const bool loaded : {true, false}) {
    CAPTURE(loaded);
    fixture f(4);
    f.create("t", 1, {{"retention.ms", "-1"}});
    const auto send = [&](int32_t first) {
      appending one(f.where("t").id, numbered_batch({.id = 77, .epoch = 0, .first = first}));
      f.b.brokers[0]->send(one, f.where("t").owner);
      REQUIRE(f.b.w.run_until([&] { return one.done; }, base::seconds(5)));
      return one.part.failed ? -static_cast<int64_t>(one.part.why.code) : one.part.first.value();
    };
    const auto crash = [&] {
      f.b.crash();
      f.b.rebuild(1);
      REQUIRE(f.b.start());
    };
    for (int32_t i = 0; i < 4; ++i) CHECK(send(i) == i);
    if (!loaded) crash();
    const storage::log_id id = f.where("t").id;
    const auto raised = f.b.w.run(f.b.n, 0, f.b.brokers[0]->raise_log_starts({{id, base::offset(4)}}));
    REQUIRE(raised[0]);
    CHECK(f.start_of("t") == 4);
    crash();
    CHECK(send(3) == 3);  // a repeat
    CHECK(send(4) == 4);
    CHECK(send(9) == -static_cast<int64_t>(base::errc::out_of_order_sequence));
  }
}

TEST_CASE("retention: where that cannot be kept, the batches stay") {
  fixture f(6);
  f.create("t", 1, {{"retention.ms", "-1"}});
  f.append("t", 0, numbered_batch({.id = 77}));
  const storage::log_id id = f.where("t").id;
  f.b.n.disk().add_rule({.kind = reactor::op_kind::write, .path_part = "producers.snapshot"});
  CHECK(f.b.w.run(f.b.n, 0, f.b.brokers[0]->raise_log_starts({{id, base::offset(1)}}))[0].error().code ==
        base::errc::storage);
  CHECK(f.start_of("t") == 0);
  f.b.n.disk().clear_rules();
  CHECK(f.b.w.run(f.b.n, 0, f.b.brokers[0]->raise_log_starts({{id, base::offset(1)}}))[0]);
  CHECK(f.start_of("t") == 1);
}

TEST_CASE("retention: who asks for more while a snapshot is written has one that knows more") {
  fixture f(7);
  f.create("t", 1, {{"retention.ms", "-1"}});
  const storage::log_id id = f.where("t").id;
  f.append("t", 0, numbered_batch({.id = 77, .first = 0}));
  f.slow_snapshot();
  auto one = f.b.w.start(f.b.n, 0, f.b.brokers[0]->raise_log_starts({{id, base::offset(1)}}));
  f.b.w.run_for(base::milliseconds(10));
  f.append("t", 0, numbered_batch({.id = 77, .first = 1}));
  auto other = f.b.w.start(f.b.n, 0, f.b.brokers[0]->raise_log_starts({{id, base::offset(2)}}));
  REQUIRE(f.b.w.run_until([&] { return one->done() && other->done(); }, base::seconds(5)));
  CHECK(one->take()[0]);
  CHECK(other->take()[0]);
  CHECK(f.start_of("t") == 2);
}

TEST_CASE("retention: what is not in the log yet is not deleted, though it comes while a snapshot is written") {
  fixture f(8);
  f.create("t", 1, {{"retention.ms", "-1"}});
  const storage::log_id id = f.where("t").id;
  f.append("t", 0, numbered_batch({.id = 77, .first = 0}));
  f.slow_snapshot();
  auto one = f.b.w.start(f.b.n, 0, f.b.brokers[0]->raise_log_starts({{id, base::offset(2)}}));
  f.b.w.run_for(base::milliseconds(10));
  f.append("t", 0, numbered_batch({.id = 77, .first = 1}));
  REQUIRE(f.b.w.run_until([&] { return one->done(); }, base::seconds(5)));
  CHECK(one->take()[0].error().code == base::errc::out_of_range);
  CHECK(f.start_of("t") == 0);
}

TEST_CASE("retention: log starts of several partitions rise together, and each has its own outcome") {
  fixture f(5);
  f.create("t", 3, {{"retention.ms", "-1"}});
  for (size_t p = 0; p < 3; ++p) f.append("t", p, batch_at(f.now(), 100));
  const storage::log_id nobody{f.where("t").id.topic, 99};
  const auto got = f.b.w.run(f.b.n, 0,
                             f.b.brokers[0]->raise_log_starts({{f.where("t", 0).id, base::offset(1)},
                                                               {nobody, base::offset(0)},
                                                               {f.where("t", 1).id, base::offset(2)},
                                                               {f.where("t", 2).id, base::offset(0)}}));
  CHECK(got[0]);
  CHECK(got[1].error().code == base::errc::closed);
  CHECK(got[2].error().code == base::errc::out_of_range);
  CHECK(got[3]);
  CHECK(f.start_of("t", 0) == 1);
  CHECK(f.start_of("t", 1) == 0);
}

}  // namespace millrace::broker
