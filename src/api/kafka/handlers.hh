#pragma once

#include "api/kafka/request_context.hh"

/// One function for each API but Produce and Fetch; api_table.cc names their versions.

namespace millrace::api::kafka {

using handled = reactor::task<base::result<void>>;

handled handle_alter_configs(request_context& request);
handled handle_api_versions(request_context& request);
handled handle_create_partitions(request_context& request);
handled handle_create_topics(request_context& request);
handled handle_delete_groups(request_context& request);
handled handle_delete_records(request_context& request);
handled handle_delete_topics(request_context& request);
handled handle_describe_cluster(request_context& request);
handled handle_describe_configs(request_context& request);
handled handle_describe_groups(request_context& request);
handled handle_describe_log_dirs(request_context& request);
handled handle_describe_topic_partitions(request_context& request);
handled handle_find_coordinator(request_context& request);
handled handle_heartbeat(request_context& request);
handled handle_init_producer_id(request_context& request);
handled handle_incremental_alter_configs(request_context& request);
handled handle_join_group(request_context& request);
handled handle_leave_group(request_context& request);
handled handle_list_groups(request_context& request);
handled handle_list_offsets(request_context& request);
handled handle_metadata(request_context& request);
handled handle_offset_commit(request_context& request);
handled handle_offset_delete(request_context& request);
handled handle_offset_fetch(request_context& request);
handled handle_offset_for_leader_epoch(request_context& request);
handled handle_sync_group(request_context& request);

}  // namespace millrace::api::kafka
