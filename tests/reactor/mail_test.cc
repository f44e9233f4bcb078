#include <array>
#include <thread>
#include <vector>

#include "reactor/call.hh"
#include "reactor/machine.hh"
#include "reactor/wait.hh"
#include "support.hh"

namespace millrace::reactor {
namespace {

/// A ball that goes to and fro; its fields cross threads by the mail alone.
struct ball final : mail {
  uint64_t hits = 0;
  uint64_t last = 0;
  class game* owner = nullptr;
  void run(core& on) override;
};

class game final : public core_program {
 public:
  game(unsigned cores, uint64_t hits) : cores_(cores), hits_max_(hits), balls(cores * 32) {}
  void start(core& on) override {
    for (unsigned i = 0; i < 32; ++i) {
      ball& b = balls[on.id().value() * 32 + i];
      b.owner = this;
      on.make_ready(b);
    }
  }
  void hit(core& on, ball& b) {
    if (b.hits == hits_max_) {
      if (left_.fetch_sub(1) == 1) finished.store(true), finished.notify_all();
      return;
    }
    ++b.hits;
    b.last = b.last * 31 + on.id().value();
    on.post(base::core_id((on.id().value() + 1) % cores_), b);
  }
  std::atomic<bool> finished{false};
  const unsigned cores_;
  const uint64_t hits_max_;
  std::vector<ball> balls;

 private:
  std::atomic<uint64_t> left_{uint64_t{cores_} * 32};
};

void ball::run(core& on) { owner->hit(on, *this); }

machine_options two_cores() {
  machine_options options;
  options.cpus = {0, std::thread::hardware_concurrency() > 1 ? 1u : 0u};
  options.memory_bytes = size_t{8} << 20;
  options.touched_at_start = size_t{2} << 20;
  options.ring = test::small_ring();
  return options;
}

TEST_CASE("mail: goes to and fro between cores, none is lost, none comes twice") {
  game play(2, 2000);
  machine cores(two_cores(), play);
  REQUIRE(cores.start().ok());
  play.finished.wait(false);
  cores.request_stop();
  cores.join();
  for (const ball& b : play.balls) {
    CHECK(b.hits == 2000);
    uint64_t want[2] = {};
    for (uint64_t start = 0; start < 2; ++start) {
      for (uint64_t i = 0; i < 2000; ++i) want[start] = want[start] * 31 + (start + i) % 2;
    }
    CHECK((b.last == want[0] || b.last == want[1]));
  }
}

/// Posts numbered mail; the other side checks that it comes in order, with sleeps between so that
/// wakes are needed.
class stream final : public core_program {
 public:
  static constexpr uint32_t count = 400;
  struct letter final : mail {
    stream* owner = nullptr;
    uint32_t number = 0;
    void run(core&) override { owner->got(number); }
  };
  void start(core& on) override {
    if (on.id().value() != 0) return;
    for (uint32_t i = 0; i < count; ++i) {
      letters_[i].owner = this;
      letters_[i].number = i;
    }
    tasks_ = std::make_unique<scope>(on);
    tasks_->spawn(send(on));
  }
  void finish(core& on) override {
    if (on.id().value() == 0) tasks_.reset();
  }
  void got(uint32_t number) {
    in_order = in_order && number == next_;
    if (++next_ == count) finished.store(true), finished.notify_all();
  }
  std::atomic<bool> finished{false};
  bool in_order = true;  // read after join

 private:
  task<void> send(core& on) {
    for (uint32_t i = 0; i < count; ++i) {
      on.post(base::core_id(1), letters_[i]);
      if (i % 8 == 0) co_await sleep(on, base::milliseconds(i % 3));
    }
  }
  std::array<letter, count> letters_;
  std::unique_ptr<scope> tasks_;
  uint32_t next_ = 0;
};

TEST_CASE("mail: arrives in order and wakes a core that sleeps") {
  stream work;
  machine cores(two_cores(), work);
  REQUIRE(cores.start().ok());
  work.finished.wait(false);
  cores.request_stop();
  cores.join();
  CHECK(work.in_order);
}

/// Far more than a ring holds, posted in one turn, while mail of the other direction goes on.
class flood final : public core_program {
 public:
  static constexpr size_t count = 5 * base::mail_ring_slots;
  struct letter final : mail {
    flood* owner = nullptr;
    size_t number = 0;
    bool back = false;
    void run(core& on) override { owner->got(on, *this); }
  };
  struct beginning final : ready_item {
    flood* owner = nullptr;
    void run(core& on) override {
      for (letter& l : owner->letters_) on.post(base::core_id(1), l);
    }
  };
  void start(core& on) override {
    if (on.id().value() != 0) return;
    for (size_t i = 0; i < count; ++i) {
      letters_[i].owner = this;
      letters_[i].number = i;
    }
    begin_.owner = this;
    on.make_ready(begin_);
  }
  void got(core& on, letter& l) {
    size_t& next = next_[on.id().value()];
    in_order[on.id().value()] = in_order[on.id().value()] && l.number == next;
    ++next;
    if (!l.back) {
      l.back = true;
      on.post(base::core_id(0), l);
    } else if (next == count) {
      finished.store(true), finished.notify_all();
    }
  }
  std::atomic<bool> finished{false};
  std::array<bool, 2> in_order{true, true};  // read after join

