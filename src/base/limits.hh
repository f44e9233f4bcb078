#pragma once

#include <cstddef>
#include <cstdint>

/// Bounds that several rooms share, and how they relate. A bound that only one room knows lives
/// there; one that an operator may change is the default here and a key of the configuration.

namespace millrace::base {

inline constexpr size_t kib = 1024;
inline constexpr size_t mib = 1024 * kib;
inline constexpr size_t gib = 1024 * mib;

/// What two cores must not share, and what a disk writes whole.
inline constexpr size_t cache_line_bytes = 64;
inline constexpr size_t block_bytes = 4 * kib;

/// Pooled memory is lent in these two sizes.
inline constexpr size_t chunk_small_bytes = block_bytes;
inline constexpr size_t chunk_large_bytes = 64 * kib;

/// One request, length prefix excluded (Kafka: socket.request.max.bytes).
inline constexpr size_t frame_bytes_max = 104857600;
/// One record batch with its first 12 bytes, as a topic allows it unless configured (Kafka:
/// max.message.bytes).
inline constexpr size_t batch_bytes_default_max = mib + 12;
/// What the length field of a batch can say at most, and what a segment can hold.
inline constexpr uint64_t batch_bytes_format_max = uint64_t{INT32_MAX} + 12;
inline constexpr uint64_t segment_bytes_min = mib;
inline constexpr uint64_t segment_bytes_max = INT32_MAX;
/// What a compressed batch may grow to when it is opened (Kafka: max.decompressed.message.bytes).
inline constexpr uint64_t decompressed_bytes_max = 2147483639;
/// Records in one batch: each takes at least seven bytes.
inline constexpr int32_t records_per_batch_max = INT32_MAX / 7;

/// Names of topics (Kafka) and one line of the log, end of line excluded.
inline constexpr size_t topic_name_bytes_max = 249;
inline constexpr size_t log_line_bytes_max = 1024;

/// What one connection may have unanswered before it is no longer read.
inline constexpr size_t requests_in_flight_max = 256;
/// What one core may have outstanding at another, and the ring between them. An append is outstanding until it is durable,
/// so this bounds what a core may hand to another within a flush.
inline constexpr size_t works_outstanding_max = 1024;
inline constexpr size_t mail_ring_slots = 4096;

inline constexpr uint32_t cpus_max = 4096;

static_assert(chunk_large_bytes % chunk_small_bytes == 0);
static_assert(batch_bytes_default_max < frame_bytes_max);
static_assert(frame_bytes_max < batch_bytes_format_max);
static_assert(batch_bytes_default_max > segment_bytes_min,
              "a default batch outgrows the smallest segment: "
              "the log must refuse a batch larger than its segment by itself");
/// A ring seldom fills: works in one direction and the replies to works of the other share it. What finds it full waits at
/// the sender.
static_assert(mail_ring_slots >= 4 * works_outstanding_max);

}  // namespace millrace::base
