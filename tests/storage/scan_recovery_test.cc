#include "storage/scan_recovery.hh"

#include "scan_support.hh"
#include "storage/segment_check.hh"

/// The way out, on directories as a reference writer leaves them and then damaged.

namespace millrace::storage {
namespace {

using namespace test;

TEST_CASE("scan: a lost checkpoint or commit log costs what only the commit log held, and a normal start goes on") {
  struct row {
    const char* name;
    bool checkpoint_left;
    void (*harm)(sim::sim_disk&);
  };
  const row rows[] = {
      {"checkpoints lost", false, remove_checkpoints},
      {"commit log lost", true, remove_commit_log},
      {"checkpoints damaged", false,
       [](sim::sim_disk& disk) {
         const std::vector<uint8_t> noise(8192, 0x5a);
         for (unsigned slot = 0; slot < 2; ++slot) disk.put(layout::checkpoint_file(data_dir, 0, slot), noise);
       }},
      {"all of commit/ lost", false,
       [](sim::sim_disk& disk) {
         remove_commit_log(disk);
         remove_checkpoints(disk);
       }},
  };
  for (const row& r : rows) {
    CAPTURE(std::string(r.name));
    scanned_disk d;
    reference_writer writer = two_segments();
    writer.latest.start_number = base::leader_epoch(6);
    writer.latest.logs[0].log_start = base::offset(2);
    writer.slots[writer.latest.number % 2] = encode_checkpoint(writer.latest);
    const log_point durable = writer.latest.logs[0].end;
    writer.put(d.n.disk());
    r.harm(d.n.disk());
    REQUIRE_FALSE(d.recover_now());

    const auto found = d.scan();
    REQUIRE(found);
    REQUIRE(found->logs.size() == 1);
    const log_state& l = found->logs[0];
    CHECK(l.id == writer.logs[0].id);
    CHECK(l.end == durable);
    CHECK(l.log_start == base::offset(r.checkpoint_left ? 2 : 0));
    CHECK(l.epochs == std::vector<epoch_start>{{base::leader_epoch(1), base::offset(0)}});
    CHECK(found->start_number == base::leader_epoch(r.checkpoint_left ? 6 : 1));
    CHECK_FALSE(found->clean);
    CHECK(holds(d.n.disk(), writer.logs[0], durable));
    CHECK(segment_on_disk(d.n.disk(), writer.logs[0], 4).size() == durable.position);
    CHECK_FALSE(d.exists(layout::commit_file(data_dir, 0)));
    CHECK_FALSE(d.exists(layout::checkpoint_file(data_dir, 0, 0)));
    if (r.harm == remove_checkpoints) {
      const auto aside = d.n.disk().durable_contents(layout::commit_file(data_dir, 0) + ".before-scan");
      REQUIRE(aside);
      CHECK(*aside == writer.commit);
    }
    // Whatever comes next, a start or another scan, finds the same.
    const auto normal = d.recover_now();
    REQUIRE(normal);
    CHECK(normal->logs == found->logs);
    const auto twice = d.scan();
    REQUIRE(twice);
    CHECK(twice->logs == found->logs);
    check_boots(d, *twice);
  }
}

TEST_CASE("scan: a damaged batch ends its log, and what lay behind is kept aside") {
  struct row {
    const char* name;
    size_t at;  ///< in the second batch of the first segment
  };
  const row rows[] = {
      {"its bytes", 4000},
      {"its last byte", record::header::size + 9000 - 1},
      {"its CRC", record::header::crc_at},
      {"its length", 9},
      {"its magic", record::header::magic_at},
      {"its offset", 7},
      {"its offset, beyond all", 1},
      {"its epoch, to an older one", 15},
      {"how many offsets", record::header::last_offset_delta_at + 3},
  };
  for (const row& r : rows) {
    CAPTURE(std::string(r.name));
    scanned_disk d;
    reference_writer writer = two_segments();
    const log_point before = writer.groups[0].ends[0];
    auto& file = writer.logs[0].segments[0].file;
    file[before.position + r.at] ^= 1;
    const std::vector<uint8_t> harmed = file;
    writer.put(d.n.disk());
    remove_checkpoints(d.n.disk());
    const auto found = d.scan();
    REQUIRE(found);
    REQUIRE(found->logs.size() == 1);
    CHECK(found->logs[0].end == before);
    const std::string first = segment_path(writer.logs[0], 0);
    const auto cut = d.n.disk().durable_contents(first);
    REQUIRE(cut);
    CHECK(*cut == std::vector<uint8_t>(harmed.begin(), harmed.begin() + static_cast<ptrdiff_t>(before.position)));
    // From the block on in which it was cut.
    const auto rest = d.n.disk().durable_contents(first + ".before-scan");
    REQUIRE(rest);
    CHECK(*rest ==
          std::vector<uint8_t>(harmed.begin() + static_cast<ptrdiff_t>(block_floor(before.position)), harmed.end()));
    // The second segment no longer continues the first.
    CHECK_FALSE(d.exists(segment_path(writer.logs[0], 4)));
    const auto second = d.n.disk().durable_contents(segment_path(writer.logs[0], 4) + ".before-scan");
    REQUIRE(second);
    CHECK(*second == writer.logs[0].segments[1].file);
    check_boots(d, *found);
  }
}

TEST_CASE("scan: batches beyond a hole are not taken for data") {
  scanned_disk d;
  reference_writer writer = two_segments();
  model_log& l = writer.logs[0];
  auto& last = l.segments[1];
  last.file.resize(64 << 10);
  log_point end = writer.latest.logs[0].end;
  int64_t next = end.next.value();
  SUBCASE("behind a block of zeros") {
    const auto leftover = make_batch(next, 2, 3000, 9);
    std::copy(leftover.begin(), leftover.end(), last.file.begin() + 32768);
  }
  SUBCASE("with a later offset") {
    const auto leftover = make_batch(next + 1, 2, 3000, 9);
    std::copy(leftover.begin(), leftover.end(), last.file.begin() + static_cast<ptrdiff_t>(end.position));
  }
  SUBCASE("that fit, but of an earlier start") {
    auto newer = make_batch(next, 1, 500, 8);
    record::stamp(newer.data(), base::offset(next), base::leader_epoch(3));
    auto leftover = make_batch(next + 1, 2, 3000, 9);
    record::stamp(leftover.data(), base::offset(next + 1), base::leader_epoch(2));
    const auto at = last.file.begin() + static_cast<ptrdiff_t>(end.position);
    std::copy(leftover.begin(), leftover.end(), std::copy(newer.begin(), newer.end(), at));
    end.position += newer.size();
    end.next = base::offset(next + 1);
  }
  const std::vector<uint8_t> before = last.file;
  writer.put(d.n.disk());
  remove_commit_log(d.n.disk());
  const auto found = d.scan();
  REQUIRE(found);
  CHECK(found->logs[0].end == end);
  CHECK(segment_on_disk(d.n.disk(), l, 4).size() == end.position);
  const auto rest = d.n.disk().durable_contents(segment_path(l, 4) + ".before-scan");
  REQUIRE(rest);
  CHECK(*rest == std::vector<uint8_t>(before.begin() + static_cast<ptrdiff_t>(block_floor(end.position)), before.end()));
  check_boots(d, *found);
}

TEST_CASE("scan: a segment goes on to where the next one begins, and no further") {
  scanned_disk d;
  reference_writer writer = two_segments();
  auto& first = writer.logs[0].segments[0];
  const size_t size = first.file.size();
  first.file.resize(block_ceil(size) + (16 << 10));
  const auto leftover = make_batch(4, 1, 2000, 9);  // it fits, but the next segment has its offset
  SUBCASE("zeros behind it") {}
  SUBCASE("a leftover that fits behind it") {
    std::copy(leftover.begin(), leftover.end(), first.file.begin() + static_cast<ptrdiff_t>(size));
  }
  writer.put(d.n.disk());
  d.n.disk().put(data_dir + "/t1-0/" + layout::index_file(base::offset(0)), std::vector<uint8_t>(8, 1));
  remove_checkpoints(d.n.disk());
  const auto found = d.scan();
  REQUIRE(found);
  CHECK(found->logs[0].end == writer.latest.logs[0].end);
  CHECK(segment_on_disk(d.n.disk(), writer.logs[0], 0) == first.truth);
  CHECK_FALSE(d.exists(data_dir + "/t1-0/" + layout::index_file(base::offset(0))));
  check_boots(d, *found);
}

TEST_CASE("scan: a batch that reaches into the next segment ends the log") {
  scanned_disk d;
  reference_writer writer = two_segments();
  auto& first = writer.logs[0].segments[0];
  const log_point before = writer.groups[0].ends[0];
  const auto longer = make_batch(2, 3, 9000, 2);  // [2, 5), and 4 is the next segment's
  std::copy(longer.begin(), longer.end(), first.file.begin() + static_cast<ptrdiff_t>(before.position));
  writer.put(d.n.disk());
  remove_checkpoints(d.n.disk());
  const auto found = d.scan();
  REQUIRE(found);
  CHECK(found->logs[0].end == before);
}

TEST_CASE("scan: batches larger than memory's pieces are checked whole") {
  for (const bool damaged : {false, true}) {
    CAPTURE(damaged);
    scanned_disk d;
    const auto small = make_batch(0, 1, 100, 1);
    const auto large = make_batch(1, 5, 3'000'000, 2);
    const auto behind = make_batch(6, 1, 100, 3);
    std::vector<uint8_t> file;
    for (const auto* b : {&small, &large, &behind}) file.insert(file.end(), b->begin(), b->end());
    if (damaged) file[small.size() + 2'500'000] ^= 4;
    d.n.disk().make_directories(data_dir);
    d.n.disk().put(data_dir + "/x.log", file);
    const auto seen = d.w.run(
        d.n, 0, check_segment(d.n.core(), data_dir + "/x.log", base::offset(0), std::nullopt, base::leader_epoch(0)));
    REQUIRE(seen);
    CHECK(seen->end == (damaged ? segment_end::crc : segment_end::file));
    CHECK(seen->batches == (damaged ? 1 : 3));
    CHECK(seen->position == (damaged ? small.size() : file.size()));
    CHECK(seen->bytes_behind == damaged);
  }
}

TEST_CASE("scan: directories without data are no trouble") {
  scanned_disk d;
  d.n.disk().make_directories(data_dir + "/commit");
  SUBCASE("an empty one") {
    const auto found = d.scan();
    REQUIRE(found);
    CHECK(found->logs.empty());
    check_boots(d, *found);
  }
  SUBCASE("empty logs, a half made one, and a deleted one") {
    reference_writer writer;
    writer.add_log(1);
    writer.add_log(2);
    writer.logs[1].segments[0].has_file = true;
    writer.logs[1].segments[0].file.assign(8192, 0);
    writer.put(d.n.disk());
    d.n.disk().make_directories(data_dir + "/half-0");
    const std::string deleted = layout::deleted_directory("t9-0", 5);
    d.n.disk().make_directories(data_dir + "/" + deleted);
    const auto found = d.scan();
    REQUIRE(found);
    REQUIRE(found->logs.size() == 2);
    for (const log_state& l : found->logs) CHECK(l.end == log_point{});
    CHECK(found->deleted == std::vector<std::string>{deleted});
  }
}

TEST_CASE("scan: segments whose owner is not known are refused before anything is changed") {
  scanned_disk d;
  reference_writer writer = two_segments();
  writer.add_log(2);
  auto& other = writer.logs[1];
  other.segments[0].has_file = true;
  other.segments[0].file = make_batch(0, 1, 100, 1);
  SUBCASE("no metadata") { other.metadata = false; }
  SUBCASE("another log's metadata") { other.id.topic = writer.logs[0].id.topic; }
  writer.put(d.n.disk());
  remove_checkpoints(d.n.disk());
  CHECK_FALSE(d.scan());
  CHECK(d.exists(layout::commit_file(data_dir, 0)));
  CHECK_FALSE(d.exists(layout::recovered_file(data_dir)));
  const auto& active = writer.logs[0].segments[1];
  CHECK(segment_on_disk(d.n.disk(), writer.logs[0], active.base) == active.file);
}

TEST_CASE("scan: an earlier scan's files are not overwritten") {
  scanned_disk d;
  reference_writer writer = two_segments();
  writer.put(d.n.disk());
  const std::string aside = layout::commit_file(data_dir, 0) + ".before-scan";
  d.n.disk().put(aside, std::vector<uint8_t>(10, 7));
  REQUIRE(d.scan());
  CHECK(d.n.disk().durable_contents(aside)->size() == 10);
  CHECK(d.n.disk().durable_contents(aside + ".2")->size() == writer.commit.size());
}

}  // namespace
}  // namespace millrace::storage
