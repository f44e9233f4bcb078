#include <algorithm>
#include <iterator>
#include <utility>

#include "checkers/producers_in_order.hh"
#include "checkers/timestamps_match.hh"
#include "wire/kafka/messages/fetch.hh"
#include "wire/kafka/messages/list_offsets.hh"
#include "workload/workers.hh"

namespace millrace::swarm {

using reactor::task;

namespace {
constexpr int16_t out_of_range = 1;

timestamps_match::records times_of(const keyed_records& all) {
  timestamps_match::records times;
  for (const keyed_record& r : all) times.emplace_back(r.offset, r.time);
  return times;
}

}  // namespace

/// One answer of ListOffsets; its error is reported under `what`, unless it may meet what is damaged at `met`. Nothing: the
/// connection is of no use.
task<std::optional<auditor::listed>> auditor::list(topic_ref t, int32_t partition, int64_t timestamp, const char* what,
                                                   int64_t met) {
  constexpr int16_t version = 5;
  wire::kafka::list_offsets_request_partition part{.partition_index = partition, .timestamp = timestamp};
  wire::kafka::list_offsets_request_topic topic{.name = t->name, .partitions = {&part, 1}};
  const wire::kafka::list_offsets_request body{.replica_id = -1, .topics = {&topic, 1}};
  const base::instant since = on_.now();
  std::vector<uint8_t> out = link_.frame_of(body, version);
  const bool sent = co_await link_.send(std::move(out));
  if (!sent) co_return std::nullopt;
  auto frame = co_await link_.receive(what);
  if (!frame) co_return std::nullopt;
  const auto got = link_.read<wire::kafka::list_offsets_response>(std::move(*frame), version);
  if (!got || got->body.topics.size() != 1 || got->body.topics[0].partitions.size() != 1) co_return std::nullopt;
  const auto& p = got->body.topics[0].partitions[0];
  const partition_model& m = t->partitions[static_cast<size_t>(partition)];
  if (meets_damage(m, met, p.error_code)) co_return listed{.damaged = true};
  if (p.error_code != 0) refused(what, m.name, p.error_code, since);
  co_return listed{.error = p.error_code, .offset = p.offset, .timestamp = p.timestamp};
}

/// Where the log starts now.
task<bool> auditor::ask_start(topic_ref t, int32_t partition) {
  constexpr int64_t earliest = -2;
  partition_model& m = t->partitions[static_cast<size_t>(partition)];
  const int64_t floor = m.start.floor();
  const auto got = co_await list(t, partition, earliest, "list the earliest offset");
  if (!got || got->error != 0) co_return false;
  model_.started(*t, m, floor, got->offset, on_.wall_clock());
  start_ = got->offset;
  co_return true;
}

/// Reads from the log's start to its end; again from its new start where that rises meanwhile.
task<bool> auditor::read_all(topic_ref t, int32_t partition) {
  all_.clear();
  keyed_.clear();
  partition_model& m = t->partitions[static_cast<size_t>(partition)];
  const bool told = co_await ask_start(t, partition);
  if (!told) co_return false;
  const int64_t floor = m.watermark.floor();
  int64_t at = start_;
  high_ = std::max(floor, start_);
  const base::instant limit = on_.now() + progress::bound;
  while (at < high_) {
    wire::kafka::fetch_request_partition part{.partition = partition,
                                              .fetch_offset = at,
                                              .partition_max_bytes = static_cast<int32_t>(1 + random_.below(2u << 20))};
    wire::kafka::fetch_request_topic topic{.topic = t->name, .topic_id = {}, .partitions = {&part, 1}};
    const wire::kafka::fetch_request body{.max_wait_ms = 0, .min_bytes = 0, .max_bytes = 4 << 20, .topics = {&topic, 1}};
    const base::instant since = on_.now();
    const int64_t start_floor = m.start.floor();
    std::vector<uint8_t> out = link_.frame_of(body, 11);
    const bool sent = co_await link_.send(std::move(out));
    if (!sent) co_return false;
    auto frame = co_await link_.receive("fetch of the audit");
    if (!frame) co_return false;
    const auto got = link_.read<wire::kafka::fetch_response>(std::move(*frame), 11);
    if (!got || got->body.responses.size() != 1 || got->body.responses[0].partitions.size() != 1) co_return false;
    const auto& p = got->body.responses[0].partitions[0];
    if (p.error_code == out_of_range) {
      const bool again = co_await ask_start(t, partition);
      if (!again) co_return false;
      if (start_ <= at) model_.safety("acked_is_kept", "out of range: " + at_offset(m.name, at));
      if (model_.found.any()) co_return false;
      all_.clear();
      keyed_.clear();
      at = start_;
      high_ = std::max(high_, start_);
      continue;
    }
    if (meets_damage(m, at, p.error_code)) {
      // Judged as if it had been read: only that it is refused is excused.
      all_.push_back(*m.damaged);
      at = m.damaged->next;
      continue;
    }
    if (p.error_code != 0) {
      refused("fetch of the audit", at_offset(m.name, at), p.error_code, since);
      if (model_.found.any() || on_.now() > limit) co_return false;
      co_await reactor::sleep(on_, base::milliseconds(100));
      continue;
    }
    model_.shown(m, floor, p.high_watermark, link_.process());
    model_.started(*t, m, start_floor, p.log_start_offset, on_.wall_clock());
    high_ = p.high_watermark;
    read_answer a{.wanted = at, .high_watermark = high_, .since = since};
    if (!took(*t, m, a, p.records)) co_return false;
    if (a.batches.empty()) {
      model_.safety("acked_is_kept", "nothing to read below the high watermark: " + at_offset(m.name, at));
      co_return false;
    }
    all_.insert(all_.end(), a.batches.begin(), a.batches.end());
    std::ranges::copy_if(a.records, std::back_inserter(keyed_), [&](const keyed_record& r) { return r.offset >= at; });
    at = a.batches.back().next;
  }
  co_return !model_.found.any();
}

task<bool> auditor::scan(topic_ref t, int32_t partition) {
  const bool read = co_await read_all(t, partition);
  if (!read) co_return false;
  partition_model& m = t->partitions[static_cast<size_t>(partition)];
  model_.sent.whole(model_.found, m.name, all_);
  if (t->compaction.on) {
    judge_compacted(*t, m);
  } else {
    offsets_dense::read(model_.found, m.name, start_, high_, all_);
    m.acked.read(model_.found, m.name, all_);
    m.stable.read(model_.found, m.name, all_);
    producers_in_order::whole(model_.found, m.name, all_);
  }
  judge_start(*t, m);
  co_return !model_.found.any();
}

void auditor::judge_compacted(const topic_model& t, partition_model& m) {
  m.compacted.whole(model_.found, m.name, model_.keyed[m.name], start_, high_, keyed_, model_.clock_of(t, on_.wall_clock()));
  if (model_.compaction_settled && t.compaction.max_lag_ms != INT64_MAX) {
    compaction_keeps::settled(model_.found, m.name, keyed_);
  }
}

void auditor::judge_start(const topic_model& t, partition_model& m) {
  partition_contents now{.start = start_, .end = high_};
  for (const read_batch& b : all_) {
    if (const sent_batch* s = model_.sent.find(b.body)) now.bytes += s->bytes;
  }
  m.start.whole(model_.found, m.name, now, model_.deleted[m.name], t.retention, m.acked, model_.sent,
                on_.wall_clock() + model_.wall_ahead_ms);
  if (model_.retention_settled) log_start::settled(model_.found, m.name, now, t.retention, options_.segment_bytes);
}

task<bool> auditor::ask_times(topic_ref t, int32_t partition) {
  const partition_model& m = t->partitions[static_cast<size_t>(partition)];
  timestamps_match::records records;
  for (const read_batch& b : all_) {
    const sent_batch* sent = model_.sent.find(b.body);
    if (sent == nullptr) co_return false;  // reported
    for (size_t i = 0; i < sent->times.size(); ++i) {
      const int64_t offset = b.base + static_cast<int64_t>(i);
      if (offset >= start_) records.emplace_back(offset, sent->times[i]);
    }
  }
  if (records.empty()) co_return true;
  const base::instant limit = on_.now() + progress::bound;
  for (int left = 4; left > 0;) {
    const int64_t time = records[random_.below(records.size())].second + random_.between(-3, 3);
    const int64_t expected = timestamps_match::scan(records, time).first;
    // What is damaged on the way may hold an earlier one: nobody can know.
    const bool doubtful = m.damaged && (expected < 0 || m.damaged->base <= expected);
    const int64_t met = doubtful ? m.damaged->base : -1;
    const auto got = co_await list(t, partition, time, "list offsets by time", met);
    if (!got) co_return false;
    if (got->damaged) {
      --left;
      continue;
    }
    if (got->error != 0) {
      if (model_.found.any() || on_.now() > limit) co_return false;
      co_await reactor::sleep(on_, base::milliseconds(100));
      continue;
    }
    const int64_t scanned_from = start_;
    const bool told = co_await ask_start(t, partition);
    if (!told) co_return false;
    if (start_ != scanned_from) co_return true;  // other records than those that were scanned
    timestamps_match::answered(model_.found, m.name, records, time, got->offset, got->timestamp);
    --left;
  }
  co_return true;
}

/// The same where records may go meanwhile: what was there before and what is there afterwards say what may be answered.
task<bool> auditor::ask_times_compacted(topic_ref t, int32_t partition) {
  const partition_model& m = t->partitions[static_cast<size_t>(partition)];
  const timestamps_match::records before = times_of(keyed_);
  const int64_t start_before = start_;
  if (before.empty()) co_return true;
  struct answered {
    int64_t time;
    listed got;
  };
  std::vector<answered> answers;
  const base::instant limit = on_.now() + progress::bound;
  while (answers.size() < 4) {
    const int64_t time = before[random_.below(before.size())].second + random_.between(-3, 3);
    const auto got = co_await list(t, partition, time, "list offsets by time");
    if (!got) co_return false;
    if (got->error == 0) {
      answers.push_back({time, *got});
      continue;
    }
    if (model_.found.any() || on_.now() > limit) co_return false;
    co_await reactor::sleep(on_, base::milliseconds(100));
  }
  const bool read = co_await scan(t, partition);
  if (!read) co_return false;
  if (start_ != start_before) co_return true;
  const timestamps_match::records after = times_of(keyed_);
  for (const answered& a : answers) {
    timestamps_match::between(model_.found, m.name, before, after, a.time, a.got.offset, a.got.timestamp);
  }
  co_return !model_.found.any();
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
      if (good && topic->compaction.on) {
        good = co_await ask_times_compacted(topic, static_cast<int32_t>(p));
      } else if (good) {
        good = co_await ask_times(topic, static_cast<int32_t>(p));
      }
    }
  }
  co_await link_.drop();
  if (!good) model_.found.report(broken::liveness, "progress", "the audit got no answer");
}

}  // namespace millrace::swarm
