#include <doctest/doctest.h>

#include "kafka_node.hh"
#include "wire/kafka/messages/create_partitions.hh"
#include "wire/kafka/messages/create_topics.hh"
#include "wire/kafka/messages/delete_topics.hh"

/// CreateTopics, DeleteTopics, CreatePartitions. What the controller checks is tested there; here
/// is how it is said.

namespace millrace::api::kafka {
namespace {

using namespace test;
using namespace wire::kafka;
using creatable = create_topics_request_creatable_topic;
using setting = create_topics_request_creatable_topic_config;

creatable topic(std::string_view name, int32_t partitions = 1, int16_t factor = 1) {
  return {.name = name, .num_partitions = partitions, .replication_factor = factor, .assignments = {}, .configs = {}};
}

create_topics_request creating(std::vector<creatable>& topics, bool validate_only = false) {
  create_topics_request r;
  r.topics = list(topics);
  r.validate_only = validate_only;
  return r;
}

}  // namespace

TEST_CASE("CreateTopics: every version makes topics, from version 5 on with what they became") {
  kafka_node k(1, 2);
  for (int16_t version = 2; version <= 6; ++version) {
    CAPTURE(version);
    const std::string one = numbered("one", version);
    const std::string two = numbered("two", version);
    std::vector<setting> settings{{"segment.ms", "5000"}};
    std::vector<creatable> topics{topic(one, 3), topic(two)};
    topics[1].configs = list(settings);
    const auto got = k.ask<create_topics_response>(creating(topics), version, version % 2u);
    REQUIRE(got.body.topics.size() == 2);
    for (const auto& t : got.body.topics) CHECK(t.error_code == 0);
    CHECK(k.b.seen().find(one)->partitions.size() == 3);
    CHECK(k.b.seen().find(two)->config.overrides == broker::config_overrides{{"segment.ms", "5000"}});
    if (version < 5) continue;
    CHECK(got.body.topics[0].num_partitions == 3);
    CHECK(got.body.topics[0].replication_factor == 1);
    REQUIRE(got.body.topics[1].configs);
    CHECK(got.body.topics[1].configs->size() == broker::topic_config_keys().size());
    for (const auto& c : *got.body.topics[1].configs) {
      if (c.name != "segment.ms") continue;
      CHECK(c.value == "5000");
      CHECK(c.config_source == 1);
    }
  }
}

TEST_CASE("CreateTopics: errors with Kafka's codes and a text") {
  kafka_node k(2);
  k.create("shop.orders");
  std::vector<int32_t> me{1};
  std::vector<int32_t> stranger{77};
  std::vector<create_topics_request_creatable_replica_assignment> to_me{{0, list(me)}};
  std::vector<create_topics_request_creatable_replica_assignment> to_stranger{{0, list(stranger)}};
  std::vector<setting> null_value{{"segment.ms", std::nullopt}};
  std::vector<setting> unknown{{"no.such", "1"}};
  const auto with = [](creatable t, auto change) {
    change(t);
    return t;
  };
  struct row {
    const char* name;
    creatable asked;
    int16_t code;
  };
  const row rows[] = {
      {"exists", topic("shop.orders"), 36},
      {"collides", topic("shop_orders"), 17},
      {"bad name", topic("a/b"), 17},
      {"0 partitions", topic("t", 0), 37},
      {"10,001 partitions", topic("t", 10001), 44},
      {"factor 0", topic("t", 1, 0), 38},
      {"factor 2", topic("t", 1, 2), 38},
      {"null value", with(topic("t"), [&](auto& t) { t.configs = list(null_value); }), 40},
      {"unknown setting", with(topic("t"), [&](auto& t) { t.configs = list(unknown); }), 40},
      {"assigned beside counts", with(topic("t"), [&](auto& t) { t.assignments = list(to_me); }), 42},
      {"assigned to a stranger", with(topic("t", -1, -1), [&](auto& t) { t.assignments = list(to_stranger); }), 39},
      {"assigned", with(topic("t", -1, -1), [&](auto& t) { t.assignments = list(to_me); }), 0},
      {"defaults", topic("u", -1, -1), 0},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    std::vector<creatable> topics{r.asked};
    const auto got = k.ask<create_topics_response>(creating(topics), 6);
    REQUIRE(got.body.topics.size() == 1);
    CHECK(got.body.topics[0].error_code == r.code);
    CHECK(got.body.topics[0].error_message.has_value() == (r.code != 0));
    if (r.code == 0) continue;
    CHECK(got.body.topics[0].num_partitions == -1);
    REQUIRE(got.body.topics[0].configs);
    CHECK(got.body.topics[0].configs->empty());
  }
}

TEST_CASE(
    "CreateTopics: a name that comes twice has one answer and is not made; checking only makes "
    "nothing") {
  kafka_node k(3);
  std::vector<creatable> topics{topic("a"), topic("twice"), topic("b"), topic("twice")};
  auto got = k.ask<create_topics_response>(creating(topics, true), 6);
  REQUIRE(got.body.topics.size() == 3);
  CHECK(got.body.topics[0].error_code == 0);
  CHECK(k.b.seen().topics.empty());
  got = k.ask<create_topics_response>(creating(topics), 6);
  REQUIRE(got.body.topics.size() == 3);
  CHECK(got.body.topics[0].error_code == 0);
  CHECK(got.body.topics[1].name == "twice");
  CHECK(got.body.topics[1].error_code == 42);
  CHECK(got.body.topics[2].name == "b");
  CHECK(got.body.topics[2].error_code == 0);
  CHECK(k.b.seen().topics.size() == 2);
  topics.clear();
  CHECK(k.ask<create_topics_response>(creating(topics), 6).body.topics.empty());
}

TEST_CASE("DeleteTopics: every version, with names that are unknown or come twice") {
  kafka_node k(4, 3);
  for (int16_t version = 1; version <= 5; ++version) {
    CAPTURE(version);
    k.create("gone", 4);
    k.create("kept");
    std::vector<std::string_view> names{"kept", "gone", "nobody", "kept", "a/b", ""};
    delete_topics_request request;
    request.topic_names = list(names);
    const auto got = k.ask<delete_topics_response>(request, version, version % 3u);
    REQUIRE(got.body.responses.size() == 5);
    const std::pair<std::string_view, int16_t> wanted[] = {{"kept", 42}, {"gone", 0}, {"nobody", 3}, {"a/b", 3}, {"", 3}};
    for (size_t i = 0; i < 5; ++i) {
      CHECK(got.body.responses[i].name == wanted[i].first);
      CHECK(got.body.responses[i].error_code == wanted[i].second);
    }
    CHECK(k.b.seen().find("gone") == nullptr);
    REQUIRE(k.b.seen().find("kept") != nullptr);
    CHECK(k.b.all_partitions_live());
    CHECK_FALSE(k.b.remove("kept").error);
  }
}

TEST_CASE("DeleteTopics: where it is switched off, nothing goes") {
  broker::broker_settings settings;
  settings.delete_topics = false;
  kafka_node k(5, 1, settings);
  k.create("t");
  std::vector<std::string_view> names{"t"};
  delete_topics_request request;
  request.topic_names = list(names);
  CHECK(k.ask<delete_topics_response>(request, 5).body.responses[0].error_code == 73);
  CHECK(k.ask<delete_topics_response>(request, 1).body.responses[0].error_code == 42);
  CHECK(k.b.seen().find("t") != nullptr);
}

TEST_CASE("CreatePartitions: every version, with each error") {
  kafka_node k(6, 2);
  std::vector<int32_t> me{1};
  std::vector<int32_t> stranger{9};
  std::vector<create_partitions_request_assignment> mine{{list(me)}};
  std::vector<create_partitions_request_assignment> not_mine{{list(stranger)}};
  for (int16_t version = 0; version <= 3; ++version) {
    CAPTURE(version);
    const std::string name = numbered("t", version);
    k.create(name, 2);
    const auto ask = [&](std::vector<create_partitions_request_topic> topics, bool validate_only = false) {
      create_partitions_request request;
      request.topics = list(topics);
      request.validate_only = validate_only;
      const auto got = k.ask<create_partitions_response>(request, version, version % 2u);
      std::vector<int16_t> codes;
      for (const auto& r : got.body.results) codes.push_back(r.error_code);
      return codes;
    };
    using codes = std::vector<int16_t>;
    CHECK(ask({{name, 4, std::nullopt}}, true) == codes{0});
    CHECK(k.b.seen().find(name)->partitions.size() == 2);
    CHECK(ask({{name, 3, std::nullopt}, {"nobody", 3, std::nullopt}}) == codes{0, 3});
    CHECK(ask({{name, 3, std::nullopt}}) == codes{37});
    CHECK(ask({{name, 0, std::nullopt}}) == codes{37});
    CHECK(ask({{name, 4, std::nullopt}, {"nobody", 1, std::nullopt}, {name, 5, std::nullopt}}) == codes{42, 3});
    CHECK(ask({{name, 4, list(not_mine)}}) == codes{39});
    CHECK(ask({{name, 5, list(mine)}}) == codes{39});
    CHECK(ask({{name, 4, list(mine)}}) == codes{0});
    CHECK(k.b.seen().find(name)->partitions.size() == 4);
    CHECK(ask({}) == codes{});
  }
  CHECK(k.b.all_partitions_live());
}

}  // namespace millrace::api::kafka
