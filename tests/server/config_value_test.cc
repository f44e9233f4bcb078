#include "server/config_value.hh"

#include "support.hh"

namespace millrace::server {

TEST_CASE("values: what each kind of setting takes, and what it says to the rest") {
  struct row {
    const char* key;
    const char* text;
    const char* want;   // canonical, or nullptr
    const char* wrong;  // part of the error
  };
  const row rows[] = {
      {"delete.topic.enable", "true", "true", nullptr},
      {"delete.topic.enable", "false", "false", nullptr},
      {"delete.topic.enable", "yes", nullptr, "must be true or false, not 'yes'"},
      {"delete.topic.enable", "", nullptr, "must be true or false"},
      {"num.partitions", "1", "1", nullptr},
      {"num.partitions", "2147483647", "2147483647", nullptr},
      {"num.partitions", "0", nullptr, "must be from 1 to 2147483647, not 0"},
      {"num.partitions", "-1", nullptr, "must be from 1"},
      {"num.partitions", "2147483648", nullptr, "must be from 1"},
      {"num.partitions", "99999999999999999999", nullptr, "is not a whole number"},
      {"num.partitions", "1K", nullptr, "is not a whole number"},
      {"num.partitions", "", nullptr, "'' is not a whole number"},
      {"num.partitions", " 1", nullptr, "is not a whole number"},
      {"log.retention.bytes", "-1", "-1", nullptr},
      {"log.retention.bytes", "-2", nullptr, "must be at least -1, not -2"},
      {"log.retention.bytes", "9223372036854775807", "9223372036854775807", nullptr},
      {"log.retention.bytes", "9223372036854775808", nullptr, "is not a size"},
      {"log.segment.bytes", "1MiB", "1048576", nullptr},
      {"log.segment.bytes", "1048575", nullptr, "must be from 1048576"},
      {"log.segment.bytes", "2GiB", nullptr, "not 2GiB"},
      {"log.segment.bytes", "big", nullptr, "'big' is not a size (1048576, 64KiB, 1GiB)"},
      {"log.retention.ms", "-1", "-1", nullptr},
      {"log.retention.ms", "7d", "604800000", nullptr},
      {"log.retention.ms", "1500us", nullptr, "is not a number of milliseconds"},
      {"log.retention.ms", "2000us", "2", nullptr},
      {"reactor.spin_max_us", "1ms", "1000", nullptr},
      {"reactor.spin_max_us", "11ms", nullptr, "must be from 0 to 10000"},
      {"compression.type", "zstd", "zstd", nullptr},
      {"compression.type", "brotli", nullptr, "must be producer or uncompressed or gzip"},
      {"log.cleanup.policy", "compact", "compact", nullptr},
      {"log.cleanup.policy", "compact,delete", "compact,delete", nullptr},
      {"millrace.ack", "memory", "memory", nullptr},
      {"millrace.ack", "Memory", nullptr, "must be durable or memory"},
      {"reactor.send", "copy", "copy", nullptr},
      {"reactor.cold_read", "direct", "direct", nullptr},
      {"reactor.cold_read", "splice", "splice", nullptr},
      {"reactor.cold_read", "cached", nullptr, "must be auto or direct or splice, not 'cached'"},
      {"reactor.cold_read", "", nullptr, "must be auto or direct"},
      {"reactor.send", "zerocopy", "zerocopy", nullptr},
      {"reactor.send", "zero", nullptr, "must be auto or copy or zerocopy, not 'zero'"},
      {"logging.level", "warn", "warn", nullptr},
      {"memory", "auto", "auto", nullptr},
      {"memory", "1GiB", "1073741824", nullptr},
      {"memory", "63MiB", nullptr, "must be at least 67108864"},
      {"memory", "0", nullptr, "must be at least"},
      {"cores", "all", "all", nullptr},
      {"cores", "0", "0", nullptr},
      {"cores", "0-2,6", "0,1,2,6", nullptr},
      {"cores", "2-0", nullptr, "is not a list of CPUs"},
      {"cores", "", nullptr, "is not a list of CPUs"},
      {"broker.rack", "r 1, left", "r 1, left", nullptr},
      {"listeners", "nonsense", nullptr, "'nonsense' is not NAME://host:port (no ://)"},
      {"placement.override", "nonsense", nullptr, "is not topic-partition:core"},
  };
  for (const row& r : rows) {
    CAPTURE(r.key);
    CAPTURE(r.text);
    const server::row& row = config_rows()[find_row(r.key).value()];
    config values = load_sets({}).values;
    const std::string before = value_text(row, values);
    const auto wrong = read_value(row, r.text, values);
    CHECK(wrong.has_value() == (r.want == nullptr));
    CHECK(value_text(row, values) == (r.want == nullptr ? before : r.want));
    if (r.wrong != nullptr) CHECK(contains(wrong.value_or(""), r.wrong));
    if (r.want != nullptr) CHECK(!read_value(row, r.want, values));
  }
}

TEST_CASE("values: every choice reads back as itself") {
  for (const row& row : config_rows()) {
    for (const std::string_view choice : row.choices) {
      CAPTURE(row.name);
      CAPTURE(choice);
      config values;
      CHECK(!read_value(row, choice, values));
      CHECK(value_text(row, values) == choice);
    }
  }
  CHECK(load_sets({set("millrace.ack", "memory")}).values.millrace_ack == ack_policy::memory);
  CHECK(load_sets({set("reactor.send", "copy")}).values.reactor_send == send_mechanism::copy);
  CHECK(load_sets({set("reactor.send", "zerocopy")}).values.reactor_send == send_mechanism::zero_copy);
  CHECK(load_sets({set("reactor.cold_read", "direct")}).values.reactor_cold_read == cold_read_mechanism::direct);
  CHECK(load_sets({set("logging.level", "error")}).values.logging_level == base::log_level::error);
}

TEST_CASE("values: types are Kafka's numbers") {
  struct row {
    const char* key;
    int type;
  };
  const row rows[] = {{"delete.topic.enable", 1}, {"compression.type", 2}, {"num.partitions", 3}, {"log.retention.ms", 5},
                      {"log.cleanup.policy", 7},  {"listeners", 7},        {"millrace.ack", 2},   {"memory", 5}};
  for (const row& r : rows) {
    CAPTURE(r.key);
    CHECK(kafka_type(config_rows()[find_row(r.key).value()]) == r.type);
  }
}

TEST_CASE("topic defaults: follow the broker's settings under the topic's names") {
  const auto all = topic_defaults(load_sets({set("log.segment.bytes", "2MiB"), set("log.roll.jitter.ms", "1h"),
                                             set("log.preallocate", "true"), set("compression.zstd.level", "-5")})
                                      .values);
  const auto find = [&](std::string_view key) -> const topic_default& {
    for (const topic_default& one : all) {
      if (one.topic_key == key) return one;
    }
    REQUIRE_MESSAGE(false, "no such topic key");
    return all.front();
  };
  CHECK(find("segment.bytes").text == "2097152");
  CHECK(find("segment.bytes").broker_key == "log.segment.bytes");
  CHECK(find("max.message.bytes").text == "1048588");
  CHECK(find("segment.ms").broker_key == "log.roll.ms");
  CHECK(find("flush.messages").text == "9223372036854775807");
  CHECK(find("segment.jitter.ms").text == "3600000");
  CHECK(find("preallocate").text == "true");
  CHECK(find("compression.zstd.level").text == "-5");
  CHECK(find("compression.lz4.level").broker_key == "compression.lz4.level");
}

}  // namespace millrace::server
