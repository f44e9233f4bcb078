#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hh"
#include "base/tagged.hh"
#include "base/time.hh"

/// The first 61 bytes of a Kafka record batch, format 2 (KIP-98). All numbers are big endian:
///
///    0  base offset          int64    offset of the record with delta 0
///    8  batch length         int32    of what follows this field: size of the batch - 12
///   12  leader epoch         int32
///   16  magic                int8     2
///   17  crc                  uint32   CRC-32C of everything from the attributes to the end
///   21  attributes           int16    bits 0-2 codec, 3 timestamp type, 4 transactional, 5
///   control, 6 delete horizon 23  last offset delta    int32 27  base timestamp       int64    ms;
///   record deltas count from it (with bit 6: the delete horizon, likewise) 35  max timestamp int64
///   ms; with bit 3 the time of every record 43  producer id          int64    -1: none 51 producer
///   epoch       int16 53  base sequence        int32    -1: none 57  record count         int32
///
/// Base offset, length, epoch and magic lie outside the CRC, so the broker stamps the first and
/// third in place.

namespace millrace::record {

using base::bytes;
using base::mutable_bytes;
using base::unix_ms;

enum class codec : uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };
inline constexpr uint8_t codec_last = 4;

enum class timestamp_type : uint8_t { create_time = 0, log_append_time = 1 };

/// What a record or batch without a time carries.
inline constexpr unix_ms no_timestamp = -1;
inline constexpr int64_t no_producer_id = -1;
inline constexpr int32_t no_sequence = -1;

namespace header {
inline constexpr size_t base_offset_at = 0;
inline constexpr size_t batch_length_at = 8;
inline constexpr size_t leader_epoch_at = 12;
inline constexpr size_t magic_at = 16;
inline constexpr size_t crc_at = 17;
inline constexpr size_t attributes_at = 21;
inline constexpr size_t last_offset_delta_at = 23;
inline constexpr size_t base_timestamp_at = 27;
inline constexpr size_t max_timestamp_at = 35;
inline constexpr size_t producer_id_at = 43;
inline constexpr size_t producer_epoch_at = 51;
inline constexpr size_t base_sequence_at = 53;
inline constexpr size_t record_count_at = 57;
inline constexpr size_t size = 61;

/// Base offset and length: what the length does not count.
inline constexpr size_t frame_size = 12;
/// Where the CRC's bytes begin.
inline constexpr size_t checked_at = attributes_at;
inline constexpr int8_t magic = 2;

inline constexpr int16_t codec_mask = 0x07;
inline constexpr int16_t log_append_time_bit = 0x08;
inline constexpr int16_t transactional_bit = 0x10;
inline constexpr int16_t control_bit = 0x20;
inline constexpr int16_t delete_horizon_bit = 0x40;

static_assert(record_count_at + 4 == size && frame_size == batch_length_at + 4);
}  // namespace header

/// Reads the fields of a header that somebody else owns. At least header::size bytes at `at`;
/// nothing is checked.
class header_view {
 public:
  explicit header_view(const uint8_t* at) : at_(at) {}

  base::offset base_offset() const { return base::offset(get<int64_t>(header::base_offset_at)); }
  int32_t batch_length() const { return get<int32_t>(header::batch_length_at); }
  /// Of the whole batch, these 61 bytes included.
  size_t size() const { return static_cast<size_t>(int64_t{batch_length()} + int64_t{header::frame_size}); }
  base::leader_epoch leader_epoch() const { return base::leader_epoch(get<int32_t>(header::leader_epoch_at)); }
  int8_t magic() const { return get<int8_t>(header::magic_at); }
  uint32_t crc() const { return get<uint32_t>(header::crc_at); }

  int16_t attributes() const { return get<int16_t>(header::attributes_at); }
  /// The codec's number, which may be none of `codec`.
  uint8_t codec_number() const { return static_cast<uint8_t>(attributes() & header::codec_mask); }
  record::codec codec() const { return static_cast<record::codec>(codec_number()); }
  bool is_compressed() const { return codec_number() != 0; }
  record::timestamp_type timestamp_type() const {
    return static_cast<record::timestamp_type>((attributes() & header::log_append_time_bit) != 0);
  }
  bool is_transactional() const { return (attributes() & header::transactional_bit) != 0; }
  bool is_control() const { return (attributes() & header::control_bit) != 0; }
  bool has_delete_horizon() const { return (attributes() & header::delete_horizon_bit) != 0; }

  int32_t last_offset_delta() const { return get<int32_t>(header::last_offset_delta_at); }
  base::offset last_offset() const { return base_offset_plus(last_offset_delta()); }
  /// The offset after the batch's last, whether or not compaction has left a record there.
  base::offset next_offset() const { return base_offset_plus(int64_t{last_offset_delta()} + 1); }

  unix_ms base_timestamp() const { return get<int64_t>(header::base_timestamp_at); }
  unix_ms max_timestamp() const { return get<int64_t>(header::max_timestamp_at); }

  int64_t producer_id() const { return get<int64_t>(header::producer_id_at); }
  int16_t producer_epoch() const { return get<int16_t>(header::producer_epoch_at); }
  int32_t base_sequence() const { return get<int32_t>(header::base_sequence_at); }
  bool has_producer_id() const { return producer_id() > no_producer_id; }
  /// Sequence of the last record; after 2147483647 comes 0. -1 without a sequence.
  int32_t last_sequence() const {
    if (base_sequence() < 0) return no_sequence;
    const int64_t last = int64_t{base_sequence()} + last_offset_delta();
    return static_cast<int32_t>(last > INT32_MAX ? last - INT32_MAX - 1 : last);
  }
  int32_t record_count() const { return get<int32_t>(header::record_count_at); }
  /// Of its records: none where compaction has left no record.
  unix_ms newest_record() const { return record_count() == 0 ? no_timestamp : max_timestamp(); }

  const uint8_t* data() const { return at_; }

 private:
  /// Wraps around on fields that verify_shape would refuse.
  base::offset base_offset_plus(int64_t steps) const {
    return base::offset(static_cast<int64_t>(static_cast<uint64_t>(base_offset().value()) + static_cast<uint64_t>(steps)));
  }
  template <class Int>
  Int get(size_t position) const {
    return base::load_big<Int>(at_ + position);
  }
  const uint8_t* at_;
};

/// Writes the two fields that the broker owns; the CRC stays right.
inline void stamp(uint8_t* batch, base::offset base_offset, base::leader_epoch epoch) {
  base::store_big(batch + header::base_offset_at, base_offset.value());
  base::store_big(batch + header::leader_epoch_at, epoch.value());
}

}  // namespace millrace::record
