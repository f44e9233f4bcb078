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
