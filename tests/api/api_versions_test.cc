#include <doctest/doctest.h>

#include <set>

#include "api/kafka/errors.hh"
#include "kafka_node.hh"
#include "wire/kafka/messages/api_versions.hh"

namespace millrace::api::kafka {
namespace {

using namespace test;
using wire::kafka::api_versions_request;
using wire::kafka::api_versions_response;

api_versions_request named(std::string_view name, std::string_view version) {
  api_versions_request r;
  r.client_software_name = name;
  r.client_software_version = version;
  return r;
}

}  // namespace

TEST_CASE(
    "api table: the ranges that old librdkafka looks for are there, and each row is one that wire "
    "can speak") {
  struct row {
    int16_t key;
    int16_t version;
  };
  // MsgVer2, zstd, lz4, offsetsForTimes, and compression at all (Produce from 0).
  const row needed[] = {{0, 0}, {0, 3}, {0, 7}, {1, 4}, {1, 10}, {2, 1}, {3, 0}, {10, 0}, {18, 0}};
  for (const row& r : needed) {
    CAPTURE(r.key);
    const served_api* api = find_api(r.key);
    REQUIRE(api != nullptr);
    CHECK(api->min_version <= r.version);
    CHECK(api->max_version >= r.version);
  }
  std::set<int16_t> keys;
  for (const served_api& api : served_apis()) {
    CAPTURE(api.key);
    CHECK(keys.insert(api.key).second);
    CHECK(find_api(api.key) == &api);
    const wire::kafka::api* spoken = wire::kafka::find_api(api.key);
    REQUIRE(spoken != nullptr);
    CHECK(api.max_version <= spoken->max_version);
    CHECK((api.min_version >= spoken->min_version || api.key == 0));
    CHECK((api.handle == nullptr) == (api.key <= 1));
  }
  CHECK(find_api(-1) == nullptr);
  CHECK(find_api(24) == nullptr);
  CHECK(find_api(999) == nullptr);
}

TEST_CASE("ApiVersions: every version lists every row of the table") {
  kafka_node k(1);
  for (int16_t version = 0; version <= 4; ++version) {
    CAPTURE(version);
    const auto got = k.ask<api_versions_response>(named("kafka-e2e", "1.0"), version);
    REQUIRE_FALSE(got.closed);
    CHECK(got.correlation_id == 4711);
    CHECK(got.body.error_code == 0);
    REQUIRE(got.body.api_keys.size() == served_apis().size());
    for (size_t i = 0; i < served_apis().size(); ++i) {
      CHECK(got.body.api_keys[i].api_key == served_apis()[i].key);
      CHECK(got.body.api_keys[i].min_version == served_apis()[i].min_version);
      CHECK(got.body.api_keys[i].max_version == served_apis()[i].max_version);
    }
    CHECK(got.body.supported_features.empty());
    CHECK(got.body.finalized_features_epoch == -1);
  }
}

TEST_CASE("ApiVersions: from version 3 on a client says who it is, in words that Kafka takes") {
  kafka_node k(2);
  struct row {
    const char* word;
    bool taken;
  };
  const row rows[] = {{"a", true},         {"a.b-c", true}, {"librdkafka", true}, {"2.0.2", true}, {"", false},
                      {"bad name", false}, {"-x", false},   {"x-", false},        {".", false},    {"x_y", false}};
  for (const row& r : rows) {
    CAPTURE(r.word);
    for (int16_t version : {int16_t{3}, int16_t{4}}) {
      for (const auto& request : {named(r.word, "1"), named("n", r.word)}) {
        const auto got = k.ask<api_versions_response>(request, version);
        CHECK(got.body.error_code == (r.taken ? 0 : code::invalid_request));
        CHECK(got.body.api_keys.empty() == !r.taken);
      }
    }
  }
}

TEST_CASE(
    "ApiVersions: a version that we do not know is answered in version 0 with ours, whatever its "
    "body") {
  kafka_node k(3);
  for (const int16_t version : {int16_t{6}, int16_t{99}, int16_t{32767}, int16_t{-1}}) {
    CAPTURE(version);
    const auto got = k.ask_raw<api_versions_response>(18, version, {0xff, 0xff, 0xff}, 0, int16_t{0});
    REQUIRE_FALSE(got.closed);
    CHECK(got.body.error_code == 35);
    REQUIRE(got.body.api_keys.size() == 1);
    CHECK(got.body.api_keys[0].api_key == 18);
    CHECK(got.body.api_keys[0].max_version == 5);
  }
}

TEST_CASE("handlers: a body that does not decode closes the connection") {
  kafka_node k(4);
  const std::vector<uint8_t> garbage(40, 0x7f);
  for (const served_api& api : served_apis()) {
    if (api.handle == nullptr) continue;
    for (int16_t version = api.min_version; version <= api.max_version; ++version) {
      CAPTURE(api.key);
      CAPTURE(version);
      // These bodies are empty, and what follows one is passed over.
      if ((api.key == 16 || api.key == 18) && version < 3) continue;
      CHECK(k.ask_raw<api_versions_response>(api.key, version, garbage).closed);
    }
  }
}

}  // namespace millrace::api::kafka
