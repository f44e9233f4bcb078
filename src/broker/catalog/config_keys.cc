#include "broker/catalog/config_keys.hh"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/parse.hh"

namespace millrace::broker {
namespace {

constexpr int64_t int32_most = INT32_MAX;
constexpr std::string_view longest = "9223372036854775807";

constexpr std::string_view policies[] = {"compact", "delete"};
constexpr std::string_view codecs[] = {"uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"};
constexpr std::string_view timestamp_types[] = {"CreateTime", "LogAppendTime"};
constexpr std::string_view acks[] = {"durable", "memory"};

constexpr std::string_view no_tier = "there is no remote tier";
constexpr std::string_view no_share_groups = "there are no share groups";
constexpr int64_t delete_delay_most = 60000;

constexpr bool yes = true;
constexpr bool never = false;
using enum config_type;

/// Of gzip's levels, which go from 1 to 9 and have -1 for the default.
std::string_view gzip_level_problem(std::string_view value) {
  const auto level = base::parse_integer<int64_t>(value);
  return level && *level == 0 ? "0 is no level" : "";
}

bool is_number(std::string_view digits) {
  return !digits.empty() && std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
}

/// As Kafka reads replicas that are to be slowed down.
std::string_view replicas_problem(std::string_view value) {
  const std::vector<std::string_view> elements = list_elements(value);
  if (!elements.empty() && elements.front() == "*") return {};
  for (const std::string_view e : elements) {
    const size_t colon = e.find(':');
    const bool pair = colon != e.npos && is_number(e.substr(0, colon)) && is_number(e.substr(colon + 1));
    if (!pair && !e.empty()) return "must be '*' or a list of partition:broker";
  }
  return {};
}

struct range {
  int64_t least;
  int64_t most;
};
consteval range from(int64_t least) { return {least, INT64_MAX}; }

// A row of each kind: name, default, the broker's key, whether it works, what is allowed, and why
// it exists.
using text = std::string_view;
consteval config_key longs(text name, text initial, text broker_key, bool works, range r, text about) {
  return {name, int64, initial, broker_key, works, r.least, r.most, {}, about};
}
consteval config_key ints(text name, text initial, text broker_key, bool works, range r, text about) {
  return {name, int32, initial, broker_key, works, r.least, r.most, {}, about};
}
consteval config_key words(text name, config_type type, text initial, text broker_key, bool works,
                           std::span<const text> choices, text about) {
  return {name, type, initial, broker_key, works, 0, 0, choices, about};
}
/// Switches: all are off where nobody sets them.
consteval config_key flag(text name, text broker_key, bool works, text about) {
  return {name, boolean, "false", broker_key, works, 0, 0, {}, about};
}
/// One that is not here to stay, with the reason.
consteval config_key refused(config_key key, text why_not) {
  key.works = false;
  key.why_not = why_not;
  return key;
}
/// One whose values are asked further.
consteval config_key asked(config_key key, std::string_view (*further)(std::string_view value)) {
  key.further = further;
  return key;
}
/// A number from 0 to 1.
consteval config_key share(text name, text initial, text broker_key, text about) {
  return {name, float64, initial, broker_key, yes, 0, 1, {}, about};
}

constexpr auto keys = std::to_array<config_key>({
    words("cleanup.policy", list, "delete", "log.cleanup.policy", yes, policies,
          "What happens to old segments: they are deleted, or compacted to the last record of each "
          "key."),
    asked(ints("compression.gzip.level", "-1", "compression.gzip.level", yes, {-1, 9},
               "Level of gzip where compression.type is gzip, from 1 to 9; -1: 6."),
          gzip_level_problem),
    ints("compression.lz4.level", "9", "compression.lz4.level", yes, {1, 17},
         "Level of lz4 where compression.type is lz4. 9, the default, is the fast one, as in Kafka; "
         "others are of the slow one, and above 12 as 12."),
    words("compression.type", string, "producer", "compression.type", yes, codecs,
          "Codec of stored batches; producer keeps the one that a batch came with."),
    ints("compression.zstd.level", "3", "compression.zstd.level", yes, {-131072, 22},
         "Level of zstd where compression.type is zstd; above 3 within a window of 512 KiB."),
    longs("delete.retention.ms", "86400000", "log.cleaner.delete.retention.ms", yes, from(0),
          "How long a tombstone stays readable in a compacted topic."),
    refused(flag("errors.deadletterqueue.group.enable", "", never,
                 "Whether share groups may use the topic for records that they could not process."),
            no_share_groups),
    longs("file.delete.delay.ms", "60000", "log.segment.delete.delay.ms", yes, {0, delete_delay_most},
          "How long the files of a removed segment may stay on disk. They leave as soon as nobody "
          "reads them, which is sooner than any delay; a longer one than the default is refused."),
    longs("flush.messages", longest, "log.flush.interval.messages", yes, from(1),
          "Records after which a flush is due at the latest. A flush before each answer meets "
          "every bound; millrace.ack = memory answers before that flush is done."),
    longs("flush.ms", longest, "log.flush.interval.ms", yes, from(0),
          "Time after which a flush is due at the latest. A flush before each answer meets every "
          "bound; millrace.ack = memory answers before that flush is done."),
    asked(words("follower.replication.throttled.replicas", list, "", "", yes, {},
                "Replicas whose fetching of this topic is slowed down. A single node copies nothing, "
                "so nothing is."),
          replicas_problem),
    ints("index.interval.bytes", "4096", "log.index.interval.bytes", yes, {0, int32_most},
         "Bytes of log between two entries of an index."),
    asked(words("leader.replication.throttled.replicas", list, "", "", yes, {},
                "Replicas whose being fetched from for this topic is slowed down. A single node copies "
                "nothing, so nothing is."),
          replicas_problem),
    refused(longs("local.retention.bytes", "-2", "log.local.retention.bytes", never, from(-2),
                  "Bytes of a tiered partition that stay on local disks; -2: as retention.bytes."),
            no_tier),
    refused(longs("local.retention.ms", "-2", "log.local.retention.ms", never, from(-2),
                  "Time that segments of a tiered partition stay on local disks; -2: as retention.ms."),
            no_tier),
    longs("max.compaction.lag.ms", longest, "log.cleaner.max.compaction.lag.ms", yes, from(1),
          "Time after which a record may no longer stay uncompacted."),
    ints("max.decompressed.message.bytes", "2147483639", "max.decompressed.message.bytes", yes, {1, int32_most},
         "Most bytes that the records of one compressed batch may have when it is opened."),
    ints("max.message.bytes", "1048588", "message.max.bytes", yes, {0, int32_most},
         "Largest batch of records, compressed as it came."),
    longs("message.timestamp.after.max.ms", "3600000", "log.message.timestamp.after.max.ms", yes, from(0),
          "How far a record's CreateTime may lie in the broker's future."),
    longs("message.timestamp.before.max.ms", longest, "log.message.timestamp.before.max.ms", yes, from(0),
          "How far a record's CreateTime may lie in the broker's past."),
    words("message.timestamp.type", string, "CreateTime", "log.message.timestamp.type", yes, timestamp_types,
          "Whose clock a record's time is: its producer's, or the broker's when it is appended."),
    words("millrace.ack", string, "durable", "millrace.ack", yes, acks,
          "When a produce is answered: durable, when its bytes are on stable storage; memory, "
          "before, so that a crash of the process or the machine loses what was answered last."),
    share("min.cleanable.dirty.ratio", "0.5", "log.cleaner.min.cleanable.ratio",
          "Share of a log not yet compacted at which compaction begins."),
    longs("min.compaction.lag.ms", "0", "log.cleaner.min.compaction.lag.ms", yes, from(0),
          "Time for which a record stays uncompacted at least."),
    ints("min.insync.replicas", "1", "min.insync.replicas", yes, {1, int32_most},
         "Replicas that must have a record before acks=all is answered, but never more than the "
         "partition has: on a single node the one."),
    flag("preallocate", "log.preallocate", yes,
         "Whether a segment's file gets its whole space at its first write. Otherwise it grows ahead "
         "of what is written, in steps of up to 64 MiB."),
    refused(longs("remote.copy.lag.bytes", "-1", "log.remote.copy.lag.bytes", never, from(-1),
                  "Bytes by which copying to the remote tier may be behind."),
            no_tier),
    refused(longs("remote.copy.lag.ms", "0", "log.remote.copy.lag.ms", never, from(-1),
                  "Time by which copying to the remote tier may be behind."),
            no_tier),
    refused(flag("remote.log.copy.disable", "", never, "Whether nothing more is copied to the remote tier."), no_tier),
    refused(flag("remote.log.delete.on.disable", "", never,
                 "Whether data in the remote tier is deleted when tiering is switched off."),
            no_tier),
    refused(flag("remote.storage.enable", "", never, "Whether closed segments are copied to a remote tier."), no_tier),
    longs("retention.bytes", "-1", "log.retention.bytes", yes, from(-1),
          "Size of a partition above which its oldest segments are deleted; -1: without bound."),
    longs("retention.ms", "604800000", "log.retention.ms", yes, from(-1), "Age at which a segment is deleted; -1: never."),
    ints("segment.bytes", "1073741824", "log.segment.bytes", yes, {1048576, int32_most},
         "Size at which a segment is closed and the next one opened."),
    ints("segment.index.bytes", "10485760", "log.index.size.max.bytes", yes, {4, int32_most},
         "Largest index of one segment; a full one closes the segment."),
    longs("segment.jitter.ms", "0", "log.roll.jitter.ms", yes, from(0),
          "Most time that is taken off segment.ms, another part of it for each segment, so that "
          "segments do not roll all at once."),
    longs("segment.ms", "604800000", "log.roll.ms", yes, from(1),
          "Age at which a segment is closed although it is not full."),
    flag("unclean.leader.election.enable", "unclean.leader.election.enable", yes,
         "Whether a replica that lacks acknowledged records may become the leader. On a single node "
         "there is no other replica, and no election."),
});
static_assert(std::ranges::is_sorted(keys, {}, &config_key::name));

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string problem(const config_key& key, std::string_view value, std::string_view why) {
  std::string text = "Invalid value ";
  text.append(value.substr(0, 200)).append(" for configuration ").append(key.name);
  if (!why.empty()) text.append(": ").append(why);
  return text;
}

std::string bounds(const config_key& key) {
  return "must be from " + std::to_string(key.least) + " to " + std::to_string(key.most);
}

std::string integer_problem(const config_key& key, std::string_view value) {
  const auto number = base::parse_integer<int64_t>(value);
  const int64_t type_most = key.type == int64 ? INT64_MAX : key.type == int32 ? INT32_MAX : INT16_MAX;
  const bool fits = number && *number <= type_most && *number >= -type_most - 1;
  if (!fits) return problem(key, value, "not a number of type " + std::string(key.type == int64 ? "long" : "int"));
  if (*number < key.least || *number > key.most) return problem(key, value, bounds(key));
  return {};
}

std::string list_problem(const config_key& key, std::string_view value) {
  if (key.choices.empty()) return {};
  for (const std::string_view element : list_elements(value)) {
    if (std::ranges::find(key.choices, element) == key.choices.end()) return problem(key, value, "not one that exists");
  }
  return {};
}

/// What its type and its bounds have against it.
std::string type_problem(const config_key& key, std::string_view value) {
  switch (key.type) {
    case boolean: {
      const std::string word = lower(value);
      return word == "true" || word == "false" ? std::string() : problem(key, value, "must be true or false");
    }
    case int16:
    case int32:
    case int64:
      return integer_problem(key, value);
    case float64: {
      const auto number = parse_double(value);
      if (!number) return problem(key, value, "not a number");
      const bool within = *number >= static_cast<double>(key.least) && *number <= static_cast<double>(key.most);
      return within ? std::string() : problem(key, value, bounds(key));
    }
    case list:
      return list_problem(key, value);
    case string:
      if (key.choices.empty() || std::ranges::find(key.choices, value) != key.choices.end()) return {};
      return problem(key, value, "not one that exists");
  }
  return problem(key, value, {});
}

}  // namespace

std::optional<double> parse_double(std::string_view value) {
  double number = 0;
  const char* end = value.data() + value.size();
  const auto [rest, code] = std::from_chars(value.data(), end, number);
  if (code != std::errc{} || rest != end) return std::nullopt;
  return number;
}

std::span<const config_key> topic_config_keys() { return keys; }

const config_key* find_config_key(std::string_view name) {
  const auto found = std::ranges::lower_bound(keys, name, {}, &config_key::name);
  return found != keys.end() && found->name == name ? &*found : nullptr;
}

std::string_view trimmed(std::string_view value) {
  const auto is_space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!value.empty() && is_space(value.front())) value.remove_prefix(1);
  while (!value.empty() && is_space(value.back())) value.remove_suffix(1);
  return value;
}

