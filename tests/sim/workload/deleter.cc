#include "wire/kafka/messages/delete_records.hh"
#include "workload/workers.hh"

namespace millrace::swarm {

using reactor::task;

namespace {
constexpr int64_t high_watermark = -1;
constexpr int16_t out_of_range = 1;
constexpr int16_t policy_violation = 44;
}  // namespace

/// Mostly somewhere in the log; now and then all of it, or what cannot be.
int64_t deleter::offset_in(const partition_model& p) {
  const int64_t start = p.start.floor();
  const int64_t end = p.watermark.floor();
  if (random_.chance(0.1)) return high_watermark;
  if (random_.chance(0.1)) return end + random_.between(1, 100);
  if (random_.chance(0.1)) return random_.between(0, start);
  return random_.between(start, std::max(start, end));
}

task<bool> deleter::remove_some(topic_ref t) {
  const auto version = static_cast<int16_t>(random_.below(3));
  const size_t i = random_.below(t->partitions.size());
  partition_model& m = t->partitions[i];
  deletions& asked = model_.deleted[m.name];
  const int64_t offset = offset_in(m);
  const int64_t start_floor = m.start.floor();
  const int64_t end_floor = m.watermark.floor();
  wire::kafka::delete_records_request_partition part{.partition_index = static_cast<int32_t>(i), .offset = offset};
  wire::kafka::delete_records_request_topic topic{.name = t->name, .partitions = {&part, 1}};
  const wire::kafka::delete_records_request body{.topics = {&topic, 1}, .timeout_ms = 30000};
  const base::instant since = on_.now();
  if (offset == high_watermark) ++asked.everything;
  asked.before = std::max(asked.before, offset);
  std::vector<uint8_t> out = link_.frame_of(body, version);
  const bool sent = co_await link_.send(std::move(out));
  if (!sent) co_return false;
  auto frame = co_await link_.receive("delete records");
  if (!frame) co_return false;
  const auto got = link_.read<wire::kafka::delete_records_response>(std::move(*frame), version);
  if (!got || got->body.topics.size() != 1 || got->body.topics[0].partitions.size() != 1) co_return false;
  const auto& answered = got->body.topics[0].partitions[0];
  if (offset == high_watermark && answered.error_code == 0) {
    --asked.everything;
    asked.before = std::max(asked.before, answered.low_watermark);
  }
  if (!t->live) co_return true;
  if (t->compaction.on && !t->compaction.deletes) {
    if (answered.error_code == 0)
      model_.safety("log_start", "records of " + m.name + " are deleted, which is only compacted");
    if (answered.error_code != policy_violation) refused("delete records", m.name, answered.error_code, since);
    co_return true;
  }
  if (answered.error_code == out_of_range) {
    if (offset <= end_floor) model_.safety("log_start", "out of range: " + at_offset(m.name, offset));
  } else if (answered.error_code != 0) {
    refused("delete records", m.name, answered.error_code, since);
  } else {
    if (answered.low_watermark < offset) model_.safety("log_start", "not deleted up to " + at_offset(m.name, offset));
    model_.started(*t, m, start_floor, answered.low_watermark, on_.wall_clock());
  }
  co_return true;
}

task<void> deleter::run() {
  while (go_on()) {
    const bool connected = co_await ready();
    if (!connected) continue;
    topic_ref t = model_.any_topic(random_);
    bool good = true;
    if (t) good = co_await remove_some(std::move(t));
    if (!good) co_await link_.drop();
    co_await pause_up_to(base::milliseconds(300));
  }
  co_await link_.drop();
}

}  // namespace millrace::swarm
