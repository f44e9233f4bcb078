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
  // Mostly what is there.
  return random_.between(random_.chance(0.8) ? std::min(p.start.floor(), end) : 0, end);
}

/// The frame of a fetch of some partitions of a topic. `waits`: from their ends, for a while.
std::vector<uint8_t> consumer::ask(topic_ref t, bool waits, asked_fetch& asked) {
  asked.version = static_cast<int16_t>(random_.between(options_.codecs ? 10 : 4, 12));  // zstd: from 10
  std::vector<wire::kafka::fetch_request_partition> parts;
  for (size_t i = 0; i < t->partitions.size(); ++i) {
    if (i > 0 && random_.chance(0.5)) continue;
    const partition_model& p = t->partitions[i];
    asked.parts.push_back({.partition = static_cast<int32_t>(i),
                           .from = waits ? p.watermark.floor() : place_in(p),
                           .floor = p.watermark.floor(),
                           .start_floor = p.start.floor(),
                           .bytes_max = static_cast<int32_t>(1 + random_.below(1u << random_.between(8, waits ? 12 : 21)))});
    parts.push_back({.partition = asked.parts.back().partition,
                     .fetch_offset = asked.parts.back().from,
                     .partition_max_bytes = asked.parts.back().bytes_max});
  }
  wire::kafka::fetch_request_topic topic{.topic = t->name, .topic_id = {}, .partitions = parts};
  const wire::kafka::fetch_request body{
      .max_wait_ms = static_cast<int32_t>(!waits && random_.chance(0.5) ? 0 : random_.below(1500)),
      .min_bytes = static_cast<int32_t>(random_.below(1u << random_.between(0, 15))),
      .max_bytes = static_cast<int32_t>(1 + random_.below(1u << random_.between(10, waits ? 11 : 23))),
      .topics = {&topic, 1}};
  asked.since = on_.now();
  return link_.frame_of(body, asked.version);
}

/// Hands an answer to the model. False: the connection is of no use.
bool consumer::look_at(topic_ref t, const asked_fetch& asked, std::vector<uint8_t> frame) {
  const auto got = link_.read<wire::kafka::fetch_response>(std::move(frame), asked.version);
  if (!got) return false;
  if (!t->live) return true;
  for (const auto& answered : got->body.responses) {
    for (const auto& p : answered.partitions) {
      const auto part = std::find_if(asked.parts.begin(), asked.parts.end(),
                                     [&](const auto& a) { return a.partition == p.partition_index; });
      if (part == asked.parts.end()) {
        model_.safety("answers_decode", "an answer for a partition that was not asked");
        return false;
      }
      read_batches batches;
      fetched(*t, *part, p, asked.version, asked.since, batches);
    }
  }
  return true;
}

/// One fetch, or a crowd of them that wait together on this connection.
task<bool> consumer::fetch(topic_ref t, unsigned count) {
  std::vector<asked_fetch> asked(count);
  std::vector<uint8_t> out;
  for (asked_fetch& one : asked) {
    const std::vector<uint8_t> frame = ask(t, count > 1, one);
    out.insert(out.end(), frame.begin(), frame.end());
  }
  co_await link_.begin_send(std::move(out));
  for (const asked_fetch& one : asked) {
    auto frame = co_await link_.receive("fetch");
    if (!frame) co_return false;
    if (!look_at(t, one, std::move(*frame))) co_return false;
  }
  co_return true;
}

task<bool> consumer::list(topic_ref t) {
  const auto version = static_cast<int16_t>(random_.between(1, 7));
  const size_t i = random_.below(t->partitions.size());
  partition_model& m = t->partitions[i];
  const bool latest = random_.chance(0.6);
  const int64_t floor = m.watermark.floor();
  const int64_t start_floor = m.start.floor();
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
        model_.shown(m, floor, p.offset, link_.process());
      } else {
        model_.started(*t, m, start_floor, p.offset, on_.wall_clock());
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
      const unsigned count = random_.chance(0.1) ? options_.crowd : 1;
      good = co_await fetch(t, count);
    }
    if (!good) co_await link_.drop();
    co_await pause_up_to(options_.think_most);
  }
  co_await link_.drop();
}

}  // namespace millrace::swarm
