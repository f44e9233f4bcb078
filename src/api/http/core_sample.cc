#include "api/http/core_sample.hh"

#include <algorithm>

namespace millrace::api::http {

namespace {

partition_numbers partitions_of(const core_view& of) {
  const broker::producer_ages& producers = of.broker->producers().ages();
  return {.partitions = of.broker->partitions(),
          .producers = producers.count(),
          .producers_max = producers.count_max(),
          .groups = of.groups->groups(),
          .group_bytes = of.groups->bytes(),
          .group_bytes_max = of.groups->bytes_most()};
}

commit_numbers commits_of(const storage::commit_log& log) {
  return {.used = log.used(),
          .capacity = log.capacity(),
          .backlog = log.backlog(),
          .in_flight = log.in_flight(),
          .failed = log.failed()};
}

door_numbers numbers_of(kafka::door& d) {
  return {.counted = d.counters(),
          .connections = d.connections(),
          .held = d.held().now(),
          .held_max = d.held().bounds(),
          .small_frames = d.frames().small().used(),
          .small_frames_max = d.frames().small().limit(),
          .large_frames = d.frames().large().used() + d.frames().reserve().used() + d.frames().huge_bytes(),
          .large_frames_max =
              d.frames().large().limit() + d.frames().reserve().limit() + d.frames().huge().bytes() / d.on().core_count(),
          .sessions = d.sessions().sessions(),
          .session_bytes = d.sessions().bytes(),
          .session_bytes_max = d.sessions().most().bytes};
}

}  // namespace

core_sample core_sample::make() {
  core_sample made;
  made.requests.resize(kafka::served_apis().size());
  return made;
}

size_t core_sample::bytes() noexcept {
  return sizeof(core_sample) + kafka::served_apis().size() * sizeof(kafka::request_counters);
}

void take_sample(const core_view& of, core_sample& out) {
  reactor::core& core = *of.core;
  out.turns = core.counters();
  out.ring = core.effects().counters();
  out.memory = {.capacity = core.memory().capacity(), .used = core.memory().used(), .touched = core.memory().touched()};
  out.broker = of.broker->counters();
  out.partitions = partitions_of(of);
  storage::log_manager& logs = of.broker->logs();
  out.storage = logs.counters();
  out.flushes = logs.commits().flushes();
  out.compaction = logs.compaction().counters();
  out.commits = commits_of(logs.commits());
  if (of.door == nullptr) return;
  out.door = numbers_of(*of.door);
  std::ranges::copy(of.door->requests(), out.requests.begin());
}

}  // namespace millrace::api::http
