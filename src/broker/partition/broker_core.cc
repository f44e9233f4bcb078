#include "broker/partition/broker_core.hh"

#include "base/hash.hh"
#include "reactor/call.hh"

namespace millrace::broker {

namespace {
/// How long an append waits at most before it is tried again without having been told.
constexpr base::duration room_wait_max = base::milliseconds(50);
}  // namespace

broker_core::broker_core(reactor::core& on, storage::storage_options options, producer_options producers,
                         retention_options retention, compaction_keeper_options compaction)
    : core_(on),
      logs_(on, std::move(options)),
      producers_(*this, producers),
      retention_(*this, retention),
      compaction_(*this, compaction),
      scope_(std::make_unique<reactor::scope>(on)) {}

broker_core::~broker_core() = default;

// ---- life

reactor::task<base::result<void>> broker_core::start(std::vector<storage::log_manager::taken> logs, base::leader_epoch epoch,
                                                     bool clean) {
  epoch_ = epoch;
  std::vector<storage::log_id> ids;
  ids.reserve(logs.size());
  for (const auto& one : logs) ids.push_back(one.state.id);
  CO_TRY_CHECK(co_await logs_.start(std::move(logs), epoch, clean));
  started_ = true;
  producers_.start();
  for (const storage::log_id& id : ids) {
    partitions_[id] = std::make_unique<partition>(*this, *logs_.find(id), epoch_);
  }
  retention_.start();
  compaction_.start();
  co_return base::result<void>();
}

reactor::task<base::result<void>> broker_core::stop() {
  stopping_ = true;
  retention_.stop();
  compaction_.stop();
  logs_.room().wake_all();
  for (auto& [id, p] : partitions_) p->end_waits();
  if (started_) producers_.keep_all();
  co_await scope_->close();
  // What could not start has nothing to make clean.
  if (!started_) co_return base::result<void>();
  auto stopped = co_await logs_.stop();
  for (auto& [id, p] : partitions_) p->close(base::errc::closed);
  partitions_.clear();
  co_return stopped;
}

reactor::task<void> broker_core::refuse_cold_reads() {
  for (broker_core* there : all_) {
    const base::core_id target = there->core_.id();
    co_await reactor::call_on(core_, target, [there](reactor::core&) { there->logs_.refuse_cold_reads(); });
  }
}

void broker_core::abandon() noexcept {
  scope_->abandon();
  for (auto& [id, p] : partitions_) p->abandon();
  partitions_.clear();
  logs_.abandon();
}

reactor::task<base::result<void>> broker_core::create(std::vector<storage::new_log> logs) {
  std::vector<storage::log_id> ids;
  ids.reserve(logs.size());
  for (const auto& one : logs) ids.push_back(one.id);
  CO_TRY_CHECK(co_await logs_.create(std::move(logs)));
  for (const storage::log_id& id : ids) {
    partitions_[id] = std::make_unique<partition>(*this, *logs_.find(id), epoch_);
  }
  co_return base::result<void>();
}

reactor::task<base::result<void>> broker_core::remove(std::vector<storage::log_id> ids) {
  for (const storage::log_id& id : ids) {
    const auto found = partitions_.find(id);
    if (found == partitions_.end()) continue;
    const std::unique_ptr<partition> gone = std::move(found->second);
    partitions_.erase(found);
    gone->close(base::errc::unknown_topic_or_partition);
  }
  auto removed = co_await logs_.remove(std::move(ids));
  co_return removed;
}

reactor::task<std::vector<base::result<void>>> broker_core::raise_log_starts(std::vector<storage::new_log_start> wanted) {
  std::vector<base::result<void>> kept(wanted.size());
  std::vector<storage::new_log_start> ready;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const auto done = co_await producers_.keep_below(wanted[i].id, wanted[i].start);
    kept[i] = done;
    if (done) ready.push_back(wanted[i]);
  }
  const std::vector<base::result<void>> raised = co_await logs_.raise_log_starts(std::move(ready));
  size_t at = 0;
  for (base::result<void>& outcome : kept) {
    if (outcome) outcome = raised[at++];
  }
  co_return std::move(kept);
}

