#include <algorithm>
#include <array>

#include "api/kafka/handlers.hh"
#include "api/kafka/request_context.hh"

namespace millrace::api::kafka {
namespace {

/// Old librdkafka switches features on by single versions in these ranges: that is why Produce
/// starts at 0 although 0-2 are refused.
constexpr auto rows = std::to_array<served_api>({
    {0, 0, 13, nullptr},  // Produce
    {1, 4, 18, nullptr},  // Fetch
    {2, 1, 11, handle_list_offsets},
    {3, 0, 13, handle_metadata},
    {8, 2, 10, handle_offset_commit},
    {9, 1, 10, handle_offset_fetch},
    {10, 0, 6, handle_find_coordinator},
    {11, 0, 9, handle_join_group},
    {12, 0, 4, handle_heartbeat},
    {13, 0, 5, handle_leave_group},
    {14, 0, 5, handle_sync_group},
    {15, 0, 6, handle_describe_groups},
    {16, 0, 5, handle_list_groups},
    {18, 0, 5, handle_api_versions},
    {19, 2, 7, handle_create_topics},
    {20, 1, 6, handle_delete_topics},
    {21, 0, 2, handle_delete_records},
    {22, 0, 5, handle_init_producer_id},
    {23, 2, 4, handle_offset_for_leader_epoch},
    {32, 1, 4, handle_describe_configs},
    {33, 0, 2, handle_alter_configs},
    {35, 1, 5, handle_describe_log_dirs},
    {37, 0, 3, handle_create_partitions},
    {42, 0, 3, handle_delete_groups},
    {44, 0, 1, handle_incremental_alter_configs},
    {47, 0, 0, handle_offset_delete},
    {60, 0, 2, handle_describe_cluster},
    {75, 0, 0, handle_describe_topic_partitions},
});
static_assert(std::ranges::is_sorted(rows, {}, &served_api::key));

}  // namespace

const served_api* find_api(int16_t key) {
  const auto found = std::ranges::lower_bound(rows, key, {}, &served_api::key);
  return found != rows.end() && found->key == key ? &*found : nullptr;
}

std::span<const served_api> served_apis() { return rows; }

}  // namespace millrace::api::kafka
