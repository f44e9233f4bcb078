#include "broker/catalog/topic_config.hh"

#include <algorithm>
#include <set>

#include "base/parse.hh"

namespace millrace::broker {
namespace {

/// Reads the values in force, one key at a time.
class values {
 public:
  values(const config_overrides& overrides, const broker_settings& broker) : overrides_(overrides), broker_(broker) {}

  std::string_view text(std::string_view name) const {
    const config_key& key = *find_config_key(name);
    const auto own = overrides_.find(name);
    if (own != overrides_.end() && value_problem(key, own->second).empty()) return trimmed(own->second);
    const std::string_view initial = default_value(key, broker_);
    return value_problem(key, initial).empty() ? trimmed(initial) : key.initial;
  }
  int64_t number(std::string_view name) const { return *base::parse_integer<int64_t>(text(name)); }
  double fraction(std::string_view name) const { return *parse_double(text(name)); }
  bool is_true(std::string_view name) const { return same_value(*find_config_key(name), text(name), "true"); }

 private:
  const config_overrides& overrides_;
  const broker_settings& broker_;
};

/// Thirty years; more would not fit when counted in nanoseconds from now.
constexpr int64_t segment_ms_most = 1'000'000'000'000;

compression_type compression_named(std::string_view word) {
  constexpr std::pair<std::string_view, compression_type> words[] = {
      {"producer", compression_type::producer}, {"uncompressed", compression_type::uncompressed},
      {"gzip", compression_type::gzip},         {"snappy", compression_type::snappy},
      {"lz4", compression_type::lz4},           {"zstd", compression_type::zstd},
  };
  for (const auto& [name, type] : words) {
    if (name == word) return type;
  }
  return compression_type::producer;
}

/// lz4: Kafka's default, 9, is its fast compressor whatever the number says; all others are of the slow one, which begins at
/// 3 here.
std::optional<int> compression_level(compression_type type, const values& in) {
  constexpr int64_t gzip_default = -1, lz4_default = 9, lz4_least = 3;
  std::optional<int64_t> level;
  if (type == compression_type::gzip) level = in.number("compression.gzip.level");
  if (type == compression_type::lz4) level = in.number("compression.lz4.level");
  if (type == compression_type::zstd) level = in.number("compression.zstd.level");
  if (!level || (type == compression_type::gzip && *level == gzip_default)) return std::nullopt;
  if (type != compression_type::lz4) return static_cast<int>(*level);
  if (*level == lz4_default) return std::nullopt;
  return static_cast<int>(std::max(*level, lz4_least));
}

std::string joined(const std::vector<std::string>& elements) {
  std::string text;
  for (const std::string& e : elements) {
    if (!text.empty()) text += ',';
    text += e;
  }
  return text;
}

/// A list after elements were added to or taken from it.
std::string changed_list(std::string_view current, std::string_view elements, config_op op) {
  std::vector<std::string> list;
  for (const std::string_view e : list_elements(current)) list.emplace_back(e);
  for (const std::string_view e : list_elements(elements)) {
    const auto at = std::ranges::find(list, e);
    if (op == config_op::append && at == list.end()) list.emplace_back(e);
    if (op == config_op::subtract && at != list.end()) list.erase(at);
  }
  return joined(list);
}

std::optional<config_refusal> apply(config_overrides& overrides, const config_change& change,
                                    const broker_settings& broker) {
  if (change.op == config_op::remove) {
    overrides.erase(change.key);  // Kafka does not ask whether there is such a key
    return std::nullopt;
  }
  const config_key* key = find_config_key(change.key);
  if (key == nullptr) return config_refusal{base::errc::invalid_config, "Unknown topic config name: " + change.key};
  if (!change.value) {
    return config_refusal{base::errc::invalid_argument, "Null value not supported for configuration " + change.key};
  }
  std::string value = *change.value;
  if (change.op == config_op::append || change.op == config_op::subtract) {
    if (key->type != config_type::list) {
      return config_refusal{base::errc::invalid_config,
                            "Can't append to or subtract from " + change.key + ": it is not a list"};
    }
    const auto own = overrides.find(change.key);
    const std::string current(own != overrides.end() ? std::string_view(own->second) : default_value(*key, broker));
    value = changed_list(current, value, change.op);
  }
  std::string why = setting_problem(change.key, value, broker);
  if (!why.empty()) return config_refusal{base::errc::invalid_config, std::move(why)};
  overrides.insert_or_assign(change.key, std::move(value));
  return std::nullopt;
}

}  // namespace

std::string settings_conflict(const config_overrides& overrides, const broker_settings& broker) {
  const values in(overrides, broker);
  const int64_t least = in.number("min.compaction.lag.ms");
  const int64_t most = in.number("max.compaction.lag.ms");
  if (least > most) {
    return "conflict topic config setting min.compaction.lag.ms (" + std::to_string(least) + ") > max.compaction.lag.ms (" +
           std::to_string(most) + ")";
  }
  if (in.text("millrace.ack") != "memory") return {};
  for (const auto& [key, at_once] : {std::pair{"flush.messages", 1}, std::pair{"flush.ms", 0}}) {
    if (in.number(key) != at_once) continue;
    return std::string(key) + "=" + std::to_string(at_once) +
           " asks for a flush before each answer, millrace.ack=memory for none";
  }
  return {};
}

std::string_view default_value(const config_key& key, const broker_settings& broker) {
  const broker_setting* set = broker.default_of(key.name);
  return set != nullptr ? std::string_view(set->value) : key.initial;
}

topic_config make_topic_config(config_overrides overrides, const broker_settings& broker) {
  topic_config made;
  const values in(overrides, broker);
  made.max_message_bytes = static_cast<uint32_t>(in.number("max.message.bytes"));
  made.timestamp_type = in.text("message.timestamp.type") == "LogAppendTime" ? record::timestamp_type::log_append_time
                                                                             : record::timestamp_type::create_time;
  made.timestamp_before_max_ms = in.number("message.timestamp.before.max.ms");
  made.timestamp_after_max_ms = in.number("message.timestamp.after.max.ms");
  made.compression = compression_named(in.text("compression.type"));
  made.compression_level = compression_level(made.compression, in);
  const auto policy = list_elements(in.text("cleanup.policy"));
  made.compacted = std::ranges::find(policy, "compact") != policy.end();
  made.deletes = std::ranges::find(policy, "delete") != policy.end();
  // Kafka: without it nothing goes by age or size.
  if (made.deletes) {
    made.log.retention_ms = in.number("retention.ms");
    made.log.retention_bytes = in.number("retention.bytes");
  }
  made.log.compact = made.compacted;
  made.log.delete_retention_ms = in.number("delete.retention.ms");
  made.log.min_compaction_lag_ms = in.number("min.compaction.lag.ms");
  made.log.max_compaction_lag_ms = in.number("max.compaction.lag.ms");
  made.log.min_cleanable_dirty_ratio = in.fraction("min.cleanable.dirty.ratio");
  made.decompressed_bytes_max = static_cast<uint64_t>(in.number("max.decompressed.message.bytes"));
  made.log.segment_bytes = static_cast<uint64_t>(in.number("segment.bytes"));
  // Kafka: what is to be compacted by then has to be in a segment that ended.
  const int64_t segment_ms_here =
      made.compacted ? std::min(in.number("segment.ms"), made.log.max_compaction_lag_ms) : in.number("segment.ms");
  made.log.segment_ms = base::milliseconds(std::min(segment_ms_here, segment_ms_most));
  made.log.segment_jitter = base::milliseconds(std::min(in.number("segment.jitter.ms"), segment_ms_most));
  made.log.preallocate = in.is_true("preallocate");
  made.log.index_interval_bytes = static_cast<uint32_t>(in.number("index.interval.bytes"));
  made.log.segment_index_bytes = static_cast<uint32_t>(in.number("segment.index.bytes"));
  made.log.decompressed_bytes_max = made.decompressed_bytes_max;
  made.log.acknowledge_from_memory = in.text("millrace.ack") == "memory";
  made.overrides = std::move(overrides);
  return made;
}

std::string setting_problem(std::string_view name, std::string_view value, const broker_settings& broker) {
  const config_key* key = find_config_key(name);
  if (key == nullptr) return "Unknown topic config name: " + std::string(name);
  std::string why = value_problem(*key, value);
  if (!why.empty() || key->works) return why;
  const std::string_view initial = default_value(*key, broker);
  if (same_value(*key, value, initial)) return {};
  const std::string only = "it can only be set to its default, " + std::string(initial);
  if (key->why_not.empty()) return std::string(name) + " does not work yet: " + only;
  return std::string(name) + ": " + only + ", because " + std::string(key->why_not);
}

std::optional<config_refusal> apply_changes(config_overrides& overrides, std::span<const config_change> changes,
                                            const broker_settings& broker) {
  std::set<std::string_view> seen;
  for (const config_change& change : changes) {
    if (!seen.insert(change.key).second) {
      return config_refusal{base::errc::invalid_argument, "Error due to duplicate config keys: " + change.key};
    }
  }
  config_overrides draft = overrides;
  for (const config_change& change : changes) {
    if (auto refused = apply(draft, change, broker)) return refused;
  }
  if (std::string why = settings_conflict(draft, broker); !why.empty()) {
    return config_refusal{base::errc::invalid_config, std::move(why)};
  }
  overrides = std::move(draft);
  return std::nullopt;
}

}  // namespace millrace::broker
