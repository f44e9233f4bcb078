#include "reactor/machine.hh"

#include <sys/resource.h>

#include <thread>

#include "support.hh"

namespace millrace::reactor {
namespace {

class idle_program final : public core_program {
 public:
  void start(core& on) override {
    ++started;
    options_seen = on.core_count();
  }
  void finish(core& on) override {
    ++finished;
    turns += on.counters().turns;
  }
  std::atomic<int> started{0};
  std::atomic<int> finished{0};
  std::atomic<unsigned> options_seen{0};
  std::atomic<uint64_t> turns{0};
};

machine_options small(std::vector<unsigned> cpus) {
  machine_options options;
  options.cpus = std::move(cpus);
  options.memory_bytes = size_t{8} << 20;
  options.touched_at_start = size_t{2} << 20;
  options.ring = test::small_ring();
  return options;
}

TEST_CASE("machine: starts every core once, stops when asked, ends every core once") {
  idle_program program;
  {
    machine cores(small({0, 0, 0}), program);
    REQUIRE(cores.start().ok());
    CHECK(program.started == 3);
    CHECK(program.options_seen == 3);
    cores.request_stop();
    cores.request_stop();
    cores.join();
  }
  CHECK(program.finished == 3);
}

TEST_CASE("machine: the kernel's workers run where the process may, beside the reactors if they can") {
  const auto set = [](std::vector<unsigned> cpus) {
    cpu_set_t made;
    CPU_ZERO(&made);
    for (const unsigned cpu : cpus) CPU_SET(cpu, &made);
    return made;
  };
  const auto same = [](const cpu_set_t& a, const cpu_set_t& b) { return CPU_EQUAL(&a, &b) != 0; };
  CHECK(same(worker_cpus(set({0, 1, 2, 3}), {0, 1}), set({2, 3})));
  CHECK(same(worker_cpus(set({1}), {1}), set({1})));
  CHECK(same(worker_cpus(set({2, 5}), {5, 5}), set({2})));
  CHECK(same(worker_cpus(set({2, 5}), {5, 2, 100000}), set({2, 5})));
}

TEST_CASE("machine: a processor that is not there, and too little memory, are errors and nothing runs") {
  idle_program program;
  {
    machine cores(small({0, 1000}), program);
    const base::result<void> started = cores.start();
    REQUIRE_FALSE(started.ok());
    CHECK(started.error().code == base::errc::invalid_config);
  }
  machine_options tight = small({0});
  tight.ring.receive_buffers = 1024;
  tight.ring.receive_buffer_bytes = 65536;
  machine cores(std::move(tight), program);
  const base::result<void> started = cores.start();
  REQUIRE_FALSE(started.ok());
  CHECK(started.error().code == base::errc::no_memory);
  CHECK(program.started == 0);
  CHECK(program.finished == 0);
}

TEST_CASE("machine: mail from outside runs on its core") {
  struct letter final : mail {
    std::atomic<bool> ran{false};
    std::atomic<uint32_t> where{99};
    void run(core& on) override {
      where = on.id().value();
      ran = true;
      ran.notify_all();
    }
  };
  idle_program program;
  machine cores(small({0, 0}), program);
  REQUIRE(cores.start().ok());
  for (int i = 0; i < 20; ++i) {
    letter m;
    cores.post_from_outside(base::core_id(1), m);
    m.ran.wait(false);
    CHECK(m.where == 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(i % 3));
  }
}

TEST_CASE("machine: what an idle core costs, printed") {
  idle_program program;
  machine cores(small({0}), program);
  REQUIRE(cores.start().ok());
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // memory is touched in idle turns
  const auto cpu_us = [] {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
  };
  const auto before = cpu_us();
  std::this_thread::sleep_for(std::chrono::milliseconds(1000));
  const auto used = cpu_us() - before;
  cores.request_stop();
  cores.join();
  MESSAGE("an idle core used ", used, " us of a second");
  CHECK(program.turns < 1000);
}

}  // namespace
}  // namespace millrace::reactor
