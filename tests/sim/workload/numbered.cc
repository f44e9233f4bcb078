#include <algorithm>
#include <set>
#include <utility>

#include "wire/kafka/messages/init_producer_id.hh"
#include "workload/workers.hh"

/// What makes a producer idempotent (KIP-98): an id, numbers on its batches, and repeats in order.

namespace millrace::swarm {

using reactor::task;

namespace {
constexpr int16_t out_of_order = 45;
constexpr int16_t coordinator_load_in_progress = 14;
/// Now and then a first sequence from which numbers soon wrap around; the broker takes any of a producer that it does not
/// know.
constexpr int32_t near_the_end = INT32_MAX - 5;

int32_t after(int32_t sequence, size_t records) {
  const int64_t next = int64_t{sequence} + static_cast<int64_t>(records);
  return static_cast<int32_t>(next > INT32_MAX ? next - INT32_MAX - 1 : next);
}
}  // namespace

task<bool> producer::get_id() {
  const auto version = static_cast<int16_t>(random_.below(6));
  const wire::kafka::init_producer_id_request body{.transactional_id = std::nullopt, .transaction_timeout_ms = -1};
  const base::instant since = on_.now();
  std::vector<uint8_t> out = link_.frame_of(body, version);
  bool good = co_await link_.send(std::move(out));
  std::optional<std::vector<uint8_t>> frame;
  if (good) frame = co_await link_.receive("init producer id");
  if (frame) {
    const auto got = link_.read<wire::kafka::init_producer_id_response>(std::move(*frame), version);
    if (got && got->body.error_code == 0) {
      id_ = got->body.producer_id;
      if (!model_.producer_ids.insert(id_).second) {
        model_.safety("producer_ids", "a producer id given twice: " + std::to_string(id_));
      }
      co_return true;
    }
    if (got && (got->body.error_code != coordinator_load_in_progress || model_.watch.quiet_since(since))) {
      model_.safety("errors_have_reason", "no producer id: " + std::to_string(got->body.error_code));
    }
  }
  co_await link_.drop();
  co_await pause_up_to(base::milliseconds(50));
  co_return false;
}

void producer::begin_epoch(numbering& n) {
  ++n.epoch;
  n.lanes.assign(n.topic->partitions.size(), {});
  if (n.epoch > 0) return;
  for (auto& lane : n.lanes) {
    if (random_.chance(0.1)) lane.next = near_the_end;
  }
}

producer::numbering& producer::numbers_of(const topic_ref& t) {
  numbering& n = numbering_[t->name];
  const bool is_first = on_the_way_.insert(t.get()).second;
  if (n.topic == t && !(is_first && random_.chance(0.02))) return n;
  n.topic = t;
  begin_epoch(n);
  return n;
}

void producer::number(request& r) {
  numbering& n = numbers_of(r.topic);
  for (part& p : r.parts) {
    numbering::lane& lane = n.lanes[static_cast<size_t>(p.partition)];
    p.batch = batch_for(*r.topic, {.producer = id_, .epoch = n.epoch, .sequence = lane.next});
    lane.next = after(lane.next, p.batch.times.size());
  }
}

/// The end of a process took what this sequence follows, as it may where answers do not wait for the disk.
bool producer::lost_what_it_acknowledged(const request& r, int32_t partition, const numbering::lane& lane) {
  const prefix_is_kept& prefix = r.topic->partitions[static_cast<size_t>(partition)].prefix;
  return lane.acked_base >= prefix.limit(lane.acked_process);
}

/// What was not acknowledged goes again, all of it and in order. A batch may be out of order only behind one that was
/// refused.
void producer::keep_unacknowledged(std::vector<request>& window) {
  std::set<std::pair<topic_model*, int32_t>> behind;
  std::set<topic_model*> given_up;
  for (request& r : window) {
    for (part& p : r.parts) {
      if (!r.topic->live) continue;
      numbering::lane& lane = numbering_[r.topic->name].lanes[static_cast<size_t>(p.partition)];
      const std::pair key{r.topic.get(), p.partition};
      if (p.acked) {
        lane.acked = true;
        lane.acked_base = p.base;
        lane.acked_process = p.process;
      } else if (p.refused == out_of_order && !behind.contains(key)) {
        if (!lane.refused_first && !lost_what_it_acknowledged(r, p.partition, lane)) {
          model_.safety("producers_in_order",
                        "a sequence is refused in " + r.topic->name + "-" + std::to_string(p.partition));
        }
        given_up.insert(r.topic.get());
      } else if (p.refused != 0) {
        behind.insert(key);
        lane.refused_first = lane.refused_first || !lane.acked;
      }
    }
  }
  for (request& r : window) {
    std::erase_if(r.parts, [](const part& p) { return p.acked; });
    for (part& p : r.parts) p.refused = 0;
    if (r.topic->live && !r.parts.empty() && !given_up.contains(r.topic.get())) again_.push_back(std::move(r));
  }
  // As clients do it: what could not be brought into order is given up, and a new epoch begins.
  for (topic_model* t : given_up) begin_epoch(numbering_[t->name]);
}

}  // namespace millrace::swarm
