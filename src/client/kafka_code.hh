#pragma once

#include <cstdint>
#include <string_view>

/// Kafka's error codes, from the asker's side.

namespace millrace::client {

namespace code {
inline constexpr int16_t none = 0;
inline constexpr int16_t offset_out_of_range = 1;
inline constexpr int16_t unknown_topic_or_partition = 3;
inline constexpr int16_t leader_not_available = 5;
inline constexpr int16_t not_leader_or_follower = 6;
inline constexpr int16_t coordinator_load_in_progress = 14;
inline constexpr int16_t coordinator_not_available = 15;
inline constexpr int16_t not_coordinator = 16;
inline constexpr int16_t illegal_generation = 22;
inline constexpr int16_t unknown_member_id = 25;
inline constexpr int16_t rebalance_in_progress = 27;
inline constexpr int16_t out_of_order_sequence = 45;
inline constexpr int16_t duplicate_sequence = 46;
inline constexpr int16_t member_id_required = 79;
}  // namespace code

/// "NOT_LEADER_OR_FOLLOWER"; "UNKNOWN" for a code that is not known here.
std::string_view kafka_name(int16_t code) noexcept;
/// Whether the same request may succeed later (Kafka's RetriableException).
bool retriable(int16_t code) noexcept;

}  // namespace millrace::client
