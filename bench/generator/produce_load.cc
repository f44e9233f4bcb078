#include "generator/produce_load.hh"

#include <fmt/format.h>

#include <algorithm>

#include "client/kafka_code.hh"
#include "generator/clock.hh"
#include "reactor/wait.hh"

namespace millrace::generator {

using base::instant;
using base::result;
using reactor::task;

namespace {

/// Records of a schedule that is behind are added so many at a time: answers are heard in between.
constexpr unsigned burst = 2048;
/// "key-" and twelve digits.
constexpr size_t key_bytes = 16;
/// Bytes of values that differ, where they are compressed: no batch holds the same twice, up to a quarter of the most.
constexpr size_t varied_least = size_t{1} << 20;
constexpr size_t varied_most = size_t{64} << 20;
/// The wheel's ticks are 1 ms and late by up to one: the last part of a wait is spent looking at the clock.
constexpr base::duration look = base::milliseconds(3);
constexpr const char* no_answer = "no answer within --drain";

}  // namespace

/// A producer with connections of its own.
struct produce_load::slot final : client::delivery_handler {
  slot(produce_load& owner, uint32_t number_in_run)
      : load(owner),
        number(number_in_run),
        cluster(owner.core_, client_options_of(owner.s_)),
        out(cluster,
            {.acks = static_cast<int16_t>(owner.s_.acks),
             .codec = owner.s_.compression,
             .idempotent = owner.s_.idempotence,
             .batch_bytes = owner.s_.batch_bytes,
             .batch_records = owner.s_.batch_records,
             .linger = base::microseconds(static_cast<int64_t>(owner.s_.linger_ms * 1000)),
             .in_flight = owner.s_.in_flight,
             .request_batches = 1,
             .buffer_bytes = std::max<size_t>(32 << 20, 2 * owner.s_.in_flight * owner.s_.batch_bytes)},
            this) {}
  void delivered(const client::delivery& what) override { load.delivered(*this, what); }

