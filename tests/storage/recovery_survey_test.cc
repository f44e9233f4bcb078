#include "recovery_support.hh"

namespace millrace::storage {
namespace {

using namespace test;

TEST_CASE("recovery: two cores' logs are found by one, and one core's new checkpoint takes none of the other's") {
  directory_on_disk d;
  reference_writer first(256 << 10, 0, 111);
  reference_writer second(256 << 10, 1, 222);
  first.add_log(1);
  second.add_log(2);
  for (reference_writer* writer : {&first, &second}) {
    writer->take_checkpoint();
    writer->append({inline_part(0, 2000, 7, 3)}, 0);
    writer->complete(writer->groups.back());
    writer->put(d.n.disk());
  }
  const auto found = d.recover_now();
  REQUIRE(found);
  CHECK(found->records == 2);
  CHECK(find(*found, first.logs[0].id)->end == first.logs[0].end());
  CHECK(find(*found, second.logs[0].id)->end == second.logs[0].end());
  CHECK(found->start_number == base::leader_epoch(1));

  // The next start has one core. It has written its first checkpoint with both logs; the files of the other stay until
  // retire().
  checkpoint taken_over{.number = 1,
                        .start_number = base::leader_epoch(2),
                        .core = 0,
                        .commit_log = 333,
                        .next_position = commit_ring_begin,
                        .previous_digest = 333,
                        .logs = found->logs};
  d.n.disk().put(layout::checkpoint_file(data_dir, 0, 0), encode_checkpoint(taken_over));
  SUBCASE("a crash before retire()") {}
  SUBCASE("after retire()") {
    REQUIRE(d.w.run(d.n, 0, retire(d.n.core(), data_dir, found->superseded)));
    CHECK_FALSE(d.n.disk().exists(layout::commit_file(data_dir, 1)));
    CHECK_FALSE(d.n.disk().exists(layout::checkpoint_file(data_dir, 1, 0)));
    CHECK_FALSE(d.n.disk().exists(layout::checkpoint_file(data_dir, 1, 1)));
    CHECK_FALSE(d.n.disk().exists(layout::recovered_file(data_dir)));
    CHECK(d.n.disk().exists(layout::commit_file(data_dir, 0)));
  }
  const auto again = d.recover_now();
  REQUIRE(again);
  CHECK(again->records == 0);
  CHECK(again->start_number == base::leader_epoch(2));
  CHECK(find(*again, first.logs[0].id)->end == first.logs[0].end());
  CHECK(find(*again, second.logs[0].id)->end == second.logs[0].end());
}

TEST_CASE("recovery: a log that moved before the first checkpoint of its new core is not lost") {
  directory_on_disk d;
  reference_writer writer = three_groups();
  writer.put(d.n.disk());
  const auto found = d.recover_now();
  REQUIRE(found);
  // Core 0 starts without the log, which core 1 was to take; the power goes in between.
  checkpoint without{.number = 1,
                     .start_number = base::leader_epoch(2),
                     .core = 0,
                     .commit_log = 5,
                     .next_position = commit_ring_begin,
                     .previous_digest = 5};
  d.n.disk().put(layout::checkpoint_file(data_dir, 0, 0), encode_checkpoint(without));
  const auto again = d.recover_now();
  REQUIRE(again);
  REQUIRE(again->logs.size() == 1);
  CHECK(again->logs[0].end == writer.logs[0].end());
}

TEST_CASE("recovery: logs made after the last checkpoint are known by their directories") {
  directory_on_disk d;
  reference_writer writer;
  writer.add_log(1);
  writer.take_checkpoint();
  const size_t made = writer.add_log(2, 7);
  const size_t empty = writer.add_log(3);
  const size_t deleted = writer.add_log(4);
  writer.append({inline_part(made, 900, 1), inline_part(deleted, 900, 2)}, 0);
  writer.complete(writer.groups.back());
  writer.put(d.n.disk());
  const std::string gone = writer.logs[deleted].directory;
  REQUIRE(d.n.disk().rename(data_dir + "/" + gone, data_dir + "/" + layout::deleted_directory(gone, 0x1234)) == 0);
  d.n.disk().make_directories(data_dir + "/half-made-0");
  const auto found = d.recover_now();
  REQUIRE(found);
  CHECK(found->logs.size() == 3);
  REQUIRE(find(*found, writer.logs[made].id) != nullptr);
  CHECK(find(*found, writer.logs[made].id)->end == writer.logs[made].end());
  CHECK(find(*found, writer.logs[made].id)->directory == "t2-7");
  CHECK(find(*found, writer.logs[empty].id)->end == log_point{});
  CHECK(find(*found, writer.logs[deleted].id) == nullptr);
  REQUIRE(found->deleted.size() == 1);
  d.w.run(d.n, 0, remove_deleted(d.n.core(), data_dir, found->deleted));
  CHECK_FALSE(d.n.disk().exists(data_dir + "/" + found->deleted[0]));
}

TEST_CASE("recovery: a deleted log does not come back as another topic of its name") {
  directory_on_disk d;
  reference_writer writer = three_groups();
  writer.put(d.n.disk());
  const std::string name = writer.logs[0].directory;
  REQUIRE(d.n.disk().rename(data_dir + "/" + name, data_dir + "/" + layout::deleted_directory(name, 1)) == 0);
  SUBCASE("not made again") {
    const auto found = d.recover_now();
    REQUIRE(found);
    CHECK(found->logs.empty());
  }
  SUBCASE("made again with another id") {
    reference_writer other;
    other.add_log(1);
    other.logs[0].id = id_of(77);
    d.n.disk().make_directories(data_dir + "/" + name);
    const std::string text = encode_partition_metadata(other.logs[0].id.topic);
    d.n.disk().put(data_dir + "/" + name + "/partition.metadata", base::as_bytes(text));
    const auto found = d.recover_now();
    REQUIRE(found);
    REQUIRE(found->logs.size() == 1);
    CHECK(found->logs[0].id == other.logs[0].id);
    CHECK(found->logs[0].end == log_point{});
  }
}

TEST_CASE("recovery: what is missing is an error, never an empty log") {
  struct row {
    const char* name;
    void (*harm)(reference_writer&, sim::sim_disk&);
  };
  const row rows[] = {
      {"a log's directory",
       [](reference_writer& w, sim::sim_disk& disk) {
         const std::string name = data_dir + "/" + w.logs[0].directory;
         REQUIRE(disk.rename(name, data_dir + "/elsewhere") == 0);
       }},
      {"the commit log",
       [](reference_writer&, sim::sim_disk& disk) { REQUIRE(disk.remove(layout::commit_file(data_dir, 0)) == 0); }},
      {"both checkpoints",
       [](reference_writer&, sim::sim_disk& disk) {
         (void)disk.remove(layout::checkpoint_file(data_dir, 0, 0));
         (void)disk.remove(layout::checkpoint_file(data_dir, 0, 1));
       }},
      {"all of commit/",
       [](reference_writer&, sim::sim_disk& disk) {
         REQUIRE(disk.rename(data_dir + "/commit", data_dir + "/elsewhere") == 0);
         disk.make_directories(data_dir + "/commit");
       }},
      {"the segment",
       [](reference_writer& w, sim::sim_disk& disk) {
         REQUIRE(disk.remove(data_dir + "/" + w.logs[0].directory + "/" + layout::log_file(base::offset(0))) == 0);
       }},
      {"the end of the segment",
       [](reference_writer& w, sim::sim_disk& disk) {
         const std::vector<uint8_t> some(4096, 1);
         disk.put(data_dir + "/" + w.logs[0].directory + "/" + layout::log_file(base::offset(0)), some);
       }},
      {"the commit log's size",
       [](reference_writer& w, sim::sim_disk& disk) {
         w.commit.resize(w.commit.size() / 2);
         disk.put(layout::commit_file(data_dir, 0), w.commit);
       }},
  };
  for (const row& r : rows) {
    CAPTURE(std::string(r.name));
    directory_on_disk d;
    reference_writer writer;
    writer.add_log(1);
    writer.append({inline_part(0, 9000, 1)}, 0);
    writer.complete(writer.groups.back());
    writer.take_checkpoint();
    writer.append({inline_part(0, 3000, 2)}, 1);
    writer.complete(writer.groups.back());
    writer.put(d.n.disk());
    r.harm(writer, d.n.disk());
    const auto found = d.recover_now();
    CHECK_FALSE(found);
  }
}

TEST_CASE("recovery: of two checkpoints the newest valid one counts") {
  directory_on_disk d;
  reference_writer writer = three_groups();
  writer.take_checkpoint();
  const unsigned newest = writer.latest.number % 2;
  SUBCASE("the newest is torn: the older one and the commit log say the same") { writer.slots[newest][300] ^= 1; }
  SUBCASE("the older one is torn") { writer.slots[1 - newest][10] ^= 1; }
  writer.put(d.n.disk());
  const auto found = d.recover_now();
  REQUIRE(found);
  CHECK(found->logs[0].end == writer.logs[0].end());
}

TEST_CASE("recovery: a core that was cut short before its first checkpoint is no loss") {
  directory_on_disk d;
  reference_writer fresh;
  fresh.put(d.n.disk());
  SUBCASE("no checkpoint file") {}
  SUBCASE("empty ones") { d.n.disk().put(layout::checkpoint_file(data_dir, 0, 0), {}); }
  SUBCASE("a torn one") { d.n.disk().put(layout::checkpoint_file(data_dir, 0, 0), std::vector<uint8_t>(4096, 0)); }
  const auto found = d.recover_now();
  REQUIRE(found);
  CHECK(found->logs.empty());
}

TEST_CASE("recovery: batches below the log's start may be gone with their segments") {
  directory_on_disk d;
  reference_writer writer;
  writer.add_log(1);
  writer.append({inline_part(0, 9000, 1)}, 0);
  writer.complete(writer.groups.back());
  writer.take_checkpoint();
  part large{.log = 0, .batches = {make_batch(0, 2, 30000, 2)}, .roll = true, .direct = true};
  part last = inline_part(0, 500, 3);
  last.roll = true;
  writer.append({large}, 1);
  writer.complete(writer.groups.back());
  writer.append({last}, 2);
  writer.complete(writer.groups.back());
  REQUIRE(writer.logs[0].next == 4);
  // The log's start moves on: its checkpoint is durable, then the segments below it go. The end that it names is behind.
  writer.latest.number += 1;
  SUBCASE("the first segment") {
    writer.latest.logs[0].log_start = base::offset(1);
    writer.logs[0].segments[0].has_file = false;
  }
  SUBCASE("all but the last") {
    writer.latest.logs[0].log_start = base::offset(3);
    writer.logs[0].segments[0].has_file = false;
    writer.logs[0].segments[1].has_file = false;
  }
  writer.slots[writer.latest.number % 2] = encode_checkpoint(writer.latest);
  writer.put(d.n.disk());
  const auto found = d.recover_now();
  REQUIRE(found);
  CHECK(found->cut_groups == 0);
  CHECK(found->logs[0].end == writer.logs[0].end());
  CHECK(found->logs[0].damage.empty());
  const auto& kept = writer.logs[0].segments[2];
  const std::vector<uint8_t> file = segment_on_disk(d.n.disk(), writer.logs[0], kept.base);
  REQUIRE(file.size() >= kept.truth.size());
  CHECK(std::equal(kept.truth.begin(), kept.truth.end(), file.begin()));
}

}  // namespace
}  // namespace millrace::storage
