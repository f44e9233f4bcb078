#include "reactor/core.hh"

#include <sys/socket.h>

#include <deque>
#include <string>
#include <vector>

#include "reactor/scope.hh"
#include "reactor/wait.hh"
#include "support.hh"

namespace millrace::reactor {
namespace {

/// Time passes only where the test says so.
class told_backend final : public backend {
 public:
  base::instant time{1'000'000'000};
  base::duration work_in_poll{};
  base::duration wait_in_poll{};
  thread_use use{};
  int polls = 0;
  bool slept = false;

  void submit(op&) override {}
  void cancel(op&) override {}
  void poll(ready_list&, base::instant until) override {
    ++polls;
    work(work_in_poll);
    slept = until > time && work_in_poll <= long_work && wait_in_poll.ns > 0;
    if (!slept) return;
    time = time + wait_in_poll;
    ++use.sleeps;
  }
  void work(base::duration length) {
    time = time + length;
    use.on_cpu = use.on_cpu + length;
  }
  base::duration poll_worked() const noexcept override { return work_in_poll; }
  bool poll_slept() const noexcept override { return slept; }
  base::instant clock() override { return time; }
  base::unix_ms wall_clock() override { return 0; }
  uint64_t entropy() override { return 1; }
  thread_use used() const noexcept override { return use; }
  void post(base::core_id, mail&) override {}
  void give_back(lent_buffer&) override {}
  base::result<listening> listen(const listen_address&) override { return base::fail(base::errc::io); }
  base::result<std::vector<directory_entry>> list(const std::string&) override { return base::fail(base::errc::io); }
  base::result<uint64_t> size_of(const std::string&) override { return base::fail(base::errc::io); }
  base::result<disk_space> free_space(const std::string&) override { return base::fail(base::errc::io); }
  base::result<void> lock(const std::string&) override { return base::fail(base::errc::io); }
  std::string peer_name(int) override { return ""; }
};

struct told_core {
  explicit told_core(bool touch_when_idle = false, size_t bytes = size_t{2} << 20)
      : log(
            base::core_id(0), base::log_level::info, this,
            [](void* self, std::string_view line) { static_cast<told_core*>(self)->lines.emplace_back(line); },
            [](void*) -> base::unix_ms { return 0; }),
        pool(std::move(memory::reserve(bytes)).value()),
        on({.stall_threshold = base::milliseconds(10), .touch_when_idle = touch_when_idle}, effects, *pool, log) {}

