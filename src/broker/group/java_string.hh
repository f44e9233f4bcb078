#pragma once

#include <cstdint>
#include <string_view>

/// Texts as Kafka, a Java program, counts and hashes them: as UTF-16. Pure; the texts are UTF-8 as they came, and what is no
/// UTF-8 counts as U+FFFD, as often as Java puts it there when it reads such bytes.

namespace millrace::broker {

/// String.length(): UTF-16 units. Never more than the bytes of the text.
int32_t java_length(std::string_view text) noexcept;

/// String.hashCode(): h = 31 h + unit, in 32 bits.
int32_t java_hash(std::string_view text) noexcept;

/// The partition of `__consumer_offsets` (of `__transaction_state`) that has the coordinator of this group id (transactional
/// id): the hash's absolute value, 0 where there is none (of -2^31), modulo `partitions`, which is at least 1.
int32_t coordinator_partition(std::string_view id, int32_t partitions) noexcept;

}  // namespace millrace::broker
