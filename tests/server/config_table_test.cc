#include "server/config_table.hh"

#include <algorithm>
#include <set>

#include "server/config_names.hh"
#include "support.hh"

namespace millrace::server {

TEST_CASE("table: names are unique, also as variables, and none is the table of another") {
  std::set<std::string> variables;
  std::set<std::string_view> topic_keys;
  for (const row& row : config_rows()) {
    CAPTURE(row.name);
    CHECK(variables.insert(environment_name(row.name)).second);
    CHECK((row.topic_key.empty() || topic_keys.insert(row.topic_key).second));
    for (const struct row& other : config_rows()) CHECK(!other.name.starts_with(std::string(row.name) + "."));
    CHECK(config_rows()[find_row(row.name).value()].name == row.name);
    CHECK(find_environment_row(environment_name(row.name)) == find_row(row.name));
  }
  CHECK(!find_row(""));
  CHECK(!find_row("num"));
  CHECK(!find_environment_row("MILLRACE_"));
}

TEST_CASE("table: no two rows share a field") {
  for (const row& row : config_rows()) {
    CAPTURE(row.name);
    CHECK(std::ranges::count_if(config_rows(), [&](const struct row& other) { return other.where == row.where; }) == 1);
  }
}

TEST_CASE("table: every default is within its own limits and every row is explained") {
  for (const row& row : config_rows()) {
    CAPTURE(row.name);
    config values;
    CHECK(!read_value(row, row.initial, values));
    CHECK(row.least <= row.most);
    CHECK(row.about.ends_with('.'));
  }
}

TEST_CASE("table: defaults that Kafka's users know are Kafka's") {
  struct row {
    const char* key;
    const char* want;
  };
  const row rows[] = {
      {"node.id", "1"},
      {"num.partitions", "1"},
      {"auto.create.topics.enable", "true"},
      {"delete.topic.enable", "true"},
      {"message.max.bytes", "1048588"},
      {"log.segment.bytes", "1073741824"},
      {"log.roll.ms", "604800000"},
      {"log.retention.ms", "604800000"},
      {"log.retention.bytes", "-1"},
      {"log.index.interval.bytes", "4096"},
      {"log.index.size.max.bytes", "10485760"},
      {"log.message.timestamp.after.max.ms", "3600000"},
      {"connections.max.idle.ms", "600000"},
      {"socket.request.max.bytes", "104857600"},
      {"fetch.max.bytes", "57671680"},
      {"max.incremental.fetch.session.cache.slots", "1000"},
      {"group.initial.rebalance.delay.ms", "3000"},
      {"compression.type", "producer"},
      {"commit_log.size", "268435456"},
      {"commit_log.inline_bytes_max", "65536"},
      {"segment_pool.size", "1073741824"},
  };
  const loaded_config plain = load_sets({});
  for (const row& r : rows) {
    CAPTURE(r.key);
    CHECK(text_of(plain, r.key) == r.want);
  }
}

TEST_CASE("names: a mistake finds its nearest neighbour, nonsense finds none") {
  struct row {
    const char* name;
    const char* want;
  };
  const row rows[] = {
      {"num.partition", " (did you mean num.partitions?)"},
      {"nmu.partitions", " (did you mean num.partitions?)"},
      {"Num.Partitions", " (did you mean num.partitions?)"},
      {"core", " (did you mean cores?)"},
      {"broker.id", " (Millrace has node.id instead)"},
      {"data.dir", " (Millrace has log.dirs instead)"},
      {"MILLRACE_DATA_DIR", " (Millrace has MILLRACE_LOG_DIRS instead)"},
      {"MILLRACE_MEMROY", " (did you mean MILLRACE_MEMORY?)"},
      {"quite.something.else", ""},
      {"", ""},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    CHECK(suggestion(r.name) == r.want);
  }
}

}  // namespace millrace::server
