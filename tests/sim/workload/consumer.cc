#include <algorithm>

#include "wire/kafka/messages/fetch.hh"
#include "wire/kafka/messages/list_offsets.hh"
#include "workload/workers.hh"

namespace millrace::swarm {

using reactor::task;

int64_t consumer::place_in(const partition_model& p) {
  const int64_t end = p.watermark.floor();
  if (random_.chance(0.4)) return end;
  if (random_.chance(0.05)) return end + random_.between(1, 100);
  return random_.between(0, end);
}

task<bool> consumer::fetch(topic_ref t) {
  const auto version =
      static_cast<int16_t>(random_.between(options_.codecs ? 10 : 4, 12));  // zstd: from 10
  std::vector<wire::kafka::fetch_request_partition> parts;
  std::vector<int64_t> floors(t->partitions.size());
  for (size_t i = 0; i < t->partitions.size(); ++i) {
    if (i > 0 && random_.chance(0.5)) continue;
    floors[i] = t->partitions[i].watermark.floor();
    parts.push_back({.partition = static_cast<int32_t>(i),
                     .fetch_offset = place_in(t->partitions[i]),
                     .partition_max_bytes =
                         static_cast<int32_t>(1 + random_.below(1u << random_.between(8, 21)))});
  }
  wire::kafka::fetch_request_topic topic{.topic = t->name, .topic_id = {}, .partitions = parts};
  const wire::kafka::fetch_request body{
      .max_wait_ms = static_cast<int32_t>(random_.chance(0.5) ? 0 : random_.below(1500)),
      .min_bytes = static_cast<int32_t>(random_.below(1u << random_.between(0, 15))),
      .max_bytes = static_cast<int32_t>(1 + random_.below(1u << random_.between(10, 23))),
      .topics = {&topic, 1}};
  const base::instant since = on_.now();
  std::vector<uint8_t> out = link_.frame_of(body, version);
  const bool sent = co_await link_.send(std::move(out));
  if (!sent) co_return false;
  auto frame = co_await link_.receive("fetch");
  if (!frame) co_return false;
  const auto got = link_.read<wire::kafka::fetch_response>(std::move(*frame), version);
  if (!got) co_return false;
  if (!t->live) co_return true;
  for (const auto& answered : got->body.responses) {
    for (const auto& p : answered.partitions) {
      const auto asked = std::find_if(parts.begin(), parts.end(), [&](const auto& a) {
        return a.partition == p.partition_index;
      });
      if (asked == parts.end()) {
        model_.safety("answers_decode", "an answer for a partition that was not asked");
        co_return false;
      }
      const auto i = static_cast<size_t>(p.partition_index);
      partition_model& m = t->partitions[i];
      if (p.error_code == 1) {
        if (asked->fetch_offset <= floors[i])
          model_.safety("acked_is_kept", "out of range: " + at_offset(m.name, asked->fetch_offset));
        continue;
      }
      if (p.error_code != 0) {
        refused("fetch", m.name, p.error_code, since);
        continue;
      }
      m.watermark.shown(model_.found, m.name, floors[i], p.high_watermark);
      if (version >= 5) watermark_monotonic::log_start(model_.found, m.name, p.log_start_offset);
      read_batches batches;
      if (p.records && !take_apart(*p.records, batches))
        model_.safety("answers_decode", "a cut batch of " + m.name);
      model_.read(m, asked->fetch_offset, p.high_watermark, batches);
    }
  }
  co_return true;
}

task<bool> consumer::list(topic_ref t) {
  const auto version = static_cast<int16_t>(random_.between(1, 7));
  const size_t i = random_.below(t->partitions.size());
  partition_model& m = t->partitions[i];
  const bool latest = random_.chance(0.6);
  const int64_t floor = m.watermark.floor();
  wire::kafka::list_offsets_request_partition part{.partition_index = static_cast<int32_t>(i),
                                                   .timestamp = latest ? -1 : -2};
  wire::kafka::list_offsets_request_topic topic{.name = t->name, .partitions = {&part, 1}};
  const wire::kafka::list_offsets_request body{.replica_id = -1, .topics = {&topic, 1}};
  const base::instant since = on_.now();
  std::vector<uint8_t> out = link_.frame_of(body, version);
  const bool sent = co_await link_.send(std::move(out));
  if (!sent) co_return false;
  auto frame = co_await link_.receive("list offsets");
  if (!frame) co_return false;
  const auto got = link_.read<wire::kafka::list_offsets_response>(std::move(*frame), version);
  if (!got) co_return false;
  if (!t->live) co_return true;
  for (const auto& answered : got->body.topics) {
    for (const auto& p : answered.partitions) {
      if (p.error_code != 0) {
        refused("list offsets", m.name, p.error_code, since);
      } else if (latest) {
        m.watermark.shown(model_.found, m.name, floor, p.offset);
      } else {
        watermark_monotonic::log_start(model_.found, m.name, p.offset);
      }
    }
  }
  co_return true;
}

task<void> consumer::run() {
  while (go_on()) {
    const bool connected = co_await ready();
    if (!connected) continue;
    topic_ref t = model_.any_topic(random_);
    if (!t) {
      co_await reactor::sleep(on_, base::milliseconds(5));
      continue;
    }
    bool good = true;
    if (random_.chance(0.15)) {
      good = co_await list(t);
    } else {
      good = co_await fetch(t);
    }
    if (!good) co_await link_.drop();
    co_await pause_up_to(options_.think_most);
  }
  co_await link_.drop();
}

}  // namespace millrace::swarm
