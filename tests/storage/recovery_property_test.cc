#include <doctest/doctest.h>

#include <optional>

#include "reference_writer.hh"
#include "storage/recovery.hh"

/// Property: whatever groups there were and whatever of the last few reached the disk when the power went, recovery
/// yields the state behind some whole group, at or behind the last one that was complete with all before it.

namespace millrace::storage {
namespace {

using namespace test;

constexpr unsigned groups_in_flight_max = 3;
constexpr uint64_t record_bytes_most = 96 << 10;  ///< four logs, three batches under 4 KiB each, two blocks repeated

/// One random history with its end, from one seed.
struct history {
  explicit history(uint64_t seed) : random(seed), writer(4 * record_bytes_most + (random.below(40) << 12)) {
    const size_t logs = 1 + random.below(4);
    for (size_t i = 0; i < logs; ++i) writer.add_log(i + 1);
    fill_with_leftovers();
    writer.take_checkpoint();
    put_leftovers_back();
    const uint64_t complete = 1 + random.below(40);
    for (uint64_t i = 0; i < complete; ++i) add_group(writer.groups.size());
    acknowledged = writer.groups.size();
    const uint64_t in_flight = random.below(groups_in_flight_max + 1);
    for (uint64_t i = 0; i < in_flight && room(); ++i) add_group_in_flight();
    destage_some();
  }

  /// Recycled files: batches that fit to what the log goes on with.
  void fill_with_leftovers() {
    for (model_log& l : writer.logs) {
      std::vector<uint8_t> leftovers;
      for (int64_t first = 0; leftovers.size() < 300000; ++first) {
        const size_t payload = 200 + random.below(3000);
        const auto old = make_batch(first, 1, payload, 0xee);
        leftovers.insert(leftovers.end(), old.begin(), old.end());
      }
      leftovers.resize(block_floor(leftovers.size()));
      recycled[l.directory] = std::move(leftovers);
    }
  }
  void put_leftovers_back() {
    for (model_log& l : writer.logs) {
      if (!random.chance(0.5)) continue;
      l.active().file = recycled[l.directory];
      l.active().has_file = true;
    }
  }

  std::vector<part> random_parts() {
    std::vector<part> parts;
    for (size_t i = 0; i < writer.logs.size(); ++i) {
      if (!parts.empty() && random.chance(0.5)) continue;
      part p{.log = i};
      p.direct = random.chance(0.3);
      p.roll = random.chance(0.1);
      p.blocks_back = random.below(3);
      for (uint64_t n = 1 + random.below(3); n > 0; --n) {
        const auto fill = static_cast<uint8_t>(random.next());
        const auto records = static_cast<int32_t>(1 + random.below(9));
        const size_t payload = random.below(4000);
        p.batches.push_back(make_batch(0, records, payload, fill));
      }
      parts.push_back(std::move(p));
    }
    return parts;
  }

  /// Whether the ring has room for one more group before the oldest that is needed.
  bool room() const {
    uint64_t used = 0;
    for (size_t i = writer.checkpointed_groups; i < writer.groups.size(); ++i) used += writer.groups[i].record.size();
    // The end of the ring may be skipped by the new one, and was by one before it.
    return used + 3 * record_bytes_most <= writer.commit.size() - commit_ring_begin;
  }

  void add_group(uint64_t known_durable) {
    if (!room() || random.chance(0.05)) writer.take_checkpoint();
    writer.append(random_parts(), known_durable - random.below(std::min<uint64_t>(known_durable, 3) + 1));
    writer.complete(writer.groups.back());
  }

  /// Nobody knows it durable; of its writes any sectors are on the disk.
  void add_group_in_flight() {
    writer.append(random_parts(), acknowledged - random.below(std::min<uint64_t>(acknowledged, 3) + 1));
    const model_group& g = writer.groups.back();
    const double kept = random.chance(0.3) ? 1.0 : random.chance(0.3) ? 0.0 : random.unit();
    for (size_t at = 0; at < g.record.size(); at += 512) {
      if (!random.chance(kept)) continue;
      std::copy_n(g.record.begin() + static_cast<ptrdiff_t>(at), 512,
                  writer.commit.begin() + static_cast<ptrdiff_t>(g.position + at));
    }
    for (const auto& d : g.directs) {
      auto& s = writer.logs[d.log].segments[d.segment];
      for (uint64_t at = d.begin; at < d.end; at += 512) {
        if (!random.chance(kept)) continue;
        s.has_file = true;
        if (s.file.size() < at + 512) s.file.resize(block_ceil(at + 512));
        std::copy_n(s.truth.begin() + static_cast<ptrdiff_t>(at), 512, s.file.begin() + static_cast<ptrdiff_t>(at));
      }
    }
  }