size_t broker_core::id_hash::operator()(const storage::log_id& id) const noexcept {
  return base::mix64(std::hash<base::uuid>()(id.topic) + static_cast<uint32_t>(id.partition));
}

partition* broker_core::find(const storage::log_id& id) noexcept {
  const auto found = partitions_.find(id);
  return found == partitions_.end() ? nullptr : found->second.get();
}

// ---- works, going and returning

void broker_core::send(work& w, base::core_id owner) {
  ASSERT(owner.value() < all_.size());
  w.home_ = this;
  w.owner_ = all_[owner.value()];
  w.home_id_ = core_.id();
  w.owner_id_ = owner;
  w.returning_ = false;
  if (w.owner_ == this) {
    w.execute(*this);
    return;
  }
  ++counters_.works_sent;
  w.credited_ = w.takes_credit();
  if (!w.credited_) return core_.post(owner, w);
  lane& l = lanes_[owner.value()];
  if (l.out >= base::works_outstanding_max) {
    l.waiting.push_back(w);
    return;
  }
  ++l.out;
  core_.post(owner, w);
}

void broker_core::returned(const work& w) {
  if (!w.credited_) return;
  lane& l = lanes_[w.owner_id_.value()];
  ASSERT(l.out > 0);
  --l.out;
  if (l.waiting.empty()) return;
  ++l.out;
  core_.post(w.owner_id_, static_cast<reactor::mail&>(l.waiting.pop_front()));
}

void broker_core::settled(work& w) {
  if (w.home_ == this) {
    w.on_settled();
    return;
  }
  w.returning_ = true;
  core_.post(w.home_id_, w);
}

void broker_core::release(read_work& w) {
  w.stage_ = read_work::stage::releasing;
  w.bytes_min = 0;
  send(w, w.owner_id_);
}

void broker_core::end_wait(read_work& w) {
  if (w.owner_ == this) {
    if (w.stage_ == read_work::stage::parked) answer(w);
    return;
  }
  // What cannot be parked ends by itself; what can is on its way, never in a lane, and the nudge comes behind it.
  if (w.nudge_.out || !w.may_wait()) return;
  w.nudge_.out = true;
  core_.post(w.owner_id_, w.nudge_);
}

// ---- appends

void broker_core::append(append_work& w) {
  // One more than the parts: the work is not settled while they are still being handed out.
  w.left_ = static_cast<unsigned>(w.parts.size()) + 1;
  for (append_part& part : w.parts) {
    part.of = &w;
    part.failed = false;
    part.appended_at = -1;
    partition* p = find(part.id);
    if (p != nullptr && !stopping_) {
      p->append(part);
      continue;
    }
    part.failed = true;
    part.why = base::error{stopping_ ? base::errc::not_leader : base::errc::unknown_topic_or_partition, 0, 0};
    w.part_settled();
  }
  w.part_settled();
}

void broker_core::wait_for_room(partition& p) {
  if (!static_cast<base::list_hook<short_of_room_tag>&>(p).linked()) short_of_room_.push_back(p);
  if (retrying_) return;
  retrying_ = true;
  scope_->spawn(retry_appends());
}

/// False where some append still waits.
bool broker_core::retry_all() {
  base::intrusive_list<partition, short_of_room_tag> still;
  while (!short_of_room_.empty()) {
    partition& p = short_of_room_.pop_front();
    // What settles on the way may bring it an append that waits, and link it again.
    if (!p.retry() && !static_cast<base::list_hook<short_of_room_tag>&>(p).linked()) still.push_back(p);
  }
  short_of_room_.splice_back(still);
  return short_of_room_.empty();
}

/// Room may have come between the append that found none and this task's first step: it tries before it waits. And it
/// never waits for a wake alone, since what would wake it may have been all done by then.
reactor::task<void> broker_core::retry_appends() {
  while (!stopping_ && !retry_all()) {
    core_.timers().arm(room_bell_, core_.now() + room_wait_max);
    co_await logs_.room().wait();
    core_.timers().disarm(room_bell_);
  }
  retrying_ = false;
}

// ---- reads

