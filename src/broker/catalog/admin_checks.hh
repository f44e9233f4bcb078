#pragma once

#include "broker/catalog/admin.hh"
#include "broker/catalog/topic_table.hh"

/// Whether administration may do what it is asked: the rules of Kafka's controller for one node.
/// Pure functions over the topics as they are; on success they give what shall be stored, otherwise
/// the outcome says why not.

namespace millrace::broker {

/// What is given to something new: ids that nobody has, and the time.
struct birth {
  base::uuid topic;
  base::uuid stream;
  base::unix_ms now = 0;
};

struct topic_draft {
  std::optional<stored_stream> stream;  ///< to be made with it
  stored_topic topic;
};

/// Errors, in Kafka's order: unknown_stream (where one is given), invalid_topic, topic_exists,
/// invalid_topic (collision of Kafka names, where asked by one), invalid_config, invalid_argument
/// (assignment beside counts), invalid_replica_assignment, invalid_replication_factor,
/// invalid_partitions.
std::optional<topic_draft> check_new_topic(const new_topic& asked, const birth& given, const topic_table& topics,
                                           const broker_settings& settings, admin_outcome& outcome);

/// A stream that is made for itself. Errors: invalid_stream, stream_exists.
std::optional<stored_stream> check_new_stream(const std::string& name, const birth& given, const topic_table& topics,
                                              admin_outcome& outcome);

/// Errors: unknown_topic_or_partition, unknown_topic_id, invalid_partitions (not more than there are),
/// invalid_replica_assignment, policy_violation.
std::optional<stored_topic> check_growth(const partition_growth& asked, const topic_table& topics,
                                         const broker_settings& settings, admin_outcome& outcome);

/// Errors: unknown_topic_or_partition, unknown_topic_id, those of apply_changes.
std::optional<stored_topic> check_alteration(const topic_alteration& asked, const topic_table& topics,
                                             const broker_settings& settings, admin_outcome& outcome);

/// The partitions that a request for new topics makes in all.
int64_t partitions_asked(const std::vector<new_topic>& topics, const broker_settings& settings);

}  // namespace millrace::broker
