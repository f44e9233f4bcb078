#include "generator/consume_load.hh"

#include <fmt/format.h>

#include <algorithm>

#include "reactor/wait.hh"
#include "record/verify.hh"

namespace millrace::generator {

using base::instant;
using base::result;
using reactor::task;

namespace {

/// A group counts as settled when nothing has changed for so long.
constexpr base::duration settled_for = base::milliseconds(700);
constexpr base::duration settle_most = base::seconds(60);

client::consumer_options reading_of(const settings& s) {
  return {.max_wait = base::milliseconds(s.fetch_wait_ms),
          .min_bytes = s.fetch_min_bytes,
          .max_bytes = s.fetch_bytes,
          .partition_bytes = s.fetch_partition_bytes};
}

}  // namespace

/// A consumer with connections of its own.
struct consume_load::slot {
  slot(consume_load& owner, uint32_t group_index, uint32_t number_in_group)
      : group(group_index), number(number_in_group), cluster(owner.core_, client_options_of(owner.s_)) {
    const settings& s = owner.s_;
    if (s.groups == 0) {
      alone = std::make_unique<client::consumer>(cluster, reading_of(s));
    } else {
      member = std::make_unique<client::group_consumer>(
          cluster,
          client::group_options{.group = fmt::format("millrace-bench-{:016x}-{}-{}", s.run_id, s.first_producer, group),
                                .topics = {s.topic},
                                .from_begin = s.from_begin},
          reading_of(s));
    }
  }
  task<const client::fetched*> next() { return alone ? alone->next() : member->next(); }
  std::optional<base::error> trouble() const { return alone ? alone->trouble() : member->trouble(); }
  void interrupt() { alone ? alone->interrupt() : member->interrupt(); }
  /// A fetch may be held back for as long as it asked for.
  task<void> close() {
    if (alone) {
      co_await alone->close();
    } else {
      co_await member->close();
    }
    co_await cluster.close();
  }

