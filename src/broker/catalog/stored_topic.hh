#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hh"
#include "base/result.hh"
#include "base/uuid.hh"
#include "broker/catalog/topic_config.hh"

/// What the meta_store keeps of a topic, under topic_key(name). Its value is, little endian:
///
///    0  id          16 bytes
///   16  count       uint32  of partitions
///   20  directories uint8 length and name each; length 0 is "<topic>-<partition>"
///       count       uint16  of settings
///       settings    key length uint16, value length uint32, key, value each

namespace millrace::broker {

struct stored_topic {
  std::string name;
  base::uuid id;
  std::vector<std::string> directories;  ///< by partition: names under the data directory
  config_overrides overrides;
  friend bool operator==(const stored_topic&, const stored_topic&) = default;
};

std::string topic_key(std::string_view name);
/// The name in a topic's key; empty where it is another key.
std::string_view topic_of_key(std::string_view key);

std::string encode_topic(const stored_topic& topic);
/// Errors: corrupt.
base::result<stored_topic> decode_topic(std::string_view name, base::bytes value);

}  // namespace millrace::broker
