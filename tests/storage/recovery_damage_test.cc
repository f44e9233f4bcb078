#include <doctest/doctest.h>

#include "reference_writer.hh"
#include "storage/recovery.hh"
#include "storage/segment.hh"

/// Damage is not the end of a log: what a later record calls durable was acknowledged, and is missed.

namespace millrace::storage {
namespace {

using namespace test;

part batches_of(size_t log, std::initializer_list<size_t> payloads, bool direct = false) {
  part p{.log = log, .direct = direct};
  uint8_t fill = 1;
  for (const size_t payload : payloads) p.batches.push_back(make_batch(0, 2, payload, fill++));
  return p;
}

/// Five groups of two logs, each calling the one before durable; the third has three batches for log 0.
reference_writer five_groups(bool direct) {
  reference_writer writer;
  writer.add_log(1);
  writer.add_log(2);
  writer.take_checkpoint();
  for (uint64_t n = 1; n <= 5; ++n) {
    part first = n == 3 ? batches_of(0, {6000, 7000, 8000}, direct) : batches_of(0, {1500});
    writer.append({first, batches_of(1, {400})}, n - 1);
    writer.complete(writer.groups.back());
  }
  return writer;
}

base::result<recovered> recover_from(sim::world& w, sim::node& n, reference_writer& writer) {
  writer.put(n.disk());
  return w.run(n, 0, recover(n.core(), data_dir));
}

/// Where the third group's inline bytes of log 0 lie in the commit log.
size_t inline_begin(const reference_writer& writer) {
  const model_group& g = writer.groups[2];
  return g.position + record_header_bytes + g.entries.size() * record_entry_bytes;
}

reactor::task<base::result<void>> load(segment* s, uint64_t bytes) {
  const base::result<void> loaded = co_await s->load_indexes(bytes, false);
  co_return loaded;
}

TEST_CASE(
    "recovery: a damaged entry in the middle costs the batch that is damaged, or all where they cannot be told apart") {
  for (const bool direct : {false, true}) {
    // Lengths and magic gone, or only payload of the first of three batches.
    for (const bool framing : {false, true}) {
      CAPTURE(direct);
      CAPTURE(framing);
      sim::world w(7);
      sim::node& n = w.add_node();
      reference_writer writer = five_groups(direct);
      const log_point before = writer.groups[1].ends[0];
      const log_point behind = writer.groups[2].ends[0];
      const size_t harm = before.position + (framing ? 8 : 3000);
      auto& file = writer.logs[0].active().file;
      const record_entry& entry = writer.groups[2].entries[0];
      for (size_t i = 0; i < 40; ++i) {
        if (direct) {
          file[harm + i] ^= 0x5a;
        } else {
          writer.commit[inline_begin(writer) + (harm - entry.begin) + i] ^= 0x5a;
        }
      }
      auto found = recover_from(w, n, writer);
      REQUIRE(found);
      CHECK(found->cut_groups == 0);
      CHECK(found->records == 5);
      for (size_t i = 0; i < 2; ++i) {
        const log_state& l = found->logs[0].id == writer.logs[i].id ? found->logs[0] : found->logs[1];
        CHECK(l.end == writer.logs[i].end());
        if (i == 1) {
          CHECK(l.damage.empty());
          CHECK(holds(n.disk(), writer.logs[1], l.end));
          continue;
        }
        CHECK(l.damage == std::vector<damaged_range>{{before.next, framing ? behind.next : before.next + int64_t{2}}});
        // Everything else is as it was, and the batches can be walked.
        const std::vector<uint8_t> bytes = segment_on_disk(n.disk(), writer.logs[0], 0);
        const auto& truth = writer.logs[0].active().truth;
        REQUIRE(bytes.size() >= truth.size());
        CHECK(std::equal(truth.begin(), truth.begin() + static_cast<ptrdiff_t>(before.position), bytes.begin()));
        CHECK(std::equal(truth.begin() + static_cast<ptrdiff_t>(behind.position), truth.end(),
                         bytes.begin() + static_cast<ptrdiff_t>(behind.position)));
        const log_config config;
        segment s(n.core(), data_dir + "/" + writer.logs[0].directory, base::offset(0), config);
        s.indexes_complete = false;
        CHECK(w.run(n, 0, load(&s, l.end.position)));
      }
      // The damage is remembered, and found again it is the same.
      const auto again = w.run(n, 0, recover(n.core(), data_dir));
      REQUIRE(again);
      CHECK(again->logs == found->logs);
    }
  }
}

TEST_CASE("recovery: what shares a block with damaged bytes is not damaged with them") {
  sim::world w(7);
  sim::node& n = w.add_node();
  reference_writer writer = five_groups(true);
  const log_point before = writer.groups[1].ends[0];
  const record_entry& entry = writer.groups[2].entries[0];
  REQUIRE(entry.begin < before.position);  // the entry covers the block that the second group's batch ends in
  auto& file = writer.logs[0].active().file;
  for (size_t i = 1; i <= 40; ++i) file[before.position - i] ^= 0x5a;
  const auto found = recover_from(w, n, writer);
  REQUIRE(found);
  for (const log_state& l : found->logs) CHECK(l.damage.empty());
  const std::vector<uint8_t> bytes = segment_on_disk(n.disk(), writer.logs[0], 0);
  const auto& truth = writer.logs[0].active().truth;
  REQUIRE(bytes.size() >= truth.size());
  CHECK(std::equal(truth.begin() + static_cast<ptrdiff_t>(before.position), truth.end(),
                   bytes.begin() + static_cast<ptrdiff_t>(before.position)));
}

TEST_CASE("recovery: a damaged record that a later one calls durable is refused") {
  struct row {
    const char* name;
    size_t at;
  };
  const row rows[] = {{"magic", 0}, {"log id", 9}, {"number", 16}, {"digest", 50}, {"an entry", record_header_bytes + 30}};
  for (const row& r : rows) {
    CAPTURE(std::string(r.name));
    sim::world w(7);
    sim::node& n = w.add_node();
    reference_writer writer = five_groups(false);
    writer.commit[writer.groups[2].position + r.at] ^= 0x10;
    const auto found = recover_from(w, n, writer);
    REQUIRE_FALSE(found);
    CHECK(found.error().code == base::errc::corrupt);
  }
}

TEST_CASE("recovery: a whole record with another one's digest before it is not the next") {
  sim::world w(7);
  sim::node& n = w.add_node();
  reference_writer writer = five_groups(false);
  model_group& g = writer.groups[2];
  const record_header header{.commit_log = writer.commit_log_id, .number = 3, .previous = 12345, .durable = 2};
  seal_record(g.record, header, g.entries);
  writer.write_record(g);
  const auto found = recover_from(w, n, writer);
  REQUIRE_FALSE(found);
  CHECK(found.error().code == base::errc::corrupt);
}

TEST_CASE("recovery: a damaged record that no later one calls durable is the end") {
  for (const size_t group : {3u, 4u}) {  // the fourth and the fifth: the last word of the chain is about the fourth
    CAPTURE(group);
    sim::world w(7);
    sim::node& n = w.add_node();
    reference_writer writer;
    writer.add_log(1);
    writer.take_checkpoint();
    for (uint64_t i = 1; i <= 5; ++i) {
      writer.append({batches_of(0, {1500})}, std::min<uint64_t>(i - 1, 3));
      writer.complete(writer.groups.back());
    }
    SUBCASE("in its header") { writer.commit[writer.groups[group].position + 20] ^= 1; }
    SUBCASE("in its bytes") { writer.commit[writer.groups[group].position + 500] ^= 1; }
    const auto found = recover_from(w, n, writer);
    REQUIRE(found);
    CHECK(found->logs[0].end == writer.groups[group - 1].ends[0]);
    CHECK(found->cut_groups == 5 - group);
    CHECK(found->logs[0].damage.empty());
  }
}

TEST_CASE("recovery: an entry that does not continue its log is refused") {
  sim::world w(7);
  sim::node& n = w.add_node();
  reference_writer writer = five_groups(false);
  // The checkpoint says that less is in segments than the commit log goes on from.
  writer.take_checkpoint();
  writer.latest.logs[0].end = writer.groups[0].ends[0];
  writer.append({batches_of(0, {100})}, 5);
  writer.complete(writer.groups.back());
  writer.slots[writer.latest.number % 2] = encode_checkpoint(writer.latest);
  const auto found = recover_from(w, n, writer);
  REQUIRE_FALSE(found);
  CHECK(found.error().code == base::errc::corrupt);
}

TEST_CASE("recovery: a damaged record is told from the end also where many large ones were in flight behind it") {
  for (const bool called_durable : {false, true}) {
    sim::world w(9);
    sim::node& n = w.add_node();
    reference_writer writer(uint64_t{48} << 20);
    writer.add_log(1);
    writer.take_checkpoint();
    constexpr uint64_t in_flight = 7;
    for (uint64_t number = 1; number <= 10; ++number) {
      writer.append({batches_of(0, {4'100'000})}, number > in_flight ? number - in_flight : 0);
      writer.complete(writer.groups.back());
    }
    // The third is called durable by the tenth, and the fourth by none.
    const model_group& harmed = writer.groups[called_durable ? 2 : 3];
    writer.commit[harmed.position + 100] ^= 0x5a;
    const auto found = recover_from(w, n, writer);
    CHECK(found.ok() == !called_durable);
    if (!found) CHECK(found.error().code == base::errc::corrupt);
  }
}

}  // namespace
}  // namespace millrace::storage
