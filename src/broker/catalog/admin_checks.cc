#include "broker/catalog/admin_checks.hh"

#include <algorithm>
#include <set>

#include "broker/catalog/names.hh"

namespace millrace::broker {
namespace {

/// Why these are no replicas on a cluster of this one node; empty where they are.
std::string replicas_problem(const replica_list& replicas, const broker_settings& settings) {
  if (replicas.empty()) return "The manual partition assignment includes an empty replica list.";
  const std::set<int32_t> different(replicas.begin(), replicas.end());
  if (different.size() != replicas.size()) return "The manual partition assignment includes a broker twice.";
  for (const int32_t id : replicas) {
    if (!settings.is_ours(id)) {
      return "The manual partition assignment includes broker " + std::to_string(id) + ", but no such broker is registered.";
    }
  }
  // A replica is a node, however many of its cores are brokers.
  if (replicas.size() > 1) return "The manual partition assignment includes two cores of one node.";
  return {};
}

std::string assignment_problem(const new_topic& asked, const broker_settings& settings) {
  std::set<int32_t> seen;
  for (const auto& [partition, replicas] : asked.assignment) {
    if (!seen.insert(partition).second) return "Found multiple manual assignments for one partition.";
    std::string why = replicas_problem(replicas, settings);
    if (!why.empty()) return why;
  }
  const bool dense = *seen.begin() == 0 && *seen.rbegin() == static_cast<int32_t>(seen.size()) - 1;
  return dense ? std::string() : "Partitions should be a consecutive 0-based integer sequence.";
}

/// Whether memory has room for so many more partitions; the outcome says so where not.
bool check_room(int64_t more, const topic_table& topics, const broker_settings& settings, admin_outcome& outcome) {
  if (topics.partition_count() + more <= settings.partitions_max) return true;
  outcome.refuse(base::errc::policy_violation, "This node's memory has room for " + std::to_string(settings.partitions_max) +
                                                   " partitions, and there are " + std::to_string(topics.partition_count()) +
                                                   ".");
  return false;
}

int32_t default_partitions(const new_topic& asked, const broker_settings& settings) {
  return is_internal_topic(asked.name) ? settings.offsets_topic_partitions : settings.num_partitions;
}

/// How many partitions a topic shall have; nullopt where the outcome says why not.
std::optional<int32_t> check_counts(const new_topic& asked, const broker_settings& settings, admin_outcome& outcome) {
  using base::errc;
  if (!asked.assignment.empty()) {
    if (asked.replication_factor != -1 || asked.partitions != -1) {
      outcome.refuse(errc::invalid_argument, "A manual partition assignment was specified, but so were counts.");
      return std::nullopt;
    }
    std::string why = assignment_problem(asked, settings);
    if (!why.empty()) {
      outcome.refuse(errc::invalid_replica_assignment, std::move(why));
      return std::nullopt;
    }
    return static_cast<int32_t>(asked.assignment.size());
  }
  const int16_t factor = asked.replication_factor == -1 ? settings.default_replication_factor : asked.replication_factor;
  const int32_t partitions = asked.partitions == -1 ? default_partitions(asked, settings) : asked.partitions;
  if (factor <= 0) {
    outcome.refuse(errc::invalid_replication_factor, "Replication factor must be larger than 0.");
    return std::nullopt;
  }
  if (partitions <= 0) {
    outcome.refuse(errc::invalid_partitions, "Number of partitions must be larger than 0.");
    return std::nullopt;
  }
  if (factor > 1) {
    outcome.refuse(errc::invalid_replication_factor,
                   "Unable to replicate the partition " + std::to_string(factor) + " time(s): only 1 broker is registered.");
    return std::nullopt;
  }
  return partitions;
}

/// Where a new topic shall live, under a name that is free; nullopt where the outcome says why not.
std::optional<topic_draft> check_place(const new_topic& asked, const birth& given, const topic_table& topics,
                                       admin_outcome& outcome) {
  using base::errc;
  const char* why = asked.stream ? plain_name_problem(asked.name) : topic_name_problem(asked.name);
  const stream_and_topic names = asked.stream ? stream_and_topic{*asked.stream, asked.name} : split_topic_name(asked.name);
  const topic_table::stream_row* stream = topics.find_stream(names.stream);
  const std::string* other = asked.stream ? nullptr : topics.colliding(asked.name);
  if (asked.stream && stream == nullptr) {
    outcome.refuse(errc::unknown_stream, "The stream '" + *asked.stream + "' does not exist.");
  } else if (why != nullptr) {
    outcome.refuse(errc::invalid_topic, why);
  } else if (topics.find(names) != nullptr) {
    outcome.refuse(errc::topic_exists, "Topic '" + asked.name + "' already exists.");
  } else if (other != nullptr) {
    outcome.refuse(errc::invalid_topic, "Topic '" + asked.name + "' collides with existing topic: " + *other);
  }
  if (outcome.error) return std::nullopt;

  topic_draft draft;
  if (stream == nullptr) {
    draft.stream = stored_stream{.id = given.stream,
                                 .name = std::string(names.stream),
                                 .number = topics.next_stream_number(),
                                 .created = given.now,
                                 .origin = stream_origin::kafka_name};
  }
  std::string stem = kafka_name_of(names);
  if (stem.empty()) stem = base::as_view(given.topic.to_text());
  draft.topic = {.id = given.topic,
                 .stream = stream != nullptr ? stream->stored->id : given.stream,
                 .name = std::string(names.topic),
                 .number = stream != nullptr ? stream->next_topic_number : 0,
                 .created = given.now,
                 .stem = std::move(stem),
                 .directories = {},
                 .overrides = {}};
  return draft;
}

/// What an internal topic has whoever makes it, as Kafka's; what is asked for it otherwise holds.
config_overrides internal_settings(const broker_settings& settings) {
  return {{"cleanup.policy", "compact"},
          {"compression.type", "producer"},
          {"segment.bytes", std::to_string(settings.offsets_topic_segment_bytes)}};
}

bool check_settings(const new_topic& asked, const broker_settings& settings, config_overrides& overrides,
                    admin_outcome& outcome) {
  if (is_internal_topic(asked.name) && !asked.stream) overrides = internal_settings(settings);
  for (const auto& [key, value] : asked.configs) {
    std::string why = value ? setting_problem(key, *value, settings) : "Null value not supported for topic config: " + key;
    if (!why.empty()) {
      outcome.refuse(base::errc::invalid_config, std::move(why));
      return false;
    }
    overrides.insert_or_assign(key, *value);
  }
  if (std::string why = settings_conflict(overrides, settings); !why.empty()) {
    outcome.refuse(base::errc::invalid_config, std::move(why));
    return false;
  }
  return true;
}

void describe(const stored_topic& topic, admin_outcome& outcome) {
  outcome.stream_id = topic.stream;
  outcome.topic_id = topic.id;
  outcome.partitions = static_cast<int32_t>(topic.directories.size());
  outcome.replication_factor = 1;
  outcome.overrides = topic.overrides;
}

const topic_table::row* find_topic(const topic_reference& asked, const topic_table& topics, admin_outcome& outcome) {
  if (const auto* id = std::get_if<base::uuid>(&asked)) {
    const topic_table::row* row = topics.find(*id);
    if (row == nullptr) outcome.refuse(base::errc::unknown_topic_id, "There is no such topic.");
    return row;
  }
  const auto& name = std::get<std::string>(asked);
  const topic_table::row* row = topics.find(name);
  if (row == nullptr) {
    outcome.refuse(base::errc::unknown_topic_or_partition, "The topic '" + name.substr(0, 249) + "' does not exist.");
  }
  return row;
}

void add_directories(stored_topic& topic, int32_t total, const topic_table& topics) {
  topic.directories.reserve(static_cast<size_t>(total));
  for (auto p = static_cast<int32_t>(topic.directories.size()); p < total; ++p) {
    topic.directories.push_back(topics.free_directory(topic, p));
  }
}

}  // namespace

std::optional<topic_draft> check_new_topic(const new_topic& asked, const birth& given, const topic_table& topics,
                                           const broker_settings& settings, admin_outcome& outcome) {
  auto draft = check_place(asked, given, topics, outcome);
  if (!draft) return std::nullopt;
  stored_topic& made = draft->topic;
  if (!check_settings(asked, settings, made.overrides, outcome)) return std::nullopt;
  const auto partitions = check_counts(asked, settings, outcome);
  if (!partitions) return std::nullopt;
  // Groups must find their place, however many topics there are.
  const bool ours = is_internal_topic(asked.name) && !asked.stream;
  if (!ours && !check_room(*partitions, topics, settings, outcome)) return std::nullopt;
  add_directories(made, *partitions, topics);
  describe(made, outcome);
  return draft;
}

std::optional<stored_stream> check_new_stream(const std::string& name, const birth& given, const topic_table& topics,
                                              admin_outcome& outcome) {
  if (const char* why = plain_name_problem(name)) {
    outcome.refuse(base::errc::invalid_stream, why);
  } else if (topics.find_stream(name) != nullptr) {
    outcome.refuse(base::errc::stream_exists, "Stream '" + name + "' already exists.");
  }
  if (outcome.error) return std::nullopt;
  outcome.stream_id = given.stream;
  return stored_stream{.id = given.stream,
                       .name = name,
                       .number = topics.next_stream_number(),
                       .created = given.now,
                       .origin = stream_origin::explicitly};
}

std::optional<stored_topic> check_growth(const partition_growth& asked, const topic_table& topics,
                                         const broker_settings& settings, admin_outcome& outcome) {
  using base::errc;
  const topic_table::row* row = find_topic(asked.topic, topics, outcome);
  if (row == nullptr) return std::nullopt;
  if (row->info->internal) {
    outcome.refuse(errc::invalid_topic, "Groups belong to the partitions that this topic has.");
    return std::nullopt;
  }
  const auto present = static_cast<int64_t>(row->stored.directories.size());
  const int64_t more = asked.total - present;
  if (more <= 0) {
    outcome.refuse(errc::invalid_partitions, "The topic currently has " + std::to_string(present) + " partition(s); " +
                                                 std::to_string(asked.total) + " would not be an increase.");
    return std::nullopt;
  }
  if (more > new_partitions_max) {
    outcome.refuse(errc::policy_violation, "Excessively large number of partitions per request.");
    return std::nullopt;
  }
  if (!check_room(more, topics, settings, outcome)) return std::nullopt;
  if (asked.assignment) {
    std::string why;
    if (static_cast<int64_t>(asked.assignment->size()) != more) {
      why = "The number of manual assignments is not that of the new partitions.";
    }
    for (const replica_list& replicas : *asked.assignment) {
      if (why.empty()) why = replicas_problem(replicas, settings);
    }
    if (!why.empty()) {
      outcome.refuse(errc::invalid_replica_assignment, std::move(why));
      return std::nullopt;
    }
  }
  stored_topic grown = row->stored;
  add_directories(grown, asked.total, topics);
  describe(grown, outcome);
  return grown;
}

std::optional<stored_topic> check_alteration(const topic_alteration& asked, const topic_table& topics,
                                             const broker_settings& settings, admin_outcome& outcome) {
  const topic_table::row* row = find_topic(asked.topic, topics, outcome);
  if (row == nullptr) return std::nullopt;
  stored_topic altered = row->stored;
  if (asked.replace) altered.overrides.clear();
  if (auto refused = apply_changes(altered.overrides, asked.changes, settings)) {
    outcome.refuse(refused->code, std::move(refused->why));
    return std::nullopt;
  }
  // What groups committed is not to grow old because somebody put everything back to its default.
  if (row->info->internal) altered.overrides.merge(internal_settings(settings));
  describe(altered, outcome);
  return altered;
}

int64_t partitions_asked(const std::vector<new_topic>& topics, const broker_settings& settings) {
  int64_t sum = 0;
  for (const new_topic& t : topics) {
    if (!t.assignment.empty()) {
      sum += static_cast<int64_t>(t.assignment.size());
    } else {
      sum += t.partitions == -1 ? default_partitions(t, settings) : std::max(t.partitions, 0);
    }
  }
  return sum;
}

}  // namespace millrace::broker