  std::vector<std::string> lines;
  told_backend effects;
  base::logger log;
  std::unique_ptr<memory> pool;
  core on;
};

/// What a task does with its time.
struct stretch_of_work {
  base::duration works{};
  base::duration robbed{};  ///< others have the processor
  unsigned sleeps = 0;
};
task<void> take(told_backend* effects, stretch_of_work what) {
  effects->work(what.works);
  effects->time = effects->time + what.robbed;
  effects->use.sleeps += what.sleeps;
  co_return;
}

TEST_CASE("core: work in poll belongs to the turn, waiting does not") {
  told_core t;
  t.effects.wait_in_poll = base::seconds(5);
  t.effects.work_in_poll = base::milliseconds(9);
  t.on.turn(base::seconds(10));
  CHECK(t.on.counters().stalls == 0);
  CHECK(t.on.counters().longest_turn == base::milliseconds(9));
  t.effects.work_in_poll = base::milliseconds(11);
  t.on.turn(base::seconds(10));
  CHECK(t.on.counters().stalls == 1);
  REQUIRE(t.lines.size() == 1);
  CHECK(t.lines[0].find("in_poll=11000us") != std::string::npos);
}

TEST_CASE("core: a stall names the task that it began with, and adds up items and poll") {
  told_core t;
  scope tasks(t.on);
  t.effects.work_in_poll = base::milliseconds(6);
  tasks.spawn(take(&t.effects, {.works = base::milliseconds(6)}), "the slow one");
  t.on.turn(base::duration{});
  REQUIRE(t.lines.size() == 1);
  CHECK(t.lines[0].find("length=12000us") != std::string::npos);
  CHECK(t.lines[0].find("slowest_items=6000us") != std::string::npos);
  CHECK(t.lines[0].find("first=\"the slow one\"") != std::string::npos);
}

TEST_CASE("core: a stall says how long the thread had the processor, and whether it slept") {
  told_core t;
  scope tasks(t.on);
  const auto stalled = [&](stretch_of_work what) {
    tasks.spawn(take(&t.effects, what), "work");
    t.lines.clear();
    t.on.turn(base::seconds(10));
    return t.lines.size() == 1 ? t.lines[0] : "";
  };
  t.effects.wait_in_poll = base::microseconds(100);
  t.on.turn(base::seconds(10));  // a sleep before the turn is none in it
  CHECK(t.effects.use.sleeps == 1);
  CHECK(stalled({.works = base::milliseconds(6), .robbed = base::milliseconds(9)})
            .find("length=15000us on_cpu=6000us sleeps=0 ") != std::string::npos);
  CHECK(t.effects.use.sleeps == 1);  // the long turn did not wait behind its work
  CHECK(stalled({.works = base::milliseconds(2), .robbed = base::milliseconds(13), .sleeps = 3})
            .find("length=15000us on_cpu=2000us sleeps=3 ") != std::string::npos);
  CHECK(stalled({.works = base::milliseconds(15)}).find("length=15000us on_cpu=15000us sleeps=0 ") != std::string::npos);
  // What came up to a millisecond before a turn counts for it, but never for more than the turn is long.
  t.on.turn(base::seconds(10));
  t.effects.wait_in_poll = {};
  t.effects.work_in_poll = base::microseconds(400);
  t.on.turn(base::seconds(10));
  t.effects.work_in_poll = {};
  CHECK(stalled({.works = base::milliseconds(12)}).find("length=12000us on_cpu=12000us sleeps=0 ") != std::string::npos);
}

/// Takes a time, and notes that it ran.
struct slow_item final : ready_item {
  slow_item(told_backend& e, std::string& o, char n, base::duration l) : effects(e), order(o), name(n), length(l) {}
  told_backend& effects;
  std::string& order;
  const char name;
  const base::duration length;
  void run(core&) override {
    effects.work(length);
    order += name;
  }
};

TEST_CASE("core: a turn full of work ends after two milliseconds, and the next goes on with the rest") {
  told_core t;
  std::string order;
  std::deque<slow_item> items;
  for (const char name : std::string("abcdefghijklmnopqrst")) {
    items.emplace_back(t.effects, order, name, name < 'e' ? base::microseconds(1) : base::milliseconds(1));
    t.on.make_ready(items.back());
  }
  slow_item later(t.effects, order, '.', base::milliseconds(1));
  t.on.turn(base::duration{});
  // One, two and four items from look to look: the last of the four was the first look at slow ones.
  CHECK(order == "abcdefg");
  t.on.make_ready_next_turn(later);
  int turns = 1;
  for (; t.on.has_ready(); ++turns) {
    const base::instant begun = t.effects.time;
    t.on.turn(base::duration{});
    CHECK(t.effects.time - begun <= base::milliseconds(2));
  }
  CHECK(order == "abcdefghijklmnopqrst.");
  CHECK(turns == 1 + 7);
  CHECK(t.effects.polls == turns);
  CHECK(t.on.counters().stalls == 0);
}

TEST_CASE("core: a turn of slow items is noticed behind one of quick ones") {
  told_core t;
  std::string order;
  std::deque<slow_item> items;
  const auto turn_of = [&](const std::string& names, base::duration length) {
    for (const char name : names) t.on.make_ready(items.emplace_back(t.effects, order, name, length));
    t.on.turn(base::duration{});
  };
  turn_of("0123456789abcdefghijklmn", base::nanoseconds(100));
  CHECK(order == "0123456789abcdefghijklmn");
  order.clear();
  turn_of("ABCDEFGH", base::milliseconds(1));
  CHECK(order == "AB");
}

TEST_CASE("core: one that stops runs what is ready, however long that takes") {
  told_core t;
  std::string order;
  slow_item first(t.effects, order, 'a', base::milliseconds(3));
  slow_item second(t.effects, order, 'b', base::milliseconds(3));
  slow_item behind(t.effects, order, 'c', base::milliseconds(3));
  struct stopper final : ready_item {
    explicit stopper(slow_item& n) : next(n) {}
    slow_item& next;
    void run(core& on) override {
      on.stop();
      on.make_ready(next);
    }
  } stop(behind);
  t.on.make_ready(stop);
  t.on.make_ready(first);
  t.on.make_ready(second);
  t.on.run();
  CHECK(order == "abc");
}

/// Makes itself ready again and again.
struct restless_item final : ready_item {
  restless_item(told_backend& e, base::duration l) : effects(e), length(l) {}
  told_backend& effects;
  const base::duration length;
  void run(core& on) override {
    effects.work(length);
    on.make_ready(*this);
  }
};

TEST_CASE("core: tasks that wake each other do not hold a turn for ever, by time or by number") {
  const auto run_in_a_turn = [](base::duration length) {
    told_core t;
    restless_item one(t.effects, length);
    restless_item other(t.effects, length);
    t.on.make_ready(one);
    t.on.make_ready(other);
    t.on.turn(base::duration{});
    return t.on.counters().items_run;
  };
  CHECK(run_in_a_turn(base::microseconds(1)) == 2007);  // looks after 1, 3, 7, 15, 23...
  CHECK(run_in_a_turn(base::duration{}) == 16384);
}

TEST_CASE("core: hooks at the end of a turn belong to it, and a slow one is named") {
  told_core t;
  struct slow_hook final : turn_end_hook {
    explicit slow_hook(told_backend& e) : effects(e) {}
    told_backend& effects;
    void at_turn_end() override { effects.work(base::milliseconds(12)); }
  } hook(t.effects);
  t.on.at_turn_end(hook);
  t.on.turn(base::duration{});
  REQUIRE(t.lines.size() == 1);
  CHECK(t.lines[0].find("length=12000us") != std::string::npos);
  CHECK(t.lines[0].find("first=\"end of turn\"") != std::string::npos);
}

TEST_CASE("core: one that sleeps touches its memory bit by bit, one that soon has to do something does not") {
  told_core t(true, size_t{8} << 20);
  struct tick final : timer {
    void run(core&) override {}
  } soon;
  t.on.timers().arm(soon, t.on.now() + base::microseconds(300));
  t.on.turn(base::seconds(10));
  CHECK(t.pool->touched() == 0);
  t.on.timers().disarm(soon);
  t.effects.wait_in_poll = base::milliseconds(1);
  t.on.turn(base::seconds(10));
  CHECK(t.pool->touched() == size_t{2} << 20);
  for (int i = 0; i < 5; ++i) t.on.turn(base::seconds(10));
  CHECK(t.pool->touched() == t.pool->capacity());
}

TEST_CASE("core: the kernel counts what the thread used, and how often it slept") {
  auto world = test::one_core();
  const thread_use before = world->effects().used();
  for (int i = 0; i < 10'000'000 && world->effects().used().on_cpu - before.on_cpu < base::milliseconds(1); ++i) {
  }
  const thread_use worked = world->effects().used();
  CHECK(worked.on_cpu - before.on_cpu >= base::milliseconds(1));
  const base::instant begun = world->effects().clock();
  for (int i = 0; i < 20; ++i) world->on().turn(base::milliseconds(5));
  CHECK(world->effects().poll_slept());
  const thread_use waited = world->effects().used();
  CHECK(waited.sleeps > worked.sleeps);
  CHECK((waited.on_cpu - worked.on_cpu) * 2 < world->effects().clock() - begun);
  world->on().turn(base::duration{});
  CHECK_FALSE(world->effects().poll_slept());
}

TEST_CASE("core: operations are called by their kind") {
  auto world = test::one_core();
  const awaited_op reading(world->on(), op_kind::read);
  const awaited_op naming(world->on(), op_kind::rename);
  CHECK(std::string(reading.what()) == "read");
  CHECK(std::string(naming.what()) == "rename");
}

TEST_CASE("core: what the ring does within a poll is seen") {
  auto world = test::one_core();
  core& on = world->on();
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  const std::vector<char> bytes(size_t{128} << 10, 's');
  const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
  struct plain_send final : op {
    plain_send() : op(op_kind::send) {}
    void run(core&) override {}
  } sending;
  sending.handle = ends[0];
  sending.iov = &piece;
  sending.iov_count = 1;
  on.submit(sending);
  on.turn(base::duration{});
  CHECK(world->effects().poll_worked() > base::microseconds(5));
  CHECK(world->effects().poll_worked() < base::seconds(5));
  on.turn(base::milliseconds(50));
  CHECK(world->effects().poll_worked() < base::milliseconds(50));
  ::shutdown(ends[0], SHUT_RDWR);
  for (int i = 0; i < 100 && sending.in_flight; ++i) on.turn(base::milliseconds(5));
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace millrace::reactor
