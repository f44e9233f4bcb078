#include "storage/cold_reads.hh"

#include "log_world.hh"

/// How much of the segments is read at once, whoever asks.

namespace millrace::storage::test {
namespace {

constexpr uint64_t mib = 1u << 20;

world_setup cold_setup(uint64_t ahead = 1) {
  return {.segment_bytes = 8 << 20,
          .commit_bytes = 4096 + (4 << 20),
          .inline_max = 64 << 10,
          .logs = 2,
          .memory = size_t{128} << 20,
          .read_ahead_bytes_max = ahead};
}

/// A log of 20 MiB in closed segments, nothing of it in memory.
void make_cold(log_world& f) {
  f.boot();
  for (unsigned i = 0; i < 200; ++i) {
    while (!f.append(*f.logs[0], 1, 100000)) f.w.run_for(base::milliseconds(1));
  }
  f.run_and_restart(0);
}

using reading = std::unique_ptr<sim::started<base::result<read_result>>>;

reading start_read(log_world& f, const model_log& m, int64_t at) {
  const auto plan = f.find(m)->plan_read(base::offset(at), mib, true);
  REQUIRE(plan);
  return f.w.start(f.n, f.core_of(m), f.manager_of(m).reader().read(m.id, *plan));
}

/// Where the nth reader reads: a MiB and more before its segment of 83 batches ends.
int64_t place(unsigned n) { return n % 2 * 83 + n * 7 % 60; }

/// So many readers at once.
std::vector<reading> start_reads(log_world& f, const model_log& m, unsigned count) {
  std::vector<reading> all;
  for (unsigned i = 0; i < count; ++i) all.push_back(start_read(f, m, place(i)));
  return all;
}

TEST_CASE("cold reads: many readers have 2 to 4 MiB in flight at the disk, and each gets its answer") {
  for (const uint64_t ahead : {uint64_t{1}, 32 * mib}) {
    CAPTURE(ahead);
    log_world f(1, cold_setup(ahead));
    make_cold(f);
    model_log& m = *f.logs[0];
    // Files are open and indexes loaded from here on: each operation at the disk is a read of 1 MiB.
    for (const int64_t at : {0, 100, 190}) REQUIRE(f.read(m, at, 100));
    f.w.run_for(base::seconds(1));
    REQUIRE(f.n.port().in_flight() == 0);
    REQUIRE(f.manager_of(m).counters().cold_waits == 0);
    std::vector<reading> all = start_reads(f, m, 60);
    size_t most = 0;
    const auto ended = [&] {
      most = std::max(most, f.n.port().in_flight());
      return std::ranges::all_of(all, [](const reading& one) { return one->done(); });
    };
    REQUIRE(f.w.run_until(ended, base::seconds(60)));
    CHECK(most >= 2);
    CHECK(most <= 4);
    for (unsigned i = 0; i < all.size(); ++i) {
      const auto got = all[i]->take();
      REQUIRE(got);
      f.check_answer(m, *got, place(i));
    }
    f.w.run_for(base::seconds(1));
    CHECK(f.manager_of(m).counters().cold_waits > 0);
    CHECK(f.manager_of(m).counters().cold_bytes == 0);
  }
}

// ---- turns by themselves

/// Somebody who reads when it is his turn, until he is told to stop.
struct holder {
  bool asked = false;
  bool begun = false;
  bool refused = false;
  bool enough = false;
  std::unique_ptr<sim::started<void>> running;
};

task<void> hold(cold_reads* of, reactor::core* on, uint64_t bytes, holder* h) {
  cold_reads::turn turn(*of, bytes);
  h->asked = true;
  const bool mine = co_await turn;
  h->begun = mine;
  h->refused = !mine;
  while (mine && !h->enough) co_await reactor::sleep(*on, base::microseconds(10));
}

struct queue {
  explicit queue(log_world& in) : f(in), of(f.managers[0]->cold()) {}
  /// One more, behind those that are there.
  holder& add(uint64_t bytes) {
    all.push_back(std::make_unique<holder>());
    holder& h = *all.back();
    h.running = f.w.start(f.n, 0, hold(&of, &f.n.core(), bytes, &h));
    REQUIRE(f.w.run_until([&] { return h.asked; }, base::seconds(1)));
    return h;
  }
  void end(holder& h) {
    h.enough = true;
    REQUIRE(f.w.run_until([&] { return h.running->done(); }, base::seconds(1)));
    f.w.run_for(base::milliseconds(1));
  }
  unsigned begun() const {
    return static_cast<unsigned>(std::ranges::count_if(all, [](const auto& h) { return h->begun; }));
  }
  log_world& f;
  cold_reads& of;
  std::vector<std::unique_ptr<holder>> all;
};

TEST_CASE("cold reads: the first who asks is the first to read, also where who comes later would fit") {
  log_world f(2, cold_setup());
  f.boot();
  f.w.run_for(base::seconds(1));
  queue q(f);
  holder& first = q.add(3 * mib);
  holder& large = q.add(2 * mib);
  holder& small = q.add(1);
  CHECK(first.begun);
  CHECK_FALSE(large.begun);
  CHECK_FALSE(small.begun);
  q.end(first);
  CHECK(large.begun);
  CHECK(small.begun);
  CHECK(q.of.bytes_in_flight() == 2 * mib + 1);
  q.end(large);
  q.end(small);
  CHECK(q.of.bytes_in_flight() == 0);
}

TEST_CASE("cold reads: what is larger than the bound goes alone, and the others after it") {
  log_world f(3, cold_setup());
  f.boot();
  f.w.run_for(base::seconds(1));
  queue q(f);
  holder& before = q.add(1);
  holder& huge = q.add(64 * mib);
  holder& behind = q.add(1);
  CHECK_FALSE(huge.begun);
  q.end(before);
  CHECK(huge.begun);
  CHECK_FALSE(behind.begun);
  q.end(huge);
  CHECK(behind.begun);
  q.end(behind);
}

TEST_CASE("cold reads: they are fewer beside the core's writes") {
  for (const bool direct : {false, true}) {  // to a segment beside the record, or in it alone
    CAPTURE(direct);
    log_world f(4, cold_setup());
    f.boot();
    f.w.run_for(base::seconds(1));
    queue q(f);
    f.n.disk().faults.write = {base::seconds(5), base::seconds(5)};
    REQUIRE(f.append(*f.logs[0], 1, direct ? 300000 : 100));
    f.w.run_for(base::milliseconds(50));
    for (int i = 0; i < 6; ++i) q.add(mib);
    CHECK(q.begun() == 2);
    f.n.disk().faults.write = {};
    REQUIRE(f.settle());
    f.w.run_for(base::seconds(20));
    q.end(*q.all[0]);
    CHECK(q.begun() == 5);
    for (auto& h : q.all) q.end(*h);
  }
}

TEST_CASE("cold reads: a stop ends every wait, and who reads ends what he does") {
  log_world f(5, cold_setup());
  f.boot();
  f.w.run_for(base::seconds(1));
  queue q(f);
  holder& first = q.add(4 * mib);
  holder& second = q.add(mib);
  holder& third = q.add(mib);
  q.of.stop();
  REQUIRE(f.w.run_until([&] { return second.running->done() && third.running->done(); }, base::seconds(1)));
  CHECK(second.refused);
  CHECK(third.refused);
  CHECK(q.add(1).refused);
  CHECK(q.of.bytes_in_flight() == 4 * mib);
  q.end(first);
  CHECK(q.of.bytes_in_flight() == 0);
}

TEST_CASE("cold reads: logs stop while many read, and the reads say so or are right") {
  log_world f(6, cold_setup(32 * mib));
  make_cold(f);
  model_log& m = *f.logs[0];
  std::vector<reading> all = start_reads(f, m, 60);
  f.w.run_for(base::milliseconds(1));
  f.stop();
  unsigned refused = 0;
  for (unsigned i = 0; i < all.size(); ++i) {
    REQUIRE(all[i]->done());
    const auto got = all[i]->take();
    if (got) continue;
    CHECK(got.error().code == base::errc::closed);
    ++refused;
  }
  CHECK(refused > 0);
  all.clear();
  f.restart();
  f.check_all();
}

TEST_CASE("cold reads: who waits may go, at any time, and those behind him are served") {
  log_world f(7, cold_setup());
  f.boot();
  f.w.run_for(base::seconds(1));
  queue q(f);
  holder& first = q.add(4 * mib);
  holder& gone = q.add(4 * mib);
  holder& behind = q.add(mib);
  SUBCASE("while he waits") {
    gone.running->abandon();
    q.end(first);
  }
  SUBCASE("while he waits for what he alone is too large for") {
    q.end(first);
    holder& large = q.add(4 * mib);
    holder& small = q.add(1);
    q.end(gone);
    CHECK_FALSE(small.begun);
    large.running->abandon();
    f.w.run_for(base::milliseconds(1));
    CHECK(small.begun);
    q.end(small);
  }
  SUBCASE("when it is his turn, and before he knows") {
    first.running->abandon();
    CHECK(q.of.bytes_in_flight() == 4 * mib);  // his by now
    gone.running->abandon();
    f.w.run_for(base::milliseconds(1));
  }
  CHECK(behind.begun);
  CHECK(q.of.bytes_in_flight() == mib);
  q.end(behind);
  CHECK(q.of.bytes_in_flight() == 0);
}

TEST_CASE("cold reads: a crash forgets who waits and who reads, before and after the logs are gone") {
  for (const bool frames_first : {false, true}) {
    log_world f(8, cold_setup(32 * mib));
    make_cold(f);
    std::vector<reading> all = start_reads(f, *f.logs[0], 30);
    f.w.run_for(base::microseconds(200));
    f.w.crash(f.n, {});
    if (frames_first) all.clear();
    for (auto& m : f.managers) m->abandon();
    f.managers.clear();
    all.clear();
    f.restart();
    f.check_all();
  }
}

}  // namespace
}  // namespace millrace::storage::test
