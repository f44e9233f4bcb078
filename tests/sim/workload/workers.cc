#include "workload/workers.hh"

namespace millrace::swarm {

using reactor::task;

task<bool> worker::ready() {
  const bool connected = co_await link_.connect();
  if (!connected) co_await pause_up_to(base::milliseconds(50));
  co_return connected;
}

task<void> worker::pause_up_to(base::duration most) {
  if (most.ns > 0) co_await reactor::sleep(on_, base::nanoseconds(random_.between(0, most.ns)));
}

void worker::fetched(topic_model& t, const asked_part& asked, const wire::kafka::fetch_response_partition_data& p,
                     int16_t version, base::instant since, read_batches& batches) {
  partition_model& m = t.partitions[static_cast<size_t>(p.partition_index)];
  if (p.error_code == 1) {
    if (asked.from <= asked.floor) model_.refused_below(t, m, asked.from + 1, on_.wall_clock());
    return;
  }
  if (meets_damage(m, asked.from, p.error_code)) return;
  if (p.error_code != 0) return refused("fetch", m.name, p.error_code, since);
  model_.shown(m, asked.floor, p.high_watermark, link_.process());
  if (version >= 5) model_.started(t, m, asked.start_floor, p.log_start_offset, on_.wall_clock());
  log_start::read(model_.found, m.name, asked.start_floor, asked.from);
  read_answer a{.wanted = asked.from, .high_watermark = p.high_watermark, .since = since};
  (void)took(t, m, a, p.records);  // what is wrong was reported
  batches = std::move(a.batches);
}

bool worker::meets_damage(const partition_model& m, int64_t offset, int16_t code) {
  constexpr int16_t storage_error = 56;
  if (code != storage_error || !m.is_damaged(offset)) return false;
  ++model_.damage_met;
  return true;
}

void worker::refused(const char* what, const std::string& partition, int16_t code, base::instant since) {
  ++model_.refused;
  // KAFKA_STORAGE_ERROR, NOT_LEADER_OR_FOLLOWER, REQUEST_TIMED_OUT: come back later.
  const bool passing = code == 56 || code == 6 || code == 7;
  if (passing && (options_.tight_memory() || !model_.watch.quiet_since(since - base::seconds(5)))) return;
  model_.safety("errors_have_reason", std::string(what) + " of " + partition + " is refused with " + std::to_string(code));
}

bool worker::took(const topic_model& t, partition_model& m, read_answer& a, std::optional<base::bytes> records) {
  if (records && !take_apart(*records, a.batches)) {
    model_.safety("answers_decode", "a cut batch of " + m.name);
    return false;
  }
  if (const int64_t limit = m.prefix.limit(link_.process()); limit < a.high_watermark) {
    std::erase_if(a.batches, [&](const read_batch& b) { return b.base >= limit; });
    a.high_watermark = limit;
  }
  if (!t.compaction.on) {
    model_.read(m, a.wanted, a.high_watermark, a.batches);
    return true;
  }
  if (records) {
    auto keyed = keyed_records_of(*records);
    if (!keyed) {
      model_.safety("answers_decode", "records of " + m.name + " that cannot be read, or without keys");
      return false;
    }
    a.records = std::move(*keyed);
  }
  model_.read_compacted(t, m, a, on_.now(), on_.wall_clock());
  return true;
}

}  // namespace millrace::swarm
