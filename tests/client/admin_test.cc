#include <doctest/doctest.h>

#include "client/kafka_code.hh"
#include "client_world.hh"

namespace millrace::client::test {
namespace {

TEST_CASE("client: learns the cluster, a topic's leaders, and where its logs begin and end") {
  client_world w(1);
  CHECK(w.cluster->nodes() == 1);
  CHECK(!w.cluster->cluster_id().empty());
  w.create("prices", 3);
  const auto topic = w.run(w.cluster->topic("prices"));
  REQUIRE(topic);
  CHECK((*topic)->partitions.size() == 3);
  w.broker.append("prices", 1, {1, 2, 3});
  admin asking(*w.cluster);
  const auto ends = w.run(asking.list_offsets("prices", latest));
  REQUIRE(ends);
  CHECK(*ends == std::vector<int64_t>{0, 3, 0});
}

TEST_CASE("client: a broker of which it knows no address is named as it is advertised") {
  kafka_node broker(8);
  broker.listen(0);  // says that it is here.example
  broker.create("t");
  sim::node& home = broker.b.w.add_node();
  const auto run = [&](auto work) { return broker.b.w.run(home, 0, std::move(work)); };
  client cluster(home.core(), {.bootstrap = {{broker.b.n.address(), kafka_node::port}}});
  REQUIRE(run(cluster.start()));
  CHECK(cluster.unreachable().empty());
  REQUIRE(run(cluster.topic("t")));
  const auto leader = cluster.leader_of("t", 0);
  REQUIRE(leader);
  const auto link = run(cluster.to(*leader));
  REQUIRE(!link);
  CHECK(link.error().code == base::errc::not_found);
  CHECK(describe(link.error()) == "no address of the broker is known");
  CHECK(cluster.unreachable() == "here.example:9092");
  run(cluster.close());
}

TEST_CASE("client: an address that it could not reach is named until it is reached") {
  client_world w(9);
  const std::string here = w.broker.b.n.address();
  client alone(w.on(), w.options());
  client many(w.on(), {.bootstrap = {{"nowhere.example", 1}, {here, 9}, {here, kafka_node::port}}});
  client lost(w.on(), {.bootstrap = {{here, 9}, {"nowhere.example", 1}}});
  w.world().network().partition(w.home, w.broker.b.n);
  CHECK(!w.run(alone.start()));
  CHECK(alone.unreachable() == here + ":9092");
  CHECK(!w.run(many.start()));
  CHECK(many.unreachable() == here + ":9092");
  w.world().network().heal();
  CHECK(w.run(alone.start()));
  CHECK(alone.unreachable().empty());
  CHECK(w.run(many.start()));
  CHECK(many.unreachable().empty());  // those that it passed over are nobody's trouble
  CHECK(!w.run(lost.start()));
  CHECK(lost.unreachable() == "nowhere.example:1");
  for (client* one : {&alone, &many, &lost}) w.run(one->close());
}

TEST_CASE("admin: what the broker refuses is said with its code and its words") {
  client_world w(2);
  w.create("prices");
  admin asking(*w.cluster);
  const auto again = w.run(asking.create_topic({.name = "prices", .configs = {}}));
  REQUIRE(!again);
  CHECK(again.error().code == base::errc::refused);
  CHECK(kafka_name(static_cast<int16_t>(again.error().detail)) == "TOPIC_ALREADY_EXISTS");
  CHECK(describe(again.error()) == "refused by the broker: TOPIC_ALREADY_EXISTS (36)");
  const auto odd = w.run(asking.create_topic({.name = "odd", .configs = {{"retention.ms", "soon"}}}));
  REQUIRE(!odd);
  CHECK(asking.message().find("soon") != std::string::npos);
  CHECK(w.run(asking.delete_topic("prices")).ok());
  CHECK(!w.run(asking.delete_topic("prices")));
}

}  // namespace
}  // namespace millrace::client::test
