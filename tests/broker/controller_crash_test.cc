#include <doctest/doctest.h>

#include <map>

#include "broker_node.hh"

/// The power goes while topics come, grow, change and go. After it the catalog is the one of some
/// moment: with all that was answered, and at most the one change that was not.

namespace millrace::broker {
namespace {

using namespace test;

/// A topic as a client knows it.
struct known_topic {
  base::uuid id;
  size_t partitions = 0;
  std::string segment_ms;
  friend bool operator==(const known_topic&, const known_topic&) = default;
};
using known_topics = std::map<std::string, known_topic>;

known_topics topics_of(const snapshot& seen) {
  known_topics all;
  for (const topic_info* t : seen.topics) {
    const auto own = t->config.overrides.find("segment.ms");
    all[t->kafka_name] = {t->id, t->partitions.size(), own == t->config.overrides.end() ? "" : own->second};
  }
  return all;
}

struct history {
  known_topics answered;
  /// What the change in progress makes of it; ids of new topics are not known before they are
  /// answered.
  known_topics wanted;
};

/// One change after the other for ever, drawn.
reactor::task<void> change_for_ever(broker_node* b, unsigned core, base::prng random, history* h) {
  reactor::core& here = b->n.core(core);
  while (true) {
    const std::string name = numbered("t", random.below(4));
    const auto known = h->answered.find(name);
    h->wanted = h->answered;
    known_topic& target = h->wanted[name];
    base::result<admin_outcomes> done = admin_outcomes();
    if (known == h->answered.end()) {
      target.partitions = 1 + random.below(5);
      std::vector<new_topic> asked(1);
      asked[0].name = name;
      asked[0].partitions = static_cast<int32_t>(target.partitions);
      done = co_await b->control->create_topics(here, std::move(asked), false);
      ASSERT(done && !done->front().error);
      target.id = done->front().topic_id;
    } else if (random.chance(0.4)) {
      std::vector<base::uuid> ids{known->second.id};
      h->wanted.erase(name);
      done = co_await b->control->delete_topics(here, std::move(ids));
    } else if (random.chance(0.5)) {
      target.partitions += 1 + random.below(3);
      std::vector<partition_growth> asked(1);
      asked[0].topic = name;
      asked[0].total = static_cast<int32_t>(target.partitions);
      done = co_await b->control->create_partitions(here, std::move(asked), false);
    } else {
      target.segment_ms = std::to_string(1 + random.below(1000));
      std::vector<topic_alteration> asked(1);
      asked[0].topic = name;
      asked[0].changes.push_back({"segment.ms", config_op::set, target.segment_ms});
      done = co_await b->control->alter_topics(here, std::move(asked), false);
    }
    ASSERT(done && !done->front().error);
    h->answered = h->wanted;
  }
}

/// The id of a topic whose making was not answered may be any.
bool is_wanted(known_topics found, const known_topics& wanted) {
  for (auto& [name, t] : found) {
    const auto w = wanted.find(name);
    if (w != wanted.end() && w->second.id.is_zero()) t.id = {};
  }
  return found == wanted;
}

}  // namespace

TEST_CASE("controller: after a power cut the catalog has what was answered, and every partition lives") {
  size_t cut_short = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    const unsigned cores = seed % 2 == 0 ? 1 : 3;
    broker_node b(seed, cores);
    base::prng random = b.w.stream("changes");
    history h;
    for (int round = 0; round < 4; ++round) {
      const base::result<void> started = b.start();
      REQUIRE(started);
      const known_topics found = topics_of(b.seen());
      CHECK((found == h.answered || is_wanted(found, h.wanted)));
      if (found != h.answered) ++cut_short;
      CHECK(b.all_partitions_live());
      h.answered = h.wanted = found;
      {
        const unsigned core = static_cast<unsigned>(random.below(b.n.core_count()));
        auto task = b.w.start(b.n, core, change_for_ever(&b, core, random.split(static_cast<uint64_t>(round)), &h));
        b.w.run_for(base::microseconds(random.between(100, 60000)));
        const bool power = random.chance(0.7);
        b.w.crash(b.n, {.kind = power ? sim::crash_kind::power : sim::crash_kind::process});
        task->abandon();
      }
      b.crash();
      b.rebuild(1 + static_cast<unsigned>(random.below(cores)));
      if (random.chance(0.3)) {
        // And again while it starts.
        auto starting = b.start_slowly();
        b.w.run_for(base::microseconds(random.between(100, 20000)));
        b.w.crash(b.n);
        starting->abandon();
        b.crash();
        b.rebuild(cores);
      }
    }
  }
  CHECK(cut_short > 0);
}

}  // namespace millrace::broker