 private:
  std::array<letter, count> letters_;
  std::array<size_t, 2> next_{};  // by core, which touches only its own
  beginning begin_;
};

TEST_CASE("mail: more than a ring holds waits at its sender and arrives in order, there and back") {
  const auto work = std::make_unique<flood>();
  machine cores(two_cores(), *work);
  REQUIRE(cores.start().ok());
  work->finished.wait(false);
  cores.request_stop();
  cores.join();
  CHECK(work->in_order[0]);
  CHECK(work->in_order[1]);
}

task<base::result<int>> twice(core& there, int value) {
  co_await next_turn(there);
  co_return value * 2;
}

class callers final : public core_program {
 public:
  void start(core& on) override {
    scopes[on.id().value()] = std::make_unique<scope>(on);
    if (on.id().value() == 0) own_ = std::make_unique<scope>(on);
    if (++started_ == 2) on.post(base::core_id(0), begin_);
  }
  void finish(core& on) override {
    scopes[on.id().value()].reset();
    if (on.id().value() == 0) own_.reset();
  }
  task<void> work(core& here) {
    const base::core_id other(1);
    int sum = 0;
    for (int i = 0; i < 200; ++i) {
      const int got =
          co_await call_on(here, other, [i](core& there) { return i * 10 + static_cast<int>(there.id().value()); });
      sum += got - i * 10;
    }
    counted = sum;
    co_await call_on(here, other, [this](core&) { touched_there = true; });
    const uint32_t self = co_await call_on(here, here.id(), [](core& there) { return there.id().value(); });
    own = self == 0;
    const base::result<int> doubled =
        co_await call_task_on(here, other, *scopes[1], [](core& there) { return twice(there, 21); });
    answer = doubled.ok() ? *doubled : -1;
    const base::result<int> closed =
        co_await call_task_on(here, other, *scopes[1], [this](core& there) { return close_there(there); });
    CHECK(closed.ok());
    finished.store(true);
    finished.notify_all();
  }
  task<base::result<int>> close_there(core&) { co_return 0; }

  std::array<std::unique_ptr<scope>, 2> scopes;
  int counted = 0;
  bool touched_there = false;
  bool own = false;
  int answer = 0;
  std::atomic<bool> finished{false};

 private:
  struct beginning final : mail {
    explicit beginning(callers& c) : owner(c) {}
    void run(core& on) override { owner.own_->spawn(owner.work(on)); }
    callers& owner;
  };
  beginning begin_{*this};
  std::unique_ptr<scope> own_;
  std::atomic<int> started_{0};
};

TEST_CASE("call: a function and a task run on the other core and their values come home") {
  callers work;
  machine cores(two_cores(), work);
  REQUIRE(cores.start().ok());
  work.finished.wait(false);
  cores.request_stop();
  cores.join();
  CHECK(work.counted == 200);
  CHECK(work.touched_there);
  CHECK(work.own);
  CHECK(work.answer == 42);
}

task<base::result<int>> never_run(core&) { co_return 1; }

task<void> closed_call(core& here, scope& there, base::error& got) {
  const base::result<int> refused = co_await call_task_on(here, here.id(), there, [](core& on) { return never_run(on); });
  got = refused.ok() ? base::error{base::errc::busy} : refused.error();
}

task<void> close_scope(scope& s) { co_await s.close(); }

TEST_CASE("call: a scope that closes answers instead of running the task") {
  auto world = test::one_core();
  scope there(world->on());
  world->run(close_scope(there));
  base::error got{base::errc::busy};
  world->run(closed_call(world->on(), there, got));
  CHECK(got.code == base::errc::closed);
}

}  // namespace
}  // namespace millrace::reactor