void broker_core::read(read_work& w) {
  w.bytes = 0;
  w.available = 0;
  w.at_once = stopping_;
  bool settled_by_looks = false;
  for (read_part& part : w.parts) {
    part.of = &w;
    part.failed = false;
    part.diverged = false;
    part.bytes = 0;
    part.available = 0;
    const partition* p = find_for(part);
    if (p != nullptr && p->admit(part)) {
      const bool counted_enough = w.at_once || (!w.counts_all && w.enough());
      if (w.wait.ns > 0 && !counted_enough) p->count(part);
      continue;
    }
    settled_by_looks = true;  // an error or a divergence answers the fetch at once
  }
  if (settled_by_looks || !w.may_wait() || w.enough()) return answer(w);
  w.stage_ = read_work::stage::parked;
  ++counters_.fetches_parked_now;
  for (read_part& part : w.parts) find(part.id)->park(part);
  core_.timers().arm(w.end_, core_.now() + w.wait);
}

/// The partition of a part; where there is none, that is the part's answer.
partition* broker_core::find_for(read_part& part) {
  partition* p = find(part.id);
  if (p == nullptr) refuse(part, base::error{base::errc::unknown_topic_or_partition, 0, 0});
  return p;
}

void broker_core::refuse(read_part& part, base::error why) {
  part.failed = true;
  part.why = why;
  part.high_watermark = part.log_start = base::offset{-1};
}

void broker_core::answer(read_work& w) {
  if (w.stage_ == read_work::stage::parked) --counters_.fetches_parked_now;
  unpark(w);
  w.stage_ = read_work::stage::reading;
  read_parts(w);
}

void broker_core::unpark(read_work& w) {
  core_.timers().disarm(w.end_);
  for (read_part& part : w.parts) static_cast<base::list_hook<read_tag>&>(part).unlink();
}

/// Reads the parts in request order; from the first that needs a file on, a task goes on.
void broker_core::read_parts(read_work& w) {
  uint32_t left = w.bytes_max;
  bool one = w.one_at_least;
  for (size_t i = 0; i < w.parts.size(); ++i) {
    read_part& part = w.parts[i];
    if (part.failed || part.diverged) continue;
    partition* p = find_for(part);
    if (p == nullptr || !p->admit(part)) continue;
    const auto plan = p->log().plan_read(part.from, std::min(left, part.bytes_max), one);
    if (!plan) {
      refuse(part, plan.error());
      continue;
    }
    if (plan->empty() || (left == 0 && !one)) continue;
    const bool in_memory = p->log().collect(*plan, [&](storage::slice s) {
      part.bytes += s.size;
      part.slices.push_back(std::move(s));
    });
    if (!in_memory) {
      scope_->spawn(read_rest(&w, i, left, one));
      return;
    }
    note_read(part.bytes, true);
    w.bytes += part.bytes;
    left -= std::min(left, part.bytes);
    if (part.bytes > 0) one = false;
  }
  settled(w);
}

void broker_core::note_read(uint32_t bytes, bool from_memory) noexcept {
  if (bytes == 0) return;
  ++(from_memory ? counters_.reads_from_memory : counters_.reads_from_files);
  (from_memory ? counters_.bytes_from_memory : counters_.bytes_from_files) += bytes;
}

reactor::task<void> broker_core::read_rest(read_work* w, size_t from, uint32_t left, bool one) {
  for (size_t i = from; i < w->parts.size(); ++i) {
    read_part& part = w->parts[i];
    if (part.failed || part.diverged) continue;
    partition* p = find_for(part);
    if (p == nullptr || !p->admit(part)) continue;
    const auto plan = p->log().plan_read(part.from, std::min(left, part.bytes_max), one);
    base::result<storage::read_result> got = storage::read_result{};
    if (!plan) {
      got = plan.failure();
    } else if (!plan->empty() && (left > 0 || one)) {
      storage::read_plan steps = *plan;
      steps.file_range_will_do = true;
      const storage::log_id id = part.id;
      got = co_await logs_.reader().read(id, steps);
    }
    if (!got) {
      refuse(part, got.error());
      continue;
    }
    part.slices = std::move(got->slices);
    part.bytes = static_cast<uint32_t>(got->bytes);
    note_read(part.bytes, got->from_memory);
    w->bytes += part.bytes;
    left -= std::min(left, part.bytes);
    if (part.bytes > 0) one = false;
  }
  settled(*w);
}

}  // namespace millrace::broker