std::vector<std::string_view> list_elements(std::string_view value) {
  std::vector<std::string_view> elements;
  value = trimmed(value);
  while (!value.empty()) {
    const size_t comma = std::min(value.find(','), value.size());
    elements.push_back(trimmed(value.substr(0, comma)));
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
  return elements;
}

std::string value_problem(const config_key& key, std::string_view raw) {
  if (raw.size() > config_value_bytes_max) {
    return problem(key, raw, "longer than " + std::to_string(config_value_bytes_max) + " bytes");
  }
  const std::string_view value = trimmed(raw);
  std::string why = type_problem(key, value);
  if (!why.empty() || key.further == nullptr) return why;
  const std::string_view further = key.further(value);
  return further.empty() ? std::string() : problem(key, value, further);
}

bool same_value(const config_key& key, std::string_view a, std::string_view b) {
  a = trimmed(a);
  b = trimmed(b);
  switch (key.type) {
    case boolean:
      return lower(a) == lower(b);
    case int16:
    case int32:
    case int64: {
      const auto one = base::parse_integer<int64_t>(a);
      const auto other = base::parse_integer<int64_t>(b);
      return one && other && *one == *other;
    }
    case float64:
      return parse_double(a) == parse_double(b);
    case list:
      return list_elements(a) == list_elements(b);
    case string:
      break;
  }
  return a == b;
}

}  // namespace millrace::broker
