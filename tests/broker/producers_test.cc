#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <set>

#include "appending.hh"
#include "broker/catalog/producer_ids.hh"
#include "broker_node.hh"
#include "numbered_batch.hh"
#include "storage/layout.hh"

/// Idempotent producers over real logs in the world: repeats while the first copy is on its way, and after every kind of
/// ending.

namespace millrace::broker {
namespace {

using base::errc;
using namespace test;

struct fixture {
  explicit fixture(uint64_t seed, sim::world_options how = {}, unsigned cores = 1) : b(seed, cores, how) {
    b.producers.unkept_bytes_max = 64 << 10;
    b.rebuild(cores);
    REQUIRE(b.start());
    REQUIRE_FALSE(b.create({.name = "t", .partitions = 1, .assignment = {}, .configs = {}}).error);
  }
  const partition_info& where() const { return b.seen().find("t")->partitions[0]; }
  partition& live() { return *b.brokers[where().owner.value()]->find(where().id); }

  void send(appending& a) { b.brokers[0]->send(a, where().owner); }
  /// The base offset that is answered; its error's code, negative, where it is refused.
  int64_t append(const numbers& n, size_t value_bytes = 10) {
    appending a(where().id, numbered_batch(n, base::offset{0}, value_bytes));
    send(a);
    REQUIRE(b.w.run_until([&] { return a.done; }, base::seconds(5)));
    return a.part.failed ? -static_cast<int64_t>(a.part.why.code) : a.part.first.value();
  }
  void end(int how, unsigned cores = 1) {
    if (how == 0) {
      REQUIRE(b.stop());
    } else {
      b.crash({.kind = how == 1 ? sim::crash_kind::process : sim::crash_kind::power});
    }
    b.rebuild(cores);
    REQUIRE(b.start());
  }
  std::string snapshot_file() {
    return storage::layout::producers_file(storage::layout::log_directory(data_dir, live().log().directory()));
  }
  bool has_snapshot() { return b.n.core().effects().size_of(snapshot_file()).ok(); }

