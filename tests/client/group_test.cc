#include <doctest/doctest.h>

#include <set>

#include "client/kafka_code.hh"
#include "client/range_assignor.hh"
#include "client_world.hh"
#include "millrace/group_consumer.hh"

namespace millrace::client::test {
namespace {

TEST_CASE("range assignor: runs of partitions in the order of ids, the first ones longer") {
  const std::map<std::string, int32_t> partitions{{"a", 5}, {"b", 1}};
  const auto shares = assign_ranges({{"m2", {"a"}}, {"m1", {"a", "b", "gone"}}, {"m3", {"b"}}}, partitions);
  REQUIRE(shares.size() == 3);
  CHECK(shares[0].member == "m1");
  CHECK(shares[0].partitions.at("a") == std::vector<int32_t>{0, 1, 2});
  CHECK(shares[0].partitions.at("b") == std::vector<int32_t>{0});
  CHECK(shares[1].partitions.at("a") == std::vector<int32_t>{3, 4});
  CHECK(shares[2].partitions.empty());
  CHECK(assign_ranges({}, partitions).empty());
}

/// A member with a client of its own, and what it read as "partition-offset".
struct reader {
  reader(client_world& w, std::multiset<std::string>& seen)
      : world(w),
        cluster(w.on(), w.options()),
        member(cluster, {.group = "g", .topics = {"t"}, .heartbeat = base::milliseconds(300)},
               {.max_wait = base::milliseconds(50)}),
        read(seen) {
    REQUIRE(w.run(cluster.start()));
    REQUIRE(w.run(member.start()));
    reading = w.world().start(w.home, 0, run());
  }
  task<void> run() {
    while (true) {
      const fetched* got = co_await member.next();
      if (got == nullptr) break;
      for (const fetched_partition& p : got->partitions) {
        for (int64_t o = p.from; o < p.next; ++o) read.insert(std::to_string(p.partition) + "-" + std::to_string(o));
      }
    }
  }
  void stop() {
    world.run(member.close());
    REQUIRE(world.world().run_until([&] { return reading->done(); }, base::seconds(5)));
    world.run(cluster.close());
  }
  client_world& world;
  client cluster;
  group_consumer member;
  std::multiset<std::string>& read;
  std::unique_ptr<sim::started<void>> reading;
};

TEST_CASE("group: members share the partitions, take over from each other, and read each record once") {
  client_world w(40);
  w.create("t", 4);
  std::multiset<std::string> seen;
  const auto append_everywhere = [&] {
    for (size_t p = 0; p < 4; ++p) w.broker.append("t", p, {1, 2, 3});
  };
  const auto all_seen = [&](size_t count) {
    return w.world().run_until([&] { return seen.size() >= count; }, base::seconds(60));
  };
  const auto shares_are = [&](std::vector<reader*> all) {
    return w.world().run_until(
        [&] {
          size_t sum = 0;
          bool each = true;
          for (const reader* r : all) {
            sum += r->member.assigned();
            each = each && r->member.settled() && r->member.assigned() == 4 / all.size();
          }
          return each && sum == 4;
        },
        base::seconds(60));
  };
  auto first = std::make_unique<reader>(w, seen);
  REQUIRE(shares_are({first.get()}));
  append_everywhere();
  REQUIRE(all_seen(12));
  auto second = std::make_unique<reader>(w, seen);
  REQUIRE(shares_are({first.get(), second.get()}));
  append_everywhere();
  REQUIRE(all_seen(24));
  first->stop();
  REQUIRE(shares_are({second.get()}));
  append_everywhere();
  REQUIRE(all_seen(36));
  w.world().run_for(base::seconds(1));
  CHECK(seen.size() == 36);
  CHECK(std::set<std::string>(seen.begin(), seen.end()).size() == 36);
  second->stop();

  // Somebody who comes later goes on where the group was.
  append_everywhere();
  reader third(w, seen);
  REQUIRE(all_seen(48));
  w.world().run_for(base::seconds(1));
  CHECK(std::set<std::string>(seen.begin(), seen.end()).size() == 48);
  third.stop();
}

TEST_CASE("group: a member that has its share says what keeps it from reading") {
  client_world w(42);
  w.create("t");
  group_consumer member(*w.cluster, {.group = "g", .topics = {"t"}, .commit_interval = base::seconds(3600)},
                        {.max_wait = base::milliseconds(50)});
  REQUIRE(w.run(member.start()));
  REQUIRE(w.world().run_until([&] { return member.settled(); }, base::seconds(60)));
  CHECK(!member.trouble());
  REQUIRE(w.run(admin(*w.cluster).delete_topic("t")));
  const base::error unknown = base::fail(base::errc::refused, code::unknown_topic_or_partition).what;
  CHECK(w.world().run_until([&] { return member.trouble() == unknown; }, base::seconds(10)));
  CHECK(member.settled());
  w.run(member.close());
}

TEST_CASE("group: goes on over connections that break") {
  client_world w(41);
  w.create("t", 2);
  std::multiset<std::string> seen;
  reader one(w, seen);
  for (int i = 0; i < 20; ++i) {
    w.broker.append("t", 0, {1});
    w.broker.append("t", 1, {1});
    w.world().run_for(base::milliseconds(100));
    if (i % 4 == 3) w.world().network().reset_any();
  }
  REQUIRE(
      w.world().run_until([&] { return std::set<std::string>(seen.begin(), seen.end()).size() == 40; }, base::seconds(120)));
  one.stop();
}

}  // namespace
}  // namespace millrace::client::test
