#include "reactor/core.hh"

#include <sys/socket.h>

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

  void submit(op&) override {}
  void cancel(op&) override {}
  void poll(ready_list&, base::instant) override { time = time + work_in_poll + wait_in_poll; }
  base::duration poll_worked() const noexcept override { return work_in_poll; }
  base::instant clock() override { return time; }
  base::unix_ms wall_clock() override { return 0; }
  uint64_t entropy() override { return 1; }
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

task<void> take(told_backend* effects, base::duration length) {
  effects->time = effects->time + length;
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
  tasks.spawn(take(&t.effects, base::milliseconds(6)), "the slow one");
  t.on.turn(base::duration{});
  REQUIRE(t.lines.size() == 1);
  CHECK(t.lines[0].find("length=12000us") != std::string::npos);
  CHECK(t.lines[0].find("slowest_items=6000us") != std::string::npos);
  CHECK(t.lines[0].find("first=\"the slow one\"") != std::string::npos);
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
