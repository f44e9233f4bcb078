#include "broker/partition/partition.hh"

#include <algorithm>

#include "broker/partition/broker_core.hh"
#include "record/batch_view.hh"
#include "record/verify.hh"

namespace millrace::broker {

partition::partition(broker_core& on, storage::log& l, base::leader_epoch epoch)
    : core_(on), log_(l), epoch_(epoch), producers_(on.producers().ages(), l.end()) {
  log_.listen(this);
}

partition::~partition() {
  log_.listen(nullptr);
  ASSERT(pending_.empty() && waiting_.empty() && parked_.empty());
}

// ---- appending

void partition::append(append_part& part) {
  // What came first is appended first.
  if (!waiting_.empty() || !try_append(part)) {
    waiting_.push_back(part);
    ++core_.counters().appends_waiting_now;
    core_.wait_for_room(*this);
  }
}

/// False where there is no room now; otherwise the part is appended, or settled.
bool partition::try_append(append_part& part) {
  const auto batch = record::batch_view::frame(part.batch);
  if (!batch) {
    fail(part, batch.error());
    return true;
  }
  const bool numbered = batch->has_producer_id();
  if (numbered && !producers_.loaded) {
    core_.producers().want(*this);
    return false;
  }
  if (numbered) {
    const auto seen = judge(part, *batch);
    if (!seen) {
      fail(part, seen.error());
      return true;
    }
    if (*seen) {
      answer_duplicate(part, **seen);
      return true;
    }
  }
  const auto done = log_.append(*batch, epoch_, part.crc);
  if (!done) {
    if (done.error().code == base::errc::busy) return false;
    fail(part, done.error());
    return true;
  }
  if (numbered) producers_.table.note(*batch, done->first, done->next, core_.on().wall_clock());
  core_.producers().note_appended(*this, batch->size());
  note_appended(*batch);
  part.first = done->first;
  part.next = done->next;
  if (part.of->acks == 0) {
    settle(part);
  } else {
    pending_.push_back(part);
  }
  return true;
}

void partition::note_appended(const record::batch_view& batch) noexcept {
  broker_counters& counted = core_.counters();
  ++counted.batches_appended;
  counted.records_appended += static_cast<uint64_t>(std::max(batch.record_count(), 0));
  counted.bytes_appended += batch.size();
}

/// What the producer's numbers say. Where that refuses or ends it here, nobody else looks at the CRC that covers them.
base::result<std::optional<producer_batch>> partition::judge(const append_part& part, const record::batch_view& batch) {
  const auto seen = producers_.table.check(batch, core_.on().wall_clock());
  if (seen && !*seen) return seen;
  if (part.crc == storage::crc_check::compute) {
    TRY_CHECK(record::verify_crc(batch));
  }
  return seen;
}

void partition::answer_duplicate(append_part& part, const producer_batch& original) {
  ++core_.counters().batches_repeated;
  part.first = original.first;
  part.next = original.next;
  part.appended_at = original.timestamp;
  if (part.of->acks == 0 || original.next <= log_.acknowledged()) {
    settle(part);
  } else if (log_.offline()) {
    fail(part, base::error{base::errc::storage, 0, 0});  // where the first copy will never come
  } else {
    pending_.push_back(part);  // the first copy is still on its way to the disk
  }
}

bool partition::retry() {
  while (!waiting_.empty()) {
    append_part& part = waiting_.front();
    static_cast<base::list_hook<append_tag>&>(part).unlink();
    if (!try_append(part)) {
      waiting_.push_front(part);
      return false;
    }
    --core_.counters().appends_waiting_now;
  }
  return true;
}

void partition::refuse_numbered(base::errc why) {
  base::intrusive_list<append_part, append_tag> looked_at;
  while (!waiting_.empty()) {
    append_part& part = waiting_.pop_front();
    const auto batch = record::batch_view::frame(part.batch);
    if (batch && batch->has_producer_id()) {
      --core_.counters().appends_waiting_now;
      fail(part, base::error{why, 0, 0});
    } else {
      looked_at.push_back(part);
    }
  }
  waiting_.splice_back(looked_at);
}

void partition::settle(append_part& part) {
  part.log_start = log_.log_start();
  part.of->part_settled();
}

void partition::fail(append_part& part, base::error why) {
  part.failed = true;
  part.why = why;
  settle(part);
}

void partition::on_acknowledged(base::offset acknowledged) {
  while (!pending_.empty() && pending_.front().next <= acknowledged) settle(pending_.pop_front());
  wake_parked();
}

void partition::on_offline() { close(base::errc::storage); }

void partition::close(base::errc why) {
  const base::error reason{why, 0, 0};
  while (!pending_.empty()) fail(pending_.pop_front(), reason);
  while (!waiting_.empty()) {
    --core_.counters().appends_waiting_now;
    fail(waiting_.pop_front(), reason);
  }
  end_waits();
}

void partition::end_waits() {
  while (!parked_.empty()) core_.answer(*parked_.front().of);
}

void partition::abandon() noexcept {
  pending_.clear();
  waiting_.clear();
  parked_.clear();
}

// ---- reading

base::result<void> partition::check_epoch(base::leader_epoch current) const {
  if (current.value() < 0 || current == epoch_) return {};
  return base::fail(current < epoch_ ? base::errc::fenced_leader_epoch : base::errc::unknown_leader_epoch);
}

partition::epoch_end partition::end_of_epoch(base::leader_epoch asked) const {
  // Our own epoch reaches to the end, whether or not something was appended under it.
  if (asked == epoch_) return {epoch_, high_watermark()};
  if (asked > epoch_) return {};
  base::offset next = high_watermark();
  const auto& epochs = log_.epochs();
  for (auto e = epochs.rbegin(); e != epochs.rend(); ++e) {
    if (e->epoch <= asked) return {e->epoch, next};
    next = e->first;
  }
  // Kafka: an epoch before the first that is known ends where that one starts. Our own counts among them from the start,
  // before anything is appended.
  return {asked, epochs.empty() ? next : log_.log_start()};
}

bool partition::admit(read_part& part) const {
  part.high_watermark = base::offset{-1};
  part.log_start = base::offset{-1};
  const auto current = check_epoch(part.current_epoch);
  if (!current) {
    part.failed = true;
    part.why = current.error();
    return false;
  }
  if (part.from < log_.log_start() || part.from > high_watermark() || part.last_fetched_epoch > epoch_) {
    part.failed = true;
    part.why = base::error{base::errc::out_of_range, 0, 0};
    return false;
  }
  part.high_watermark = high_watermark();
  part.log_start = log_.log_start();
  if (part.last_fetched_epoch.value() >= 0) {
    const epoch_end end = end_of_epoch(part.last_fetched_epoch);
    if (end.epoch < part.last_fetched_epoch || end.end < part.from) {
      part.diverged = true;
      part.diverging_epoch = end.epoch;
      part.diverging_end = end.end;
      return false;
    }
  }
  return true;
}

void partition::count(read_part& part) const {
  read_work& w = *part.of;
  const uint64_t now = log_.bytes_available(part.from, part.bytes_max);
  if (now == storage::log::reason_enough) {
    w.at_once = true;
    return;
  }
  w.available += now - part.available;
  part.available = now;
}

/// News of one partition: only its own share of each waiting fetch is counted anew.
void partition::wake_parked() {
  // Answering unlinks a work's parts from here, and maybe those of others behind it.
  base::intrusive_list<read_part, read_tag> looked_at;
  while (!parked_.empty()) {
    read_part& part = parked_.pop_front();
    looked_at.push_back(part);
    count(part);
    if (part.of->enough()) core_.answer(*part.of);
  }
  parked_.splice_back(looked_at);
}

}  // namespace millrace::broker
