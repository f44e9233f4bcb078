#include "checkers/producers_in_order.hh"
#include "checkers/timestamps_match.hh"
#include "wire/kafka/messages/fetch.hh"
#include "wire/kafka/messages/list_offsets.hh"
#include "workload/workers.hh"

namespace millrace::swarm {

using reactor::task;

task<bool> auditor::scan(topic_ref t, int32_t partition) {
  all_.clear();
  partition_model& m = t->partitions[static_cast<size_t>(partition)];
  const int64_t floor = m.watermark.floor();
  int64_t at = 0;
  int64_t high = floor;
  const base::instant limit = on_.now() + progress::bound;
  while (at < high) {
    wire::kafka::fetch_request_partition part{.partition = partition,
                                              .fetch_offset = at,
                                              .partition_max_bytes = static_cast<int32_t>(1 + random_.below(2u << 20))};
    wire::kafka::fetch_request_topic topic{.topic = t->name, .topic_id = {}, .partitions = {&part, 1}};
    const wire::kafka::fetch_request body{.max_wait_ms = 0, .min_bytes = 0, .max_bytes = 4 << 20, .topics = {&topic, 1}};
    const base::instant since = on_.now();
    std::vector<uint8_t> out = link_.frame_of(body, 11);
    const bool sent = co_await link_.send(std::move(out));
    if (!sent) co_return false;
    auto frame = co_await link_.receive("fetch of the audit");
    if (!frame) co_return false;
    const auto got = link_.read<wire::kafka::fetch_response>(std::move(*frame), 11);
    if (!got || got->body.responses.size() != 1 || got->body.responses[0].partitions.size() != 1) co_return false;
    const auto& p = got->body.responses[0].partitions[0];
    if (p.error_code != 0) {
      refused("fetch of the audit", at_offset(m.name, at), p.error_code, since);
      if (model_.found.any() || on_.now() > limit) co_return false;
      co_await reactor::sleep(on_, base::milliseconds(100));
      continue;
    }
    model_.shown(m, floor, p.high_watermark, link_.process());
    watermark_monotonic::log_start(model_.found, m.name, p.log_start_offset);
    high = p.high_watermark;
    read_batches batches;
    if (p.records && !take_apart(*p.records, batches)) model_.safety("answers_decode", "a cut batch of " + m.name);
    model_.read(m, at, high, batches);
    if (batches.empty()) {
      model_.safety("acked_is_kept", "nothing to read below the high watermark: " + at_offset(m.name, at));
      co_return false;
    }
    all_.insert(all_.end(), batches.begin(), batches.end());
    at = batches.back().next;
  }
  offsets_dense::read(model_.found, m.name, 0, high, all_);
  m.acked.read(model_.found, m.name, all_);
  m.stable.read(model_.found, m.name, all_);
  model_.sent.whole(model_.found, m.name, all_);
  producers_in_order::whole(model_.found, m.name, all_);
  co_return !model_.found.any();
}

task<bool> auditor::ask_times(topic_ref t, int32_t partition) {
  const partition_model& m = t->partitions[static_cast<size_t>(partition)];
  timestamps_match::records records;
  for (const read_batch& b : all_) {
    const sent_batch* sent = model_.sent.find(b.body);
    if (sent == nullptr) co_return false;  // reported
    for (size_t i = 0; i < sent->times.size(); ++i) records.emplace_back(b.base + static_cast<int64_t>(i), sent->times[i]);
  }
  if (records.empty()) co_return true;
  const base::instant limit = on_.now() + progress::bound;
  for (int left = 4; left > 0;) {
    const int64_t time = records[random_.below(records.size())].second + random_.between(-3, 3);
    wire::kafka::list_offsets_request_partition part{.partition_index = partition, .timestamp = time};
    wire::kafka::list_offsets_request_topic topic{.name = t->name, .partitions = {&part, 1}};
    const wire::kafka::list_offsets_request body{.replica_id = -1, .topics = {&topic, 1}};
    const base::instant since = on_.now();
    std::vector<uint8_t> out = link_.frame_of(body, 5);
    const bool sent = co_await link_.send(std::move(out));
    if (!sent) co_return false;
    auto frame = co_await link_.receive("list offsets by time");
    if (!frame) co_return false;
    const auto got = link_.read<wire::kafka::list_offsets_response>(std::move(*frame), 5);
    if (!got || got->body.topics.size() != 1 || got->body.topics[0].partitions.size() != 1) co_return false;
    const auto& p = got->body.topics[0].partitions[0];
    if (p.error_code != 0) {
      refused("list offsets by time", m.name, p.error_code, since);
      if (model_.found.any() || on_.now() > limit) co_return false;
      co_await reactor::sleep(on_, base::milliseconds(100));
      continue;
    }
    timestamps_match::answered(model_.found, m.name, records, time, p.offset, p.timestamp);
    --left;
  }
  co_return true;
}

task<void> auditor::run() {
  const bool connected = co_await link_.connect();
  bool good = connected;
  const std::vector<topic_ref> topics = model_.topics;
  for (size_t t = 0; good && t < topics.size(); ++t) {
    for (size_t p = 0; good && p < topics[t]->partitions.size(); ++p) {
      topic_ref topic = topics[t];
      good = co_await scan(topic, static_cast<int32_t>(p));
      // What was checked by the first reading may come straight from the files of closed segments.
      if (good) good = co_await scan(topic, static_cast<int32_t>(p));
      if (good) good = co_await ask_times(topic, static_cast<int32_t>(p));
    }
  }
  co_await link_.drop();
  if (!good) model_.found.report(broken::liveness, "progress", "the audit got no answer");
}

}  // namespace millrace::swarm
