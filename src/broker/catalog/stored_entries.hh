#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hh"
#include "base/result.hh"
#include "base/time.hh"
#include "base/uuid.hh"
#include "broker/catalog/topic_config.hh"

/// What the meta_store keeps of streams and topics. Both are kept under their ids, so that names are
/// values like others. Under stream_key(id), little endian:
///
///    0  version     uint8   1
///    1  origin      uint8
///    2  number      uint32
///    6  created     int64   ms since 1970
///   14  name        length uint16, UTF-8
///
/// and under topic_key(id):
///
///    0  version     uint8   1
///    1  stream      16 bytes, its id
///   17  number      uint32
///   21  created     int64   ms since 1970
///   29  name        length uint16, UTF-8
///       stem        length uint16, of directories
///       count       uint32  of partitions
///       directories uint8 length and name each; length 0 is "<stem>-<partition>"
///       count       uint16  of settings
///       settings    key length uint16, value length uint32, key, value each
///
/// and under producer_ids_key, of the ids that idempotent producers are given:
///
///    0  version     uint8   1
///    1  next        int64   the first that nobody was given

namespace millrace::broker {

/// How a stream came to be: one that a Kafka name made goes with its last topic.
enum class stream_origin : uint8_t { kafka_name = 0, explicitly = 1 };

struct stored_stream {
  base::uuid id;
  std::string name;
  /// For doors that number streams: drawn when it is made, kept for its life, from 0.
  uint32_t number = 0;
  base::unix_ms created = 0;
  stream_origin origin = stream_origin::kafka_name;
  friend bool operator==(const stored_stream&, const stored_stream&) = default;
};

struct stored_topic {
  base::uuid id;
  base::uuid stream;
  std::string name;     ///< within its stream
  uint32_t number = 0;  ///< within its stream, likewise
  base::unix_ms created = 0;
  std::string stem;                      ///< what its directories are usually named by
  std::vector<std::string> directories;  ///< by partition: names under the data directory
  config_overrides overrides;
  friend bool operator==(const stored_topic&, const stored_topic&) = default;
};

std::string stream_key(const base::uuid& id);
std::string topic_key(const base::uuid& id);
inline constexpr std::string_view producer_ids_key = "producer.ids";

/// What a key of the catalog is about.
enum class key_kind : uint8_t { other, stream, topic, producer_ids };
struct parsed_key {
  key_kind kind = key_kind::other;
  base::uuid id;
};
parsed_key parse_key(std::string_view key);

std::string encode_stream(const stored_stream& stream);
std::string encode_topic(const stored_topic& topic);
std::string encode_producer_ids(int64_t next);
/// Errors of all: corrupt; foreign (another version).
base::result<stored_stream> decode_stream(const base::uuid& id, base::bytes value);
base::result<stored_topic> decode_topic(const base::uuid& id, base::bytes value);
base::result<int64_t> decode_producer_ids(base::bytes value);

}  // namespace millrace::broker
