#pragma once

#include <string>
#include <string_view>

#include "base/result.hh"
#include "base/uuid.hh"
#include "reactor/core.hh"
#include "reactor/task.hh"

/// Whose log a directory holds: the file `partition.metadata` in it, in Kafka's own form, two lines:
///
///   version: 0
///   topic_id: <22 characters, URL-safe base64>
///
/// It is written once, before the directory's name is durable. A topic made again has the same directory name and
/// another topic id.

namespace millrace::storage {

std::string encode_partition_metadata(const base::uuid& topic);
/// The topic id. Errors: malformed, foreign (another version).
base::result<base::uuid> decode_partition_metadata(std::string_view text);

/// `directory`: full path of the log's. Durable, but for the name of the directory itself. Errors: no_space, io.
reactor::task<base::result<void>> write_partition_metadata(reactor::core& on, std::string directory, base::uuid topic);
/// Errors: not_found, malformed, foreign, io; logged with the path, but for not_found.
reactor::task<base::result<base::uuid>> read_partition_metadata(reactor::core& on, std::string directory);

}  // namespace millrace::storage