  produce_load& load;
  const uint32_t number;
  client::client cluster;
  client::producer out;
  size_t topic = 0;
  int32_t partition = 0;
  std::vector<uint64_t> sequences;     // the next one of each partition
  std::vector<uint64_t> acknowledged;  // records of each partition
  uint64_t failures = 0;               // batches
};

produce_load::produce_load(reactor::core& on, control& run, meter& counts)
    : core_(on),
      run_(run),
      meter_(counts),
      s_(run.what),
      random_(base::hash_combine(s_.run_id, on.id().value())),
      values_(s_.sizes.most(), s_.sizes.fixed() && !s_.compresses(), s_.run_id,
              s_.compresses() ? std::clamp(4 * s_.batch_bytes, varied_least, varied_most) : 0) {
  for (uint32_t i = on.id().value(); i < s_.connections; i += on.core_count()) {
    slots_.push_back(std::make_unique<slot>(*this, s_.first_producer + i));
  }
}

produce_load::~produce_load() = default;

task<void> produce_load::prepare() {
  for (auto& s : slots_) {
    const result<void> up = co_await prepare_slot(s.get(), &s_.topic);
    if (!up) {
      run_.fail(explain(s->cluster, up.error()));
      co_return;
    }
  }
}

task<result<void>> produce_load::prepare_slot(slot* s, const std::string* topic) {
  CO_TRY_CHECK(co_await s->cluster.start());
  CO_TRY_CHECK(co_await s->out.start());
  CO_TRY(s->topic, co_await s->out.topic(*topic));
  const auto count = static_cast<size_t>(s->out.partitions(s->topic));
  s->sequences.assign(count, 0);
  s->acknowledged.assign(count, 0);
  s->partition = static_cast<int32_t>(s->number % count);
  co_return result<void>();
}

std::string produce_load::trouble() const {
  for (const auto& s : slots_) {
    const std::optional<base::error> why = s->out.trouble();
    if (why) return "producing: " + explain(s->cluster, *why);
  }
  return {};
}

task<void> produce_load::run() {
  running_ = true;
  if (s_.open_loop()) {
    co_await pace();
  } else {
    co_await keep_full();
  }
  running_ = false;
  co_await drain();
}

// ---- records

/// Without keys a partition gets batch after batch in turn; with keys, Kafka's choice for the key.
int32_t produce_load::choose_partition(slot& s) {
  const int32_t count = s.out.partitions(s.topic);
  if (s_.key_choice.none()) {
    if (s.out.open() == 0) s.partition = s.partition + 1 == count ? 0 : s.partition + 1;
    return s.partition;
  }
  const auto written = fmt::format_to_n(key_, key_bytes, "key-{:012}", s_.key_choice.next(random_));
  return partition_of({key_, std::min(written.size, key_bytes)}, count);
}

bool produce_load::add_one(slot& s, instant intended) {
  const int32_t partition = choose_partition(s);
  uint64_t& sequence = s.sequences[static_cast<size_t>(partition)];
  const payload_header header{
      .producer = s.number, .run = s_.run_id, .sequence = sequence, .intended_ns = intended.ns + run_.unix_offset_ns};
  const size_t size = s_.sizes.fixed() ? s_.sizes.most() : s_.sizes.next(random_);
  record::new_record one{.timestamp = core_.wall_clock()};
  if (!s_.key_choice.none()) one.key = base::bytes(reinterpret_cast<const uint8_t*>(key_), key_bytes);
  one.value = values_.next(header, payload_place(partition, one.key), size);
  if (!s.out.add(s.topic, partition, one, intended.ns)) return false;
  ++sequence;
  return true;
}

// ---- closed loop

void produce_load::refill(slot& s) {
  const instant now = core_.effects().clock();
  if (now.ns >= run_.produce_until_ns.load(std::memory_order_relaxed)) return;
  // What fails at once makes no batch to wait for: the next look around goes on.
  const uint64_t failures = s.failures;
  while (s.out.unanswered() - s.out.open() < s_.in_flight && running_ && s.failures == failures) {
    if (!add_one(s, now)) return;
  }
}

/// Answers bring the next records. The look around is for what answers do not: the begin, the end, and slots whose last
/// batches failed.
task<void> produce_load::keep_full() {
  while (core_.effects().clock().ns < run_.produce_until_ns.load() && !run_.failed()) {
    for (auto& s : slots_) refill(*s);
    co_await reactor::sleep(core_, base::milliseconds(5));
  }
}

void produce_load::delivered(slot& s, const client::delivery& what) {
  const instant now = core_.effects().clock();
  if (what.why) {
    ++s.failures;
    meter_.failed(now, what.tags);
    const base::error why = *what.why;
    const bool cut_off = closing_ && why.code == base::errc::closed;  // by ourselves
    run_.note(cut_off ? no_answer : explain(s.cluster, why));
    const bool for_good = why.code == base::errc::refused && !client::retriable(static_cast<int16_t>(why.detail));
    if (for_good && !closing_) run_.fail("producing was " + client::describe(why));
    return;
  }
  s.acknowledged[static_cast<size_t>(what.partition)] += static_cast<uint64_t>(what.records);
  meter_.answered(now, what.tags, what.bytes);
  if (running_ && !s_.open_loop()) refill(s);
}

// ---- open loop

/// So many records in a row go to one producer, so that its batch may become full.
uint64_t produce_load::run_length() const {
  const uint64_t by_bytes = std::max<uint64_t>(1, s_.batch_bytes / (s_.sizes.usual() + 12));
  return std::min(by_bytes, static_cast<uint64_t>(s_.batch_records));
}

task<void> produce_load::pace() {
  if (slots_.empty()) co_return;
  const double share = s_.rate * static_cast<double>(slots_.size()) / s_.connections;
  const double phase = (core_.id().value() + 0.5) / core_.core_count();
  const schedule times({run_.begin_ns.load()}, share, seconds_of(s_.ramp), phase);
  const uint64_t length = run_length();
  uint64_t sent = 0;
  while (!run_.failed()) {
    const instant now = core_.effects().clock();
    const instant until{run_.produce_until_ns.load(std::memory_order_relaxed)};  // comes nearer where the run is told to end
    instant next = times.time_of(sent);
    bool room = true;
    for (unsigned i = 0; i < burst && next <= now && next < until && room; ++i) {
      room = add_one(*slots_[sent / length % slots_.size()], next);
      if (room) next = times.time_of(++sent);
    }
    if (next >= until) co_return;
    if (now > until + seconds_of(s_.drain_seconds)) {
      // The broker is so far behind that these never found room: they failed, and waited until now.
      if (next < until) run_.note(no_answer);
      for (; next < until; next = times.time_of(++sent)) meter_.failed(now, {&next.ns, 1});
      co_return;
    }
    if (next - now > look) {
      co_await reactor::sleep(core_, std::min(next - now - look, base::milliseconds(100)));
    } else {
      co_await reactor::next_turn(core_);
    }
  }
}

// ---- the end

/// Until all is answered, or nothing is for too long.
task<void> produce_load::drain() {
  for (auto& s : slots_) s->out.flush();
  const auto left = [this] {
    size_t sum = 0;
    for (auto& s : slots_) sum += s->out.unanswered();
    return sum;
  };
  const base::duration patience = seconds_of(s_.drain_seconds);
  size_t before = left();
  instant progress = core_.now();
  while (before > 0 && core_.now() - progress < patience && !run_.failed()) {
    co_await reactor::sleep(core_, base::milliseconds(1));
    const size_t now = left();
    if (now < before) progress = core_.now();
    before = now;
  }
}

namespace {

task<void> close_producer(client::producer* which) { co_await which->close(); }

}  // namespace

/// What is still on the way ends with the connections.
task<void> produce_load::close() {
  closing_ = true;
  reactor::scope closing(core_);
  for (auto& s : slots_) closing.spawn(close_producer(&s->out));
  for (auto& s : slots_) co_await s->cluster.close();
  co_await closing.close();
}

void produce_load::add_acknowledged(std::map<uint32_t, std::vector<uint64_t>>& to) const {
  for (const auto& s : slots_) to[s->number - s_.first_producer] = s->acknowledged;
}

}  // namespace millrace::generator
