#pragma once

#include <cstdint>

/// Which rule of the batch format was broken: the `place` of this room's errors.

namespace millrace::record {

enum class check : uint16_t {
  none = 0,
  length,  ///< the batch's length field against the bytes there are
  magic,
  crc,
  base_offset,        ///< a client's is 0
  record_count,       ///< positive, that of the offsets, and that of the records
  last_offset_delta,  ///< not negative
  codec,              ///< 0 to 4
  control,            ///< never from a client
  sequence,           ///< not negative with a producer id
  record_length,      ///< a record ends where its length says
  offset_delta,       ///< 0, 1, 2, ... or at least rising
  timestamp,          ///< within the topic's limits, and within 64 bits
  key,                ///< there, where a compacted topic needs one
  headers,            ///< count, key and value lengths
  compression,        ///< the codec's own format, or its bound
};

constexpr uint16_t place(check c) { return static_cast<uint16_t>(c); }

/// A sentence for people, as Kafka's RecordErrors and logs carry it.
const char* explain(check c) noexcept;

}  // namespace millrace::record
