#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// Names. A topic is one in a stream; partitions count from 0. Kafka knows only full names: one with
/// a dot is `stream.topic`, cut at the first dot; without one, or with an empty part, the topic lives
/// in the default stream, whose name no Kafka name can spell. Other doors may have streams and topics
/// that no full name leads to; Kafka is not shown them. Pure functions.

namespace millrace::broker {

inline constexpr std::string_view default_stream = "@default";
/// Where groups keep what they are and what they have read (broker/group), and what Kafka keeps of transactions.
inline constexpr std::string_view consumer_offsets_topic = "__consumer_offsets";
inline constexpr std::string_view transaction_state_topic = "__transaction_state";
/// Topics of the broker's own: clients may read and describe them, and nobody else writes, deletes or grows them.
constexpr bool is_internal_topic(std::string_view kafka_name) {
  return kafka_name == consumer_offsets_topic || kafka_name == transaction_state_topic;
}
/// Most bytes of the name of a stream, or of a topic within its stream.
inline constexpr size_t name_bytes_max = 255;

/// Why Kafka does not take this as the name of a topic; null where it does: 1-249 characters of
/// [a-zA-Z0-9._-], not "." or
/// "..".
const char* topic_name_problem(std::string_view name);

/// Why no stream, and no topic within one, may have this name; null where it may: 1-255 bytes of
/// UTF-8.
const char* plain_name_problem(std::string_view name);

struct stream_and_topic {
  std::string_view stream;
  std::string_view topic;
};
stream_and_topic split_topic_name(std::string_view name);

/// The legal Kafka name that is cut into exactly these two; empty where there is none: a stream with
/// a dot, a dot in a topic of the default stream, letters that Kafka does not have, over 249 bytes.
std::string kafka_name_of(stream_and_topic parts);

/// The name with every '.' as '_': two topics with the same one collide (in names of metrics; Kafka
/// refuses the second).
std::string collision_name(std::string_view name);

/// "<stem>-<partition>"; the stem is the full Kafka name, where a topic has one, else its id.
std::string partition_directory(std::string_view stem, int32_t partition);

}  // namespace millrace::broker
