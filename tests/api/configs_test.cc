#include <doctest/doctest.h>

#include <map>

#include "kafka_node.hh"
#include "wire/kafka/messages/alter_configs.hh"
#include "wire/kafka/messages/describe_configs.hh"
#include "wire/kafka/messages/incremental_alter_configs.hh"

/// DescribeConfigs, AlterConfigs, IncrementalAlterConfigs.

namespace millrace::api::kafka {
namespace {

using namespace test;
using namespace wire::kafka;
using broker::config_overrides;

broker::broker_settings settings_with_retention() {
  broker::broker_settings s;
  s.all.push_back({.name = "num.partitions",
                   .value = "1",
                   .initial = "1",
                   .type = broker::config_type::int32,
                   .about = "How many.",
                   .topic_key = ""});
  s.all.push_back({.name = "log.retention.ms",
                   .value = "1000",
                   .initial = "604800000",
                   .source = broker::config_source::static_broker,
                   .type = broker::config_type::int64,
                   .about = "How long.",
                   .topic_key = "retention.ms"});
  return s;
}

describe_configs_request_resource resource(int8_t type, std::string_view name) {
  return {.resource_type = type, .resource_name = name, .configuration_keys = std::nullopt};
}

answered<describe_configs_response> describe(kafka_node& k, describe_configs_request_resource asked, int16_t version = 4,
                                             bool more = false) {
  std::vector<describe_configs_request_resource> resources{asked};
  describe_configs_request request;
  request.resources = list(resources);
  request.include_synonyms = request.include_documentation = more;
  return k.ask<describe_configs_response>(request, version);
}

const describe_configs_response_resource_result* entry(const answered<describe_configs_response>& got,
                                                       std::string_view name) {
  for (const auto& c : got.body.results[0].configs) {
    if (c.name == name) return &c;
  }
  return nullptr;
}

struct change {
  std::string_view key;
  int8_t op = 0;
  std::optional<std::string_view> value;
};

int16_t alter_some(kafka_node& k, int8_t type, std::string_view name, std::vector<change> changes, int16_t version = 1,
                   bool validate_only = false) {
  std::vector<incremental_alter_configs_request_alterable_config> configs;
  for (const change& c : changes) configs.push_back({c.key, c.op, c.value});
  std::vector<incremental_alter_configs_request_alter_configs_resource> resources{{type, name, list(configs)}};
  incremental_alter_configs_request request;
  request.resources = list(resources);
  request.validate_only = validate_only;
  return k.ask<incremental_alter_configs_response>(request, version).body.responses[0].error_code;
}

int16_t alter_all(kafka_node& k, std::string_view name, std::vector<change> changes, int16_t version = 2,
                  bool validate_only = false) {
  std::vector<alter_configs_request_alterable_config> configs;
  for (const change& c : changes) configs.push_back({c.key, c.value});
  std::vector<alter_configs_request_resource> resources{{2, name, list(configs)}};
  alter_configs_request request;
  request.resources = list(resources);
  request.validate_only = validate_only;
  return k.ask<alter_configs_response>(request, version).body.responses[0].error_code;
}

}  // namespace

TEST_CASE(
    "DescribeConfigs: a topic shows every key with its source, from the topic, the broker or "
    "Kafka") {
  kafka_node k(1, 1, settings_with_retention());
  k.create("t", 1, {{"segment.ms", "777"}});
  for (int16_t version = 1; version <= 4; ++version) {
    CAPTURE(version);
    const auto got = describe(k, resource(2, "t"), version, true);
    CHECK(got.body.results[0].error_code == 0);
    CHECK(got.body.results[0].configs.size() == broker::topic_config_keys().size());
    struct row {
      const char* key;
      const char* value;
      int8_t source;
      int8_t type;
      std::vector<std::tuple<std::string_view, std::string_view, int8_t>> synonyms;
    };
    const row rows[] = {
        {"segment.ms", "777", 1, 5, {{"segment.ms", "777", 1}, {"log.roll.ms", "604800000", 5}}},
        {"retention.ms", "1000", 4, 5, {{"log.retention.ms", "1000", 4}, {"log.retention.ms", "604800000", 5}}},
        {"max.message.bytes", "1048588", 5, 3, {{"message.max.bytes", "1048588", 5}}},
        {"cleanup.policy", "delete", 5, 7, {{"log.cleanup.policy", "delete", 5}}},
        {"preallocate", "false", 5, 1, {{"log.preallocate", "false", 5}}},
        {"min.cleanable.dirty.ratio", "0.5", 5, 6, {{"log.cleaner.min.cleanable.ratio", "0.5", 5}}},
        {"remote.storage.enable", "false", 5, 1, {}},
        {"remote.copy.lag.ms", "0", 5, 5, {{"log.remote.copy.lag.ms", "0", 5}}},
        {"max.decompressed.message.bytes", "2147483639", 5, 3, {{"max.decompressed.message.bytes", "2147483639", 5}}},
        {"millrace.ack", "durable", 5, 2, {{"millrace.ack", "durable", 5}}},
    };
    for (const row& r : rows) {
      CAPTURE(r.key);
      const auto* c = entry(got, r.key);
      REQUIRE(c != nullptr);
      CHECK(c->value == r.value);
      CHECK(c->config_source == r.source);
      CHECK_FALSE(c->read_only);
      CHECK_FALSE(c->is_sensitive);
      if (version >= 3) CHECK(c->config_type == r.type);
      if (version >= 3) CHECK(c->documentation.value_or("").size() > 10);
      REQUIRE(c->synonyms.size() == r.synonyms.size());
      for (size_t i = 0; i < r.synonyms.size(); ++i) {
        CHECK(c->synonyms[i].name == std::get<0>(r.synonyms[i]));
        CHECK(c->synonyms[i].value == std::get<1>(r.synonyms[i]));
        CHECK(c->synonyms[i].source == std::get<2>(r.synonyms[i]));
      }
    }
  }
  const auto plain = describe(k, resource(2, "t"));
  CHECK(entry(plain, "segment.ms")->synonyms.empty());
  CHECK_FALSE(entry(plain, "segment.ms")->documentation);
}

TEST_CASE("DescribeConfigs: only the keys asked for; none and null mean all") {
  kafka_node k(2);
  k.create("t");
  std::vector<std::string_view> keys{"retention.ms", "no.such"};
  auto asked = resource(2, "t");
  asked.configuration_keys = list(keys);
  const auto two = describe(k, asked);
  REQUIRE(two.body.results[0].configs.size() == 1);
  CHECK(two.body.results[0].configs[0].name == "retention.ms");
  keys.clear();
  asked.configuration_keys = list(keys);
  CHECK(describe(k, asked).body.results[0].configs.size() == broker::topic_config_keys().size());
}

TEST_CASE("DescribeConfigs: a thousand resources, more than one turn describes") {
  kafka_node k(8);
  k.create("t", 1, {{"segment.ms", "777"}});
  std::vector<std::string_view> keys{"segment.ms"};
  std::vector<describe_configs_request_resource> resources(1000, resource(2, "t"));
  for (auto& r : resources) r.configuration_keys = list(keys);
  describe_configs_request request;
  request.resources = list(resources);
  const auto got = k.ask<describe_configs_response>(request, 4);
  REQUIRE(got.body.results.size() == 1000);
  for (const auto& r : got.body.results) {
    REQUIRE(r.configs.size() == 1);
    CHECK(r.configs[0].value == "777");
  }
}

TEST_CASE("DescribeConfigs: the broker's own settings, for its own id only") {
  kafka_node k(3, 1, settings_with_retention());
  const auto got = describe(k, resource(4, "1"), 4, true);
  REQUIRE(got.body.results[0].configs.size() == 2);
  const auto* c = entry(got, "log.retention.ms");
  REQUIRE(c != nullptr);
  CHECK(c->value == "1000");
  CHECK(c->config_source == 4);
  CHECK(c->read_only);
  CHECK(c->documentation == "How long.");
  REQUIRE(c->synonyms.size() == 2);
  CHECK(c->synonyms[0].name == "log.retention.ms");
  CHECK(c->synonyms[0].value == "1000");
  CHECK(c->synonyms[0].source == 4);
  CHECK(c->synonyms[1].name == "log.retention.ms");
  CHECK(c->synonyms[1].value == "604800000");
  CHECK(c->synonyms[1].source == 5);
  const auto* untouched = entry(got, "num.partitions");
  REQUIRE(untouched != nullptr);
  CHECK(untouched->config_source == 5);
  REQUIRE(untouched->synonyms.size() == 1);
  CHECK(untouched->synonyms[0].value == "1");
  CHECK(untouched->synonyms[0].source == 5);
  const auto all_brokers = describe(k, resource(4, ""));
  CHECK(all_brokers.body.results[0].error_code == 0);
  CHECK(all_brokers.body.results[0].configs.empty());
}

TEST_CASE("DescribeConfigs: resources that do not exist") {
  kafka_node k(4);
  const std::tuple<int8_t, const char*, int16_t> rows[] = {{2, "nobody", 3}, {2, "a/b", 17}, {2, "", 17},   {4, "7", 42},
                                                           {4, "one", 42},   {3, "x", 42},   {99, "x", 42}, {8, "1", 42},
                                                           {16, "m", 42},    {32, "g", 42}};
  for (const auto& [type, name, error] : rows) {
    CAPTURE(name);
    const auto got = describe(k, resource(type, name));
    CHECK(got.body.results[0].error_code == error);
    CHECK(got.body.results[0].configs.empty());
    CHECK(got.body.results[0].resource_type == type);
    CHECK(got.body.results[0].resource_name == name);
  }
}

TEST_CASE("DescribeConfigs: kinds of resources that have no settings here are refused with the reason") {
  kafka_node k(4);
  const std::pair<int8_t, std::string_view> rows[] = {{8, "logging.level"}, {16, "Metrics"}, {32, "KIP-848"}};
  for (const auto& [type, word] : rows) {
    const auto got = describe(k, resource(type, "x"));
    REQUIRE(got.body.results[0].error_message);
    CHECK(got.body.results[0].error_message->find(word) != std::string_view::npos);
  }
}

TEST_CASE("IncrementalAlterConfigs: what it does, and what it refuses") {
  kafka_node k(5, 2);
  k.create("t", 3, {{"segment.ms", "100"}});
  const auto now = [&] { return k.b.seen(1).find("t")->config.overrides; };
  for (int16_t version = 0; version <= 1; ++version) {
    CHECK(alter_some(k, 2, "t", {{"max.message.bytes", 0, "9"}}, version) == 0);
    CHECK(now() == config_overrides{{"max.message.bytes", "9"}, {"segment.ms", "100"}});
    CHECK(alter_some(k, 2, "t", {{"max.message.bytes", 1, std::nullopt}}, version) == 0);
    CHECK(now() == config_overrides{{"segment.ms", "100"}});
    CHECK(alter_some(k, 2, "t", {{"segment.ms", 0, "5"}}, version, true) == 0);
    CHECK(now() == config_overrides{{"segment.ms", "100"}});
  }
  struct row {
    const char* name;
    int8_t type;
    const char* resource;
    std::vector<change> changes;
    int16_t code;
  };
  const row rows[] = {
      {"nothing", 2, "t", {}, 0},
      {"bad value", 2, "t", {{"segment.ms", 0, "x"}}, 40},
      {"unknown key", 2, "t", {{"no.such", 0, "1"}}, 40},
      {"delete unknown key", 2, "t", {{"no.such", 1, std::nullopt}}, 0},
      {"does not work", 2, "t", {{"remote.storage.enable", 0, "true"}}, 40},
      {"null value", 2, "t", {{"segment.ms", 0, std::nullopt}}, 42},
      {"key twice", 2, "t", {{"segment.ms", 0, "1"}, {"segment.ms", 0, "2"}}, 42},
      {"append to a number", 2, "t", {{"segment.ms", 2, "1"}}, 40},
      {"unknown operation", 2, "t", {{"segment.ms", 9, "1"}}, -1},
      {"unknown topic", 2, "nobody", {{"segment.ms", 0, "1"}}, 3},
      {"bad topic", 2, "a/b", {{"segment.ms", 0, "1"}}, 17},
      {"empty topic", 2, "", {{"segment.ms", 0, "1"}}, 42},
      {"this broker", 4, "1", {{"log.retention.ms", 0, "1"}}, 40},
      {"this broker, nothing", 4, "1", {}, 0},
      {"other broker", 4, "7", {{"log.retention.ms", 0, "1"}}, 42},
      {"broker by word", 4, "x", {{"log.retention.ms", 0, "1"}}, 42},
      {"unknown kind", 3, "x", {{"segment.ms", 0, "1"}}, 42},
      {"a group", 32, "g", {{"consumer.session.timeout.ms", 0, "45000"}}, 42},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    CHECK(alter_some(k, r.type, r.resource, r.changes) == r.code);
    CHECK(now() == config_overrides{{"segment.ms", "100"}});
  }
}

TEST_CASE(
    "IncrementalAlterConfigs: a resource that comes twice is refused both times, the others are "
    "changed") {
  kafka_node k(6);
  k.create("t");
  k.create("u");
  std::vector<incremental_alter_configs_request_alterable_config> configs{{"segment.ms", 0, "5"}};
  std::vector<incremental_alter_configs_request_alter_configs_resource> resources{
      {2, "t", list(configs)}, {2, "u", list(configs)}, {2, "t", list(configs)}};
  incremental_alter_configs_request request;
  request.resources = list(resources);
  const auto got = k.ask<incremental_alter_configs_response>(request, 1);
  REQUIRE(got.body.responses.size() == 3);
  CHECK(got.body.responses[0].error_code == 42);
  CHECK(got.body.responses[1].error_code == 0);
  CHECK(got.body.responses[2].error_code == 42);
  CHECK(k.b.seen().find("t")->config.overrides.empty());
  CHECK(k.b.seen().find("u")->config.overrides.size() == 1);
}

TEST_CASE("AlterConfigs: what is not named goes back to its default") {
  kafka_node k(7);
  k.create("t", 1, {{"segment.ms", "100"}, {"flush.ms", "1"}});
  const auto now = [&] { return k.b.seen().find("t")->config.overrides; };
  CHECK(alter_all(k, "t", {{"max.message.bytes", 0, "9"}}, 2, true) == 0);
  CHECK(now().size() == 2);
  for (int16_t version = 0; version <= 2; ++version) {
    CHECK(alter_all(k, "t", {{"max.message.bytes", 0, "9"}}, version) == 0);
    CHECK(now() == config_overrides{{"max.message.bytes", "9"}});
    CHECK(alter_all(k, "t", {{"max.message.bytes", 0, "x"}}, version) == 40);
    CHECK(alter_all(k, "t", {{"max.message.bytes", 0, std::nullopt}}, version) == 42);
    CHECK(alter_all(k, "t", {{"no.such", 0, "1"}}, version) == 40);
    CHECK(alter_all(k, "nobody", {{"segment.ms", 0, "1"}}, version) == 3);
    CHECK(now() == config_overrides{{"max.message.bytes", "9"}});
  }
  CHECK(alter_all(k, "t", {}) == 0);
  CHECK(now().empty());
}

}  // namespace millrace::api::kafka