  /// Behind the checkpoint some whole blocks are in segments already.
  void destage_some() {
    for (size_t i = 0; i < writer.logs.size(); ++i) {
      const log_point end = acknowledged == 0 ? log_point{} : writer.groups[acknowledged - 1].ends[i];
      for (auto& s : writer.logs[i].segments) {
        if (base::offset(s.base) > end.segment || !random.chance(0.3)) continue;
        const uint64_t size = base::offset(s.base) == end.segment ? end.position : s.truth.size();
        const uint64_t blocks = size / block_bytes;
        if (blocks > 0) model_log::write(s, 0, random.below(blocks + 1) * block_bytes);
      }
    }
  }

  /// The number of the group behind which the recovered logs stand; nothing where they stand behind none.
  std::optional<size_t> place_of(const recovered& found) const {
    for (size_t n = acknowledged; n <= writer.groups.size(); ++n) {
      bool all = true;
      for (size_t i = 0; i < writer.logs.size(); ++i) {
        const log_point want = n == 0 ? log_point{} : writer.groups[n - 1].ends[i];
        const log_state* l = nullptr;
        for (const log_state& one : found.logs) {
          if (one.id == writer.logs[i].id) l = &one;
        }
        // A roll and the first batch behind it are one step: a group that only another log is in leaves this one alone.
        all = all && l != nullptr && l->end == want && l->damage.empty();
      }
      if (all) return n;
    }
    return std::nullopt;
  }

  base::prng random;
  reference_writer writer;
  uint64_t acknowledged = 0;
  std::map<std::string, std::vector<uint8_t>> recycled;
};

void check_recovered(history& h, sim::node& n, const base::result<recovered>& found) {
  REQUIRE(found);
  CHECK(h.place_of(*found).has_value());
  for (const log_state& l : found->logs) {
    for (const model_log& m : h.writer.logs) {
      if (m.id == l.id) CHECK(holds(n.disk(), m, l.end));
    }
  }
}

TEST_CASE("recovery: yields whole groups, all acknowledged ones among them") {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    history h(seed);
    sim::world w(seed);
    sim::node& n = w.add_node();
    h.writer.put(n.disk());
    const auto found = w.run(n, 0, recover(n.core(), data_dir));
    check_recovered(h, n, found);
  }
}

TEST_CASE("recovery: with hardly any memory it finds the same") {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    history h(seed);
    sim::world w(seed);
    sim::node& n = w.add_node();
    h.writer.put(n.disk());
    const auto found = w.run(n, 0, recover(n.core(), data_dir, seed % 3 * 8192));
    check_recovered(h, n, found);
  }
}

TEST_CASE("recovery: cut short anywhere and run again it finds no less") {
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    history h(seed * 7919);
    sim::world undisturbed(seed);
    sim::node& whole = undisturbed.add_node();
    h.writer.put(whole.disk());
    const auto expected = undisturbed.run(whole, 0, recover(whole.core(), data_dir));
    check_recovered(h, whole, expected);

    sim::world w(seed);
    sim::node& n = w.add_node();
    h.writer.put(n.disk());
    base::prng random(seed);
    base::result<recovered> found = base::fail(base::errc::canceled);
    for (unsigned crashes = 0; !found; ++crashes) {
      auto running = w.start(n, 0, recover(n.core(), data_dir, seed % 2 == 0 ? 0 : 64u << 20));
      // After some cuts it is left alone.
      const uint64_t turns = crashes < 6 ? random.below(undisturbed.turns() + 1) : UINT64_MAX;
      const base::instant horizon = w.now() + base::seconds(100);
      for (uint64_t i = 0; i < turns && !running->done(); ++i) REQUIRE(w.step(horizon));
      if (running->done()) {
        found = running->take();
        REQUIRE(found);
      } else {
        w.crash(n);
        running->abandon();
        w.restart(n, 1);
      }
    }
    check_recovered(h, n, found);
    // More, where a run that was cut short wrote blocks that a group in flight repeats and had not written itself yet: all
    // its bytes are there then, and nobody was told that it is lost.
    REQUIRE(h.place_of(*found).has_value());
    CHECK(*h.place_of(*found) >= *h.place_of(*expected));
  }
}

}  // namespace
}  // namespace millrace::storage