  broker_node b;
};

int64_t refusal(errc code) { return -static_cast<int64_t>(code); }

}  // namespace

TEST_CASE("producers: a repeat is answered with the first copy's offset, and there is one copy") {
  fixture f(1);
  CHECK(f.append({.first = 0, .count = 2}) == 0);
  CHECK(f.append({.first = 2}) == 2);
  CHECK(f.append({.first = 0, .count = 2}) == 0);
  CHECK(f.append({.first = 2}) == 2);
  CHECK(f.append({.first = 4}) == refusal(errc::out_of_order_sequence));
  CHECK(f.append({.first = 3}) == 3);
  CHECK(f.live().high_watermark() == base::offset(4));
}

TEST_CASE("producers: repeats of what is on its way wait for the disk as the first copies do") {
  sim::world_options slow;
  slow.disk.write.least = base::milliseconds(20);
  slow.disk.write.most = base::milliseconds(30);
  fixture f(2, slow);
  CHECK(f.append({.first = 0}) == 0);
  std::deque<appending> sent;
  for (const int32_t first : {1, 2, 3, 1, 2, 3, 1}) {
    sent.emplace_back(f.where().id, numbered_batch({.first = first}));
    f.send(sent.back());
  }
  // Answered at once, since nobody waits for it.
  appending unasked(f.where().id, numbered_batch({.first = 2}), 0);
  f.send(unasked);
  CHECK(unasked.done);
  f.b.w.run_for(base::milliseconds(1));
  for (const appending& a : sent) CHECK_FALSE(a.done);
  REQUIRE(f.b.w.run_until([&] { return std::ranges::all_of(sent, [](const appending& a) { return a.done; }); },
                          base::seconds(5)));
  const int64_t offsets[] = {1, 2, 3, 1, 2, 3, 1};
  for (size_t i = 0; i < sent.size(); ++i) CHECK(sent[i].part.first.value() == offsets[i]);
  CHECK(f.live().high_watermark() == base::offset(4));
}

TEST_CASE("producers: a repeat whose first copy never came to the disk is not acknowledged") {
  fixture f(3);
  CHECK(f.append({.first = 0}) == 0);
  f.b.n.disk().add_rule({.kind = reactor::op_kind::write, .path_part = "commit/"});
  std::deque<appending> sent;
  for (int i = 0; i < 2; ++i) {
    sent.emplace_back(f.where().id, numbered_batch({.first = 1}));
    f.send(sent.back());
  }
  REQUIRE(f.b.w.run_until([&] { return sent[0].done && sent[1].done; }, base::seconds(10)));
  for (const appending& a : sent) CHECK(a.part.failed);
  // Nor one that comes when the log is offline: nobody will ever answer the first copy.
  CHECK(f.append({.first = 1}) == refusal(errc::storage));
  f.b.n.disk().clear_rules();
}

TEST_CASE("producers: a damaged repeat is damage, not a repeat") {
  fixture f(4);
  CHECK(f.append({.first = 0}) == 0);
  for (const int32_t first : {0, 9}) {
    std::vector<uint8_t> bytes = numbered_batch({.first = first});
    bytes.back() ^= 1;
    appending a(f.where().id, bytes);
    f.send(a);
    REQUIRE(a.done);
    CHECK(a.part.why.code == errc::corrupt);
  }
}

TEST_CASE("producers: all five batches of each are known after a stop, a kill and a power cut, on any number of cores") {
  for (int how = 0; how < 3; ++how) {
    CAPTURE(how);
    fixture f(10 + static_cast<uint64_t>(how));
    int64_t offset = 0;
    for (int32_t i = 0; i < 8; ++i) {
      CHECK(f.append({.id = 3, .first = i}) == offset++);
      CHECK(f.append({.id = 4, .epoch = 1, .first = i}) == offset++);
    }
    for (const unsigned cores : {2u, 1u}) {
      f.end(how, cores);
      for (int32_t i = 3; i < 8; ++i) {
        CHECK(f.append({.id = 3, .first = i}) == 2 * i);
        CHECK(f.append({.id = 4, .epoch = 1, .first = i}) == 2 * i + 1);
      }
      CHECK(f.append({.id = 3, .first = 2}) == refusal(errc::out_of_order_sequence));
      CHECK(f.append({.id = 4, .epoch = 0, .first = 0}) == refusal(errc::invalid_producer_epoch));
      CHECK(f.live().high_watermark() == base::offset(offset));
    }
    CHECK(f.append({.id = 3, .first = 8}) == offset);
  }
}

TEST_CASE("producers: snapshots come as the log grows, and what came after one is read again") {
  for (int how = 1; how < 3; ++how) {
    CAPTURE(how);
    fixture f(20 + static_cast<uint64_t>(how));
    CHECK_FALSE(f.has_snapshot());
    int32_t sequence = 0;
    for (; sequence < 40; ++sequence) CHECK(f.append({.first = sequence}, 4000) == sequence);
    REQUIRE(f.b.w.run_until([&] { return f.live().log().producers_from() > base::offset(10); }, base::seconds(5)));
    CHECK(f.has_snapshot());
    for (; sequence < 43; ++sequence) CHECK(f.append({.first = sequence}) == sequence);
    f.end(how);
    for (int32_t i = sequence - 5; i < sequence; ++i) CHECK(f.append({.first = i}) == i);
    CHECK(f.append({.first = sequence}) == sequence);
  }
}

TEST_CASE("producers: after a clean stop nothing is read again, and a log without producers has no snapshot") {
  fixture f(30);
  for (int i = 0; i < 5; ++i) CHECK(f.append({.id = -1, .epoch = -1, .first = -1}) == i);
  f.end(0);
  CHECK_FALSE(f.has_snapshot());
  CHECK(f.live().log().producers_from() == f.live().log().end());
  CHECK(f.append({.first = 0}) == 5);
  f.end(0);
  CHECK(f.has_snapshot());
  CHECK(f.live().log().producers_from() == f.live().log().end());
}

TEST_CASE("producers: a stop while a snapshot is written leaves nothing to be read again") {
  fixture f(31);
  f.b.n.disk().add_rule(
      {.kind = reactor::op_kind::sync, .path_part = "producers", .error = 0, .delay = base::milliseconds(500)});
  for (int32_t i = 0; i < 22; ++i) CHECK(f.append({.first = i}, 4000) == i);
  CHECK(f.live().producers().being_kept);
  f.end(0);
  CHECK(f.live().log().producers_from() == base::offset(22));
  for (int32_t i = 17; i < 22; ++i) CHECK(f.append({.first = i}, 4000) == i);
}

TEST_CASE("producers: what a log lost is in no snapshot, also where the log has grown past it since") {
  fixture f(32);
  for (int32_t i = 0; i < 5; ++i) CHECK(f.append({.first = i}) == i);
  f.b.n.disk().add_rule({.kind = reactor::op_kind::write, .path_part = "commit/", .error = 0, .delay = base::seconds(5)});
  std::deque<appending> lost;
  for (int32_t i = 5; i < 30; ++i) {
    lost.emplace_back(f.where().id, numbered_batch({.first = i}, base::offset{0}, 4000));
    f.send(lost.back());
  }
  f.b.w.run_for(base::seconds(1));
  for (const appending& a : lost) CHECK_FALSE(a.done);
  f.b.n.disk().clear_rules();
  f.b.crash({.kind = sim::crash_kind::power, .keep = 0});
  f.b.rebuild(1);
  REQUIRE(f.b.start());
  for (int32_t i = 0; i < 40; ++i) CHECK(f.append({.id = 7, .first = i}) == 5 + i);
  f.end(1);
  CHECK(f.append({.first = 29}) == refusal(errc::out_of_order_sequence));
  CHECK(f.append({.first = 5}) == 45);
}

TEST_CASE("producers: a snapshot that is damaged is made up for by reading the whole log") {
  fixture f(40);
  for (int32_t i = 0; i < 3; ++i) CHECK(f.append({.first = i}) == i);
  const std::string file = f.snapshot_file();
  REQUIRE(f.b.stop());
  REQUIRE(f.b.n.disk().corrupt(file, 40, 1, sim::damage::flip_bit));
  f.b.rebuild(1);
  REQUIRE(f.b.start());
  CHECK(f.append({.first = 0}) == 0);
  CHECK(f.append({.first = 2}) == 2);
  CHECK(f.append({.first = 3}) == 3);
}

TEST_CASE("producers: a snapshot that cannot be written loses nothing") {
  fixture f(41);
  f.b.n.disk().add_rule({.kind = reactor::op_kind::write, .path_part = "producers"});
  for (int32_t i = 0; i < 40; ++i) CHECK(f.append({.first = i}, 4000) == i);
  f.b.w.run_for(base::seconds(1));
  CHECK(f.live().log().producers_from() == base::offset(0));
  f.end(0);
  f.b.n.disk().clear_rules();
  CHECK(f.append({.first = 39}) == 39);
  CHECK(f.append({.first = 40}) == 40);
}

TEST_CASE("producers: while a log cannot be read its numbered batches are refused, others are not, and it is tried again") {
  fixture f(43);
  for (int32_t i = 0; i < 6; ++i) CHECK(f.append({.first = i}, 3000) == i);
  f.end(1);
  f.b.n.disk().add_rule({.kind = reactor::op_kind::read, .path_part = ".log"});
  CHECK(f.append({.first = 5}, 3000) == refusal(errc::storage));
  f.b.n.disk().clear_rules();
  CHECK(f.append({.first = 5}, 3000) == 5);
  CHECK(f.append({.first = 6}) == 6);
}

TEST_CASE("producers: damage in the log costs what was in it, and appends go on") {
  fixture f(42);
  for (int32_t i = 0; i < 6; ++i) CHECK(f.append({.id = i, .first = 0}, 3000) == i);
  const std::string log = storage::layout::log_directory(data_dir, f.live().log().directory()) + "/" +
                          storage::layout::log_file(base::offset(0));
  const std::string file = f.snapshot_file();
  REQUIRE(f.b.stop());
  REQUIRE(f.b.n.disk().corrupt(log, 3500, 100, sim::damage::garbage));
  REQUIRE(f.b.n.disk().corrupt(file, 40, 1, sim::damage::flip_bit));
  f.b.rebuild(1);
  REQUIRE(f.b.start());
  CHECK(f.append({.id = 0, .first = 0}, 3000) == 0);
  CHECK(f.append({.id = 5, .first = 0}, 3000) == 5);
  CHECK(f.append({.id = 1, .first = 0}, 3000) == 6);  // forgotten with its batch
}

TEST_CASE("producers: one that is forgotten may go on with any number") {
  fixture f(50);
  CHECK(f.append({.first = 5}) == 0);
  f.b.w.run_for(base::seconds(86400 + 601));
  CHECK(f.append({.first = 77}) == 1);
}

TEST_CASE("producers: a flood of ids is refused and takes no more memory") {
  fixture f(60);
  f.b.producers.count_max = 10;
  f.end(0);
  for (int64_t id = 0; id < 10; ++id) CHECK(f.append({.id = id}) == id);
  for (int64_t id = 10; id < 100; ++id) CHECK(f.append({.id = id}) == refusal(errc::policy_violation));
  CHECK(f.append({.id = 3, .first = 1}) == 10);
  CHECK(f.b.brokers[0]->producers().ages().count() == 10);
}

TEST_CASE("producer ids: none is given twice, whatever ends in between, and to no core that another has") {
  broker_node b(70, 2);
  REQUIRE(b.start());
  std::set<int64_t> given;
  for (int round = 0; round < 4; ++round) {
    std::vector<std::unique_ptr<producer_ids>> of;
    for (unsigned core = 0; core < 2; ++core) of.push_back(std::make_unique<producer_ids>(b.n.core(core), *b.control));
    for (int i = 0; i < 1500; ++i) {
      for (unsigned core = 0; core < 2; ++core) {
        const auto id = b.w.run(b.n, core, of[core]->next());
        REQUIRE(id);
        CHECK(*id >= 0);
        CHECK(given.insert(*id).second);
      }
    }
    of.clear();
    if (round % 2 == 0) {
      REQUIRE(b.stop());
    } else {
      b.crash({.kind = sim::crash_kind::power});
    }
    b.rebuild(2);
    REQUIRE(b.start());
  }
  CHECK(*given.begin() == 0);
  CHECK(*given.rbegin() < 4 * 4 * producer_ids_block);
}

}  // namespace millrace::broker
