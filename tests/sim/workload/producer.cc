#include <algorithm>

#include "wire/kafka/messages/produce.hh"
#include "workload/workers.hh"

namespace millrace::swarm {

using reactor::task;

namespace {
constexpr int16_t out_of_order = 45;
}  // namespace

producer::request producer::make_request(topic_ref t) {
  request r{.topic = t, .parts = {}, .acks = -1, .version = 0, .since = {}};
  r.acks = static_cast<int16_t>(random_.chance(0.5) ? -1 : 1);
  if (options_.unacknowledged && random_.chance(0.2)) r.acks = 0;
  if (idempotent_) r.acks = -1;
  // zstd needs Produce 7 and Fetch 10 (KIP-110).
  r.version = static_cast<int16_t>(random_.between(options_.codecs ? 7 : 3, 9));
  std::vector<int32_t> order(t->partitions.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int32_t>(i);
  random_.shuffle(order);
  order.resize(1 + random_.below(std::min<size_t>(order.size(), 3)));
  for (const int32_t p : order) r.parts.push_back({.partition = p, .batch = {}});
  if (idempotent_) {
    number(r);
  } else {
    for (part& p : r.parts) p.batch = batch_for(*r.topic);
  }
  return r;
}

made_batch producer::batch_for(const topic_model& t, const batch_numbers& numbers) {
  const auto make = t.compaction.on ? make_keyed_batch : make_batch;
  return make(random_, options_, on_.wall_clock(), numbers);
}

task<bool> producer::send(request* r) {
  std::vector<wire::kafka::produce_request_partition_data> parts;
  for (part& p : r->parts) {
    const std::string& name = r->topic->partitions[static_cast<size_t>(p.partition)].name;
    model_.sent.sent(name, p.batch.body, p.batch.bytes.size(), p.batch.times, model_.process, idempotent_);
    if (!p.batch.keyed.empty()) model_.keyed[name].sent(p.batch.keyed, idempotent_, on_.wall_clock());
    parts.push_back({.index = p.partition, .records = base::bytes(p.batch.bytes)});
  }
  wire::kafka::produce_request_topic_data topic{.name = r->topic->name, .topic_id = {}, .partition_data = parts};
  const wire::kafka::produce_request body{
      .transactional_id = {}, .acks = r->acks, .timeout_ms = 30000, .topic_data = {&topic, 1}};
  r->since = on_.now();
  std::vector<uint8_t> frame = link_.frame_of(body, r->version, r->acks != 0);
  const bool sent = co_await link_.send(std::move(frame));
  co_return sent;
}

void producer::acknowledged(request& r, int32_t partition, int64_t base_offset, int16_t code) {
  if (!r.topic->live) return;
  const auto found = std::find_if(r.parts.begin(), r.parts.end(), [&](const part& p) { return p.partition == partition; });
  if (found == r.parts.end()) {
    model_.safety("answers_decode", "an answer for a partition that was not asked");
    return;
  }
  partition_model& p = r.topic->partitions[static_cast<size_t>(partition)];
  found->refused = code;
  if (idempotent_ && code == out_of_order) return;  // judged with what was sent before it
  if (code != 0) return refused("produce", p.name, code, r.since);
  found->acked = true;
  found->base = base_offset;
  found->process = link_.process();
  const int64_t next = base_offset + static_cast<int64_t>(found->batch.times.size());
  if (base_offset >= p.prefix.limit(link_.process())) return;
  p.prefix.acknowledged(on_.now(), next);
  p.acked.acknowledged(model_.found, p.name, base_offset, next, found->batch.body);
  if (r.topic->compaction.on) {
    p.compacted.acknowledged(model_.found, p.name, model_.keyed[p.name], base_offset, found->batch.keyed);
  }
  p.watermark.acknowledged(next);
  ++model_.acked_batches;
}

task<bool> producer::receive(request* r) {
  auto frame = co_await link_.receive("produce");
  if (!frame) co_return false;
  const auto got = link_.read<wire::kafka::produce_response>(std::move(*frame), r->version);
  if (!got) co_return false;
  size_t answered = 0;
  for (const auto& topic : got->body.responses) {
    for (const auto& p : topic.partition_responses) {
      acknowledged(*r, p.index, p.base_offset, p.error_code);
      ++answered;
    }
  }
  if (answered != r->parts.size()) model_.safety("answers_decode", "an answer with other partitions than were asked");
  co_return true;
}

/// Of those whose answers were lost: whether they arrived nobody knows.
void producer::keep_some(std::vector<request>& window, size_t answered, size_t sent) {
  for (; options_.retries && answered < sent; ++answered) {
    if (window[answered].topic->live && random_.chance(0.5)) again_.push_back(std::move(window[answered]));
  }
}

task<bool> producer::probe(topic_ref t, int32_t partition) {
  const base::instant limit = on_.now() + progress::bound / 2;
  const acked_is_kept& acked = t->partitions[static_cast<size_t>(partition)].acked;
  const size_t before = acked.count();
  // Who found no space tries again each second, and so do we.
  while (acked.count() == before && on_.now() < limit && !model_.found.any()) {
    request r{.topic = t, .parts = {}, .acks = -1, .version = 9, .since = {}};
    r.parts.push_back({.partition = partition, .batch = batch_for(*t)});
    bool good = co_await link_.connect();
    if (good) good = co_await send(&r);
    if (good) good = co_await receive(&r);
    if (acked.count() == before) co_await reactor::sleep(on_, base::milliseconds(200));
  }
  co_await link_.drop();
  co_return acked.count() > before;
}

task<void> producer::run() {
  unsigned left = options_.requests;
  while (left > 0 && !model_.found.any()) {
    const bool connected = co_await ready();
    if (!connected) continue;
    if (idempotent_ && id_ < 0) {
      const bool has_one = co_await get_id();
      if (!has_one) continue;
    }
    std::vector<request> window = std::move(again_);
    again_.clear();
    on_the_way_.clear();
    for (const request& r : window) on_the_way_.insert(r.topic.get());
    size_t wanted = 1 + random_.below(options_.in_flight);
    if (idempotent_) wanted = std::min(wanted, numbered_in_flight_max);
    while (window.size() < wanted && left > 0) {
      topic_ref t = model_.any_topic(random_);
      if (!t) break;
      window.push_back(make_request(std::move(t)));
      --left;
    }
    if (window.empty()) co_await reactor::sleep(on_, base::milliseconds(5));
    bool good = true;
    size_t sent = 0;
    for (; good && sent < window.size(); ++sent) good = co_await send(&window[sent]);
    size_t answered = 0;
    for (; good && answered < sent; ++answered) {
      if (window[answered].acks == 0) continue;
      good = co_await receive(&window[answered]);
      if (!good) break;
    }
    if (!good) co_await link_.drop();
    if (idempotent_) {
      keep_unacknowledged(window);
    } else if (!good) {
      keep_some(window, answered, sent);
    }
    co_await pause_up_to(options_.think_most);
  }
  co_await link_.drop();
  --model_.producers_left;
}

}  // namespace millrace::swarm