  const uint32_t group;
  const uint32_t number;
  client::client cluster;
  std::unique_ptr<client::consumer> alone;
  std::unique_ptr<client::group_consumer> member;
  client::batch_records opener;
};

consume_load::consume_load(reactor::core& on, control& run, meter& counts)
    : core_(on), run_(run), meter_(counts), s_(run.what), tasks_(on) {
  if (!s_.consumes()) return;
  const uint32_t groups = std::max(1u, s_.groups);
  for (uint32_t i = on.id().value(); i < groups * s_.consumers; i += on.core_count()) {
    slots_.push_back(std::make_unique<slot>(*this, i / s_.consumers, i % s_.consumers));
  }
}

consume_load::~consume_load() = default;

task<void> consume_load::prepare() {
  for (auto& s : slots_) {
    const result<void> up = co_await prepare_slot(s.get());
    if (!up) {
      run_.fail(explain(s->cluster, up.error()));
      co_return;
    }
  }
  if (s_.groups == 0 || slots_.empty()) co_return;
  const result<void> settled = co_await settle();
  if (!settled) run_.fail("the group has not settled: " + explain(slots_[0]->cluster, settled.error()));
}

task<result<void>> consume_load::prepare_slot(slot* s) {
  CO_TRY_CHECK(co_await s->cluster.start());
  CO_TRY_CHECK(co_await s->cluster.topic(s_.topic));
  if (!s->member) co_return result<void>();
  CO_TRY_CHECK(co_await s->member->start());
  co_return result<void>();
}

std::string consume_load::trouble() const {
  for (const auto& s : slots_) {
    const std::optional<base::error> why = s->trouble();
    if (why) return "reading: " + explain(s->cluster, *why);
  }
  return {};
}

/// Until every member has its share and nothing has changed for a while.
task<result<void>> consume_load::settle() {
  const instant limit = core_.now() + settle_most;
  uint64_t shares = 0;
  instant since = core_.now();
  while (core_.now() < limit && !run_.failed()) {
    uint64_t now = 0;
    bool all = true;
    for (auto& s : slots_) {
      now += s->member->shares();
      all = all && s->member->settled();
    }
    if (!all || now != shares) since = core_.now();
    shares = now;
    if (all && core_.now() - since >= settled_for) co_return result<void>();
    co_await reactor::sleep(core_, base::milliseconds(10));
  }
  for (auto& s : slots_) {
    const auto why = s->trouble();
    if (why) co_return base::fail(why->code, why->detail);
  }
  co_return base::fail(base::errc::timed_out);
}

/// Without groups consumer i has every n-th partition of those that are read.
std::vector<client::start_position> consume_load::share_of(const slot& s) const {
  std::vector<client::start_position> share;
  size_t index = 0;
  for (size_t p = 0; p < run_.starts.size(); ++p) {
    const auto partition = static_cast<int32_t>(p);
    if (!s_.assign.empty() && std::ranges::find(s_.assign, partition) == s_.assign.end()) continue;
    if (index++ % s_.consumers == s.number) share.push_back({s_.topic, partition, run_.starts[p]});
  }
  return share;
}

task<void> consume_load::run() {
  for (auto& s : slots_) {
    if (!s->alone) {
      tasks_.spawn(read(s.get()), "reader");
      continue;
    }
    std::vector<client::start_position> share = share_of(*s);
    if (share.empty()) continue;
    const result<void> assigned = co_await s->alone->assign(std::move(share));
    if (!assigned) {
      run_.fail("reading: " + client::describe(assigned.error()));
      break;
    }
    tasks_.spawn(read(s.get()), "reader");
  }
  while (!run_.readers_stop.load() && !run_.failed()) co_await reactor::sleep(core_, base::milliseconds(5));
}

task<void> consume_load::read(slot* s) {
  while (true) {
    const client::fetched* got = co_await s->next();
    if (got == nullptr) co_return;
    look(*s, *got);
  }
}

task<void> consume_load::close() {
  for (auto& s : slots_) s->interrupt();
  co_await tasks_.close();
  reactor::scope closing(core_);
  for (auto& s : slots_) closing.spawn(s->close());
  co_await closing.close();
}

// ---- looking

void consume_load::look(slot& s, const client::fetched& got) {
  // Members of a group have their first answers before the load begins: those count from there.
  const instant at = std::max(got.answered, instant{run_.begin_ns.load(std::memory_order_relaxed)});
  uint64_t records = 0;
  uint64_t bytes = 0;
  for (const client::fetched_partition& p : got.partitions) {
    records += look_at(s, p, at);
    bytes += p.batches.size();
  }
  meter_.fetched(at, got.answered - got.asked, records, bytes);
}

uint64_t consume_load::look_at(slot& s, const client::fetched_partition& p, instant now) {
  if (p.why) {
    meter_.fetch_failed(now);
    run_.fail(fmt::format("reading partition {} at {} was {}", p.partition, p.from, client::describe(*p.why)));
    return 0;
  }
  partition_check& check = *run_.checks[s.group][static_cast<size_t>(p.partition)];
  const std::lock_guard hold(check.lock());
  uint64_t records = 0;
  for (record::batch_iterator batches(p.batches); !batches.done();) {
    const auto batch = batches.next();
    if (!batch) break;  // the client has looked: these are whole
    records += look_at_batch(s, p, *batch, check, now);
  }
  check.reached(p.next);
  return records;
}

uint64_t consume_load::look_at_batch(slot& s, const client::fetched_partition& p, const record::batch_view& batch,
                                     partition_check& check, instant now) {
  const auto count = static_cast<uint64_t>(std::max(0, batch.record_count()));
  const base::result<void> intact = record::verify_crc(batch);
  auto records = s.opener.open(batch);
  if (!intact || !records) {
    check.corrupt(std::max<uint64_t>(1, count));
    return count;
  }
  uint64_t read = 0;
  int64_t intended = 0;
  uint64_t alike = 0;  // records in a row with that time
  record::record_view one;
  while (true) {
    const base::result<bool> more = records->next(one);
    if (!more) check.corrupt(1);
    if (!more || !*more) break;
    const int64_t offset = batch.base_offset().value() + one.offset_delta;
    if (offset < p.from) continue;
    ++read;
    payload_header header;
    if (!check.take(offset, one.key, one.value.value_or(base::bytes()), header)) continue;
    if (alike > 0 && header.intended_ns != intended) {
      meter_.read(now, intended - run_.unix_offset_ns, alike);
      alike = 0;
    }
    intended = header.intended_ns;
    ++alike;
  }
  if (alike > 0) meter_.read(now, intended - run_.unix_offset_ns, alike);
  return read;
}

}  // namespace millrace::generator
