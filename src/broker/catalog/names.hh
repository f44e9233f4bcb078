#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// Names of topics. A Kafka name with a dot is `stream.topic`, cut at the first one; without a dot,
/// or with an empty part, it lives in the default stream, whose name no Kafka name can spell. Pure
/// functions.

namespace millrace::broker {

inline constexpr std::string_view default_stream = "@default";

/// Why Kafka does not take this as the name of a topic; null where it does: 1-249 characters of
/// [a-zA-Z0-9._-], not "." or
/// "..".
const char* topic_name_problem(std::string_view name);

struct stream_and_topic {
  std::string_view stream;
  std::string_view topic;
};
stream_and_topic split_topic_name(std::string_view name);

/// The name with every '.' as '_': two topics with the same one collide (in names of metrics; Kafka
/// refuses the second).
std::string collision_name(std::string_view name);

/// "<topic>-<partition>".
std::string partition_directory(std::string_view topic, int32_t partition);

}  // namespace millrace::broker
