#include "broker/catalog/topic_config.hh"

#include <doctest/doctest.h>

namespace millrace::broker {

TEST_CASE("config keys: Kafka's 37 and one of ours, found by name, each with a default that is valid") {
  const broker_settings broker;
  CHECK(topic_config_keys().size() == 38);
  for (const config_key& key : topic_config_keys()) {
    CAPTURE(key.name);
    CHECK(find_config_key(key.name) == &key);
    CHECK(value_problem(key, key.initial) == "");
    CHECK(setting_problem(key.name, key.initial, broker) == "");
    CHECK(same_value(key, key.initial, key.initial));
    CHECK_FALSE(key.about.empty());
  }
  CHECK(find_config_key("no.such") == nullptr);
  CHECK(find_config_key("") == nullptr);
}

TEST_CASE("topic config: values that are taken and values that are not") {
  struct row {
    const char* key;
    const char* value;
    bool taken;
  };
  const row rows[] = {
      {"max.message.bytes", "0", true},
      {"max.message.bytes", "2147483647", true},
      {"max.message.bytes", "2147483648", false},
      {"max.message.bytes", "-1", false},
      {"max.message.bytes", " 5000 ", true},
      {"max.message.bytes", "5e3", false},
      {"max.message.bytes", "+5", false},
      {"max.message.bytes", "", false},
      {"segment.bytes", "1048576", true},
      {"segment.bytes", "1048575", false},
      {"segment.bytes", "9999999999", false},
      {"segment.ms", "1", true},
      {"segment.ms", "0", false},
      {"segment.ms", "9223372036854775807", true},
      {"segment.ms", "9223372036854775808", false},
      {"segment.index.bytes", "3", false},
      {"index.interval.bytes", "0", true},
      {"flush.messages", "1", true},
      {"flush.messages", "0", false},
      {"flush.ms", "0", true},
      {"message.timestamp.type", "LogAppendTime", true},
      {"message.timestamp.type", "logappendtime", false},
      {"compression.type", "gzip", true},
      {"compression.type", "none", false},
      {"compression.type", "brotli", false},
      {"retention.ms", "1000", true},
      {"retention.ms", "-1", true},
      {"retention.ms", "-2", false},
      {"retention.ms", "abc", false},
      {"retention.bytes", "0", true},
      {"retention.bytes", "-1", true},
      {"retention.bytes", "-2", false},
      {"max.decompressed.message.bytes", "1", true},
      {"max.decompressed.message.bytes", "0", false},
      {"millrace.ack", "memory", true},
      {"millrace.ack", "never", false},
      {"delete.retention.ms", "1000", true},
      {"delete.retention.ms", "abc", false},
      {"max.compaction.lag.ms", "0", false},
      {"min.compaction.lag.ms", "0", true},
      {"file.delete.delay.ms", "0", true},
      {"file.delete.delay.ms", "60000", true},
      {"file.delete.delay.ms", "60001", false},  // nothing is kept for so long
      {"cleanup.policy", " delete ", true},
      {"cleanup.policy", "compact", true},
      {"cleanup.policy", "delete, compact", true},
      {"cleanup.policy", "x", false},
      {"cleanup.policy", "", true},
      {"preallocate", "FALSE", true},
      {"preallocate", "true", true},
      {"preallocate", "maybe", false},
      {"segment.jitter.ms", "1000", true},
      {"segment.jitter.ms", "-1", false},
      {"min.cleanable.dirty.ratio", "0.50", true},
      {"min.cleanable.dirty.ratio", "0.6", true},
      {"min.cleanable.dirty.ratio", "-0.1", false},
      {"min.cleanable.dirty.ratio", "1.5", false},
      {"min.insync.replicas", "1", true},
      {"min.insync.replicas", "2", true},  // Kafka never asks for more than there are
      {"min.insync.replicas", "0", false},
      {"unclean.leader.election.enable", "true", true},
      {"compression.gzip.level", "9", true},
      {"compression.gzip.level", "10", false},
      {"compression.gzip.level", "0", false},
      {"compression.gzip.level", " 00 ", false},
      {"compression.gzip.level", "-1", true},
      {"compression.lz4.level", "17", true},
      {"compression.lz4.level", "18", false},
      {"compression.lz4.level", "0", false},
      {"compression.zstd.level", "22", true},
      {"compression.zstd.level", "-131072", true},
      {"compression.zstd.level", "23", false},
      {"leader.replication.throttled.replicas", "*", true},
      {"leader.replication.throttled.replicas", "", true},
      {"leader.replication.throttled.replicas", "0:1, 11:2", true},
      {"leader.replication.throttled.replicas", "0:1,*", false},
      {"leader.replication.throttled.replicas", "0", false},
      {"follower.replication.throttled.replicas", "0:x", false},
      {"follower.replication.throttled.replicas", ":1", false},
      {"follower.replication.throttled.replicas", "1:", false},
      {"follower.replication.throttled.replicas", "*", true},
      // What has no meaning without tiers and share groups.
      {"remote.storage.enable", "false", true},
      {"remote.storage.enable", "true", false},
      {"remote.log.copy.disable", "true", false},
      {"remote.log.delete.on.disable", "true", false},
      {"remote.copy.lag.ms", "1", false},
      {"remote.copy.lag.bytes", "1", false},
      {"local.retention.ms", "-2", true},
      {"local.retention.ms", "1000", false},
      {"local.retention.bytes", "1000", false},
      {"errors.deadletterqueue.group.enable", "true", false},
      {"no.such", "1", false},
      {"", "1", false},
  };
  const broker_settings broker;
  for (const row& r : rows) {
    CAPTURE(r.key);
    CAPTURE(r.value);
    const std::string why = setting_problem(r.key, r.value, broker);
    CHECK(why.empty() == r.taken);
    if (!r.taken) CHECK(why.find(r.key) != std::string::npos);
  }
}

TEST_CASE(
    "topic config: what is set for the topic is in force, then the broker's setting, then Kafka's "
    "default") {
  broker_settings broker;
  CHECK(make_topic_config({}, broker).max_message_bytes == 1048588);
  broker.all.push_back({.name = "message.max.bytes", .value = "2000000", .about = "", .topic_key = "max.message.bytes"});
  broker.all.push_back({.name = "millrace.ack", .value = "memory", .about = "", .topic_key = "millrace.ack"});
  CHECK(make_topic_config({}, broker).max_message_bytes == 2000000);
  CHECK(make_topic_config({}, broker).log.acknowledge_from_memory);
  const topic_config own = make_topic_config({{"max.message.bytes", " 77 "}, {"millrace.ack", "durable"}}, broker);
  CHECK(own.max_message_bytes == 77);
  CHECK_FALSE(own.log.acknowledge_from_memory);
  CHECK(own.overrides.at("max.message.bytes") == " 77 ");
}

TEST_CASE("topic config: every key that works arrives at its value") {
  const topic_config c = make_topic_config({{"message.timestamp.type", "LogAppendTime"},
                                            {"message.timestamp.before.max.ms", "11"},
                                            {"message.timestamp.after.max.ms", "22"},
                                            {"compression.type", "lz4"},
                                            {"max.decompressed.message.bytes", "33"},
                                            {"segment.bytes", "1048577"},
                                            {"segment.ms", "44"},
                                            {"segment.jitter.ms", "40"},
                                            {"preallocate", "TRUE"},
                                            {"index.interval.bytes", "55"},
                                            {"segment.index.bytes", "66"}},
                                           {});
  CHECK(c.timestamp_type == record::timestamp_type::log_append_time);
  CHECK(c.timestamp_before_max_ms == 11);
  CHECK(c.timestamp_after_max_ms == 22);
  CHECK(c.compression == compression_type::lz4);
  CHECK(c.decompressed_bytes_max == 33);
  CHECK(c.log.segment_bytes == 1048577);
  CHECK(c.log.segment_ms == base::milliseconds(44));
  CHECK(c.log.segment_jitter == base::milliseconds(40));
  CHECK(c.log.preallocate);
  CHECK_FALSE(make_topic_config({}, {}).log.preallocate);
  CHECK(c.log.index_interval_bytes == 55);
  CHECK(c.log.segment_index_bytes == 66);
  CHECK_FALSE(c.compacted);
  CHECK(make_topic_config({{"segment.ms", "9223372036854775807"}}, {}).log.segment_ms.ns > 0);
}

TEST_CASE("topic config: a key that is refused for good says why") {
  const broker_settings broker;
  CHECK(setting_problem("remote.storage.enable", "true", broker) ==
        "remote.storage.enable: it can only be set to its default, false, because there is no remote tier");
}

TEST_CASE("topic config: a codec is packed at the level of its own key, and by its default where that says so") {
  struct row {
    const char* type;
    const char* key;
    const char* level;
    std::optional<int> packed_at;
  };
  const row rows[] = {
      {"gzip", "compression.gzip.level", "-1", std::nullopt},
      {"gzip", "compression.gzip.level", "9", 9},
      {"gzip", "compression.zstd.level", "9", std::nullopt},
      {"lz4", "compression.lz4.level", "9", std::nullopt},  // Kafka's fast one
      {"lz4", "compression.lz4.level", "10", 10},
      {"lz4", "compression.lz4.level", "1", 3},
      {"zstd", "compression.zstd.level", "22", 22},
      {"zstd", "compression.zstd.level", "-5", -5},
      {"producer", "compression.zstd.level", "22", std::nullopt},
      {"snappy", "compression.zstd.level", "22", std::nullopt},
  };
  for (const row& r : rows) {
    CAPTURE(r.type);
    CAPTURE(r.level);
    CHECK(make_topic_config({{"compression.type", r.type}, {r.key, r.level}}, {}).compression_level == r.packed_at);
  }
}

TEST_CASE("topic config: a stored value of another version that cannot be read counts as not set") {
  CHECK(make_topic_config({{"max.message.bytes", "lots"}, {"from.the.future", "1"}}, {}).max_message_bytes == 1048588);
}

TEST_CASE("topic config: a default of the broker's is what keys that do not work yet may be set to") {
  broker_settings broker;
  broker.all.push_back({.name = "log.local.retention.ms", .value = "1000", .about = "", .topic_key = "local.retention.ms"});
  CHECK(setting_problem("local.retention.ms", "1000", broker) == "");
  CHECK(setting_problem("local.retention.ms", "-2", broker) != "");
}

TEST_CASE("topic config: retention is the topic's, else the broker's, and nobody's without delete in cleanup.policy") {
  broker_settings broker;
  CHECK(make_topic_config({}, broker).log.retention_ms == 604800000);
  CHECK(make_topic_config({}, broker).log.retention_bytes == -1);
  broker.all.push_back({.name = "log.retention.ms", .value = "1000", .about = "", .topic_key = "retention.ms"});
  broker.all.push_back({.name = "log.retention.bytes", .value = "2000", .about = "", .topic_key = "retention.bytes"});
  CHECK(make_topic_config({}, broker).log.retention_ms == 1000);
  CHECK(make_topic_config({}, broker).log.retention_bytes == 2000);
  const topic_config own = make_topic_config({{"retention.ms", "-1"}, {"retention.bytes", "7"}}, broker);
  CHECK(own.log.retention_ms == -1);
  CHECK(own.log.retention_bytes == 7);
  struct row {
    const char* policy;
    bool deletes;
  };
  for (const row& r : {row{"delete", true}, row{"compact", false}, row{"compact,delete", true}, row{"", false}}) {
    CAPTURE(r.policy);
    const topic_config c = make_topic_config({{"cleanup.policy", r.policy}}, broker);
    CHECK(c.deletes == r.deletes);
    CHECK(c.log.retention_ms == (r.deletes ? 1000 : -1));
    CHECK(c.log.retention_bytes == (r.deletes ? 2000 : -1));
  }
}

TEST_CASE("topic config: compaction is what cleanup.policy says, with the topic's bounds, and ends segments in time") {
  const broker_settings broker;
  CHECK_FALSE(make_topic_config({}, broker).log.compact);
  const topic_config c = make_topic_config({{"cleanup.policy", "compact"},
                                            {"delete.retention.ms", "5"},
                                            {"min.compaction.lag.ms", "6"},
                                            {"max.compaction.lag.ms", "7000"},
                                            {"min.cleanable.dirty.ratio", "0.25"}},
                                           broker);
  CHECK(c.compacted);
  CHECK(c.log.compact);
  CHECK(c.log.delete_retention_ms == 5);
  CHECK(c.log.min_compaction_lag_ms == 6);
  CHECK(c.log.max_compaction_lag_ms == 7000);
  CHECK(c.log.min_cleanable_dirty_ratio == 0.25);
  CHECK(c.log.segment_ms == base::seconds(7));
  CHECK(make_topic_config({{"max.compaction.lag.ms", "7000"}}, broker).log.segment_ms == base::seconds(604800));
}

TEST_CASE("topic config: changes are carried out all or none") {
  using base::errc;
  const broker_settings broker;
  struct row {
    const char* name;
    std::vector<config_change> changes;
    std::optional<errc> refused;
    config_overrides after;
  };
  const config_overrides before = {{"segment.ms", "100"}};
  const row rows[] = {
      {"nothing", {}, {}, before},
      {"set", {{"max.message.bytes", config_op::set, "9"}}, {}, {{"max.message.bytes", "9"}, {"segment.ms", "100"}}},
      {"set again", {{"segment.ms", config_op::set, "7"}}, {}, {{"segment.ms", "7"}}},
      {"remove", {{"segment.ms", config_op::remove, std::nullopt}}, {}, {}},
      {"remove what is not set", {{"flush.ms", config_op::remove, "x"}}, {}, before},
      {"remove what does not exist", {{"no.such", config_op::remove, std::nullopt}}, {}, before},
      {"good and bad",
       {{"segment.ms", config_op::set, "7"}, {"max.message.bytes", config_op::set, "x"}},
       errc::invalid_config,
       before},
      {"unknown key", {{"no.such", config_op::set, "1"}}, errc::invalid_config, before},
      {"null", {{"segment.ms", config_op::set, std::nullopt}}, errc::invalid_argument, before},
      {"append null", {{"cleanup.policy", config_op::append, std::nullopt}}, errc::invalid_argument, before},
      {"key twice",
       {{"segment.ms", config_op::set, "7"}, {"segment.ms", config_op::set, "8"}},
       errc::invalid_argument,
       before},
      {"bad key twice",
       {{"no.such", config_op::set, "7"}, {"no.such", config_op::set, "8"}},
       errc::invalid_argument,
       before},
      {"append to a number", {{"segment.ms", config_op::append, "1"}}, errc::invalid_config, before},
      {"append what is there",
       {{"cleanup.policy", config_op::append, "delete"}},
       {},
       {{"cleanup.policy", "delete"}, {"segment.ms", "100"}}},
      {"append",
       {{"cleanup.policy", config_op::append, "compact"}},
       {},
       {{"cleanup.policy", "delete,compact"}, {"segment.ms", "100"}}},
      {"append what there is not", {{"cleanup.policy", config_op::append, "burn"}}, errc::invalid_config, before},
      {"a lag above another",
       {{"min.compaction.lag.ms", config_op::set, "5"}, {"max.compaction.lag.ms", config_op::set, "4"}},
       errc::invalid_config,
       before},
      {"a flush before each answer, and none",
       {{"millrace.ack", config_op::set, "memory"}, {"flush.messages", config_op::set, "1"}},
       errc::invalid_config,
       before},
      {"answers before the flush, at once",
       {{"millrace.ack", config_op::set, "memory"}, {"flush.ms", config_op::set, "0"}},
       errc::invalid_config,
       before},
      {"answers before the flush, which comes soon",
       {{"millrace.ack", config_op::set, "memory"}, {"flush.ms", config_op::set, "1000"}},
       {},
       {{"flush.ms", "1000"}, {"millrace.ack", "memory"}, {"segment.ms", "100"}}},
      {"subtract what is not there",
       {{"cleanup.policy", config_op::subtract, "compact"}},
       {},
       {{"cleanup.policy", "delete"}, {"segment.ms", "100"}}},
      {"subtract the last",
       {{"cleanup.policy", config_op::subtract, "delete"}},
       {},
       {{"cleanup.policy", ""}, {"segment.ms", "100"}}},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    config_overrides overrides = before;
    const auto refused = apply_changes(overrides, r.changes, broker);
    CHECK(refused.has_value() == r.refused.has_value());
    if (refused && r.refused) CHECK(refused->code == *r.refused);
    CHECK(overrides == r.after);
  }
}

TEST_CASE("topic config: a list does not grow over what the protocol can say, by appends either") {
  config_overrides overrides;
  std::string piece;
  for (int i = 0; i < 5000; ++i) piece += std::to_string(i) + ":1,";
  CHECK(piece.size() > config_value_bytes_max);
  CHECK(setting_problem("leader.replication.throttled.replicas", piece, {}) != "");
  const std::string half = piece.substr(0, piece.find("3000:"));
  const std::string rest = piece.substr(half.size());
  const auto change = [&](config_op op, const std::string& value) {
    const config_change one[] = {{"leader.replication.throttled.replicas", op, value}};
    return apply_changes(overrides, one, {});
  };
  CHECK_FALSE(change(config_op::append, half));
  const config_overrides before = overrides;
  const auto refused = change(config_op::append, rest);
  REQUIRE(refused);
  CHECK(refused->code == base::errc::invalid_config);
  CHECK(overrides == before);
}

TEST_CASE("config keys: lists lose their spaces and keep their order") {
  CHECK(list_elements("") == std::vector<std::string_view>{});
  CHECK(list_elements(" a , b,c ") == std::vector<std::string_view>{"a", "b", "c"});
  CHECK(list_elements("a,,b") == std::vector<std::string_view>{"a", "", "b"});
}

}  // namespace millrace::broker
