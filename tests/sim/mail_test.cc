#include <doctest/doctest.h>

#include <deque>
#include <vector>

#include "helpers.hh"

using namespace millrace;
using sim::world;

namespace {

struct letter final : reactor::mail {
  void run(reactor::core&) override { log->push_back({from, number}); }
  std::vector<std::pair<unsigned, int>>* log = nullptr;
  unsigned from = 0;
  int number = 0;
};

/// Posts a letter in each of its turns.
struct writer final : reactor::ready_item {
  writer(reactor::core& on, base::core_id to, std::vector<std::pair<unsigned, int>>& log) : target(to) {
    for (int i = 0; i < 200; ++i) {
      letters.emplace_back();
      letters.back().log = &log;
      letters.back().from = on.id().value();
      letters.back().number = i;
    }
    on.make_ready(*this);
  }
  void run(reactor::core& on) override {
    on.post(target, letters[next++]);
    if (next < letters.size()) on.make_ready(*this);
  }
  base::core_id target;
  std::deque<letter> letters;
  size_t next = 0;
};

}  // namespace

TEST_CASE("mail: from one core to one other it arrives in order; from several it mixes") {
  bool mixed = false;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    world w(seed);
    sim::node& n = w.add_node(3);
    std::vector<std::pair<unsigned, int>> log;
    writer one(n.core(0), base::core_id(2), log);
    writer two(n.core(1), base::core_id(2), log);
    REQUIRE(w.run_until([&] { return log.size() == 400; }, base::seconds(10)));
    int next[2] = {0, 0};
    for (const auto& [from, number] : log) CHECK(number == next[from]++);
    for (size_t i = 1; i < 100; ++i) mixed = mixed || log[i].first != log[i - 1].first;
  }
  CHECK(mixed);
}

TEST_CASE("mail: what finds the ring full waits at its sender, and comes in order") {
  world w(1);
  sim::node& n = w.add_node(2);
  std::vector<std::pair<unsigned, int>> log;
  std::deque<letter> letters(3 * sim::sim_backend::mail_ring);
  for (size_t i = 0; i < letters.size(); ++i) {
    letters[i].log = &log;
    letters[i].number = static_cast<int>(i);
    n.core(0).post(base::core_id(1), letters[i]);
  }
  REQUIRE(w.run_until([&] { return log.size() == letters.size(); }, base::seconds(10)));
  for (size_t i = 0; i < log.size(); ++i) CHECK(log[i].second == static_cast<int>(i));
  for (letter& l : letters) n.core(0).post(base::core_id(1), l);
  w.crash(n);
  for (letter& l : letters) CHECK_FALSE(l.linked());
}
