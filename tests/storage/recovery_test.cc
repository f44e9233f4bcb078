#include "recovery_support.hh"

namespace millrace::storage {
namespace {

using namespace test;

TEST_CASE("recovery: an empty directory holds nothing and is left as it is") {
  directory_on_disk d;
  d.n.disk().make_directories(data_dir + "/commit");
  const auto found = d.recover_now();
  REQUIRE(found);
  CHECK(found->logs.empty());
  CHECK(found->clean);
  CHECK_FALSE(d.n.disk().exists(layout::recovered_file(data_dir)));
}

TEST_CASE("recovery: groups that only the commit log holds are redone into segments") {
  directory_on_disk d;
  reference_writer writer = three_groups();
  writer.put(d.n.disk());
  const auto found = d.recover_now();
  REQUIRE(found);
  CHECK_FALSE(found->clean);
  CHECK(found->records == 3);
  CHECK(found->cut_groups == 0);
  REQUIRE(found->logs.size() == 1);
  CHECK(found->logs[0].end == writer.logs[0].end());
  CHECK(found->logs[0].epochs == std::vector<epoch_start>{{base::leader_epoch(1), base::offset(0)}});
  CHECK(found->bytes == writer.logs[0].active().truth.size());
  CHECK(holds(d.n.disk(), writer.logs[0], found->logs[0].end));
}

TEST_CASE("recovery: run again it finds the same") {
  directory_on_disk d;
  reference_writer writer = three_groups();
  writer.put(d.n.disk());
  REQUIRE(d.recover_now());
  const auto again = d.recover_now();
  REQUIRE(again);
  CHECK(again->records == 0);
  CHECK_FALSE(again->clean);
  CHECK(again->logs[0].end == writer.logs[0].end());
}

TEST_CASE("recovery: after a clean stop no commit log is read, nor is it missed") {
  directory_on_disk d;
  reference_writer writer = three_groups();
  writer.take_checkpoint();
  writer.latest.clean = true;
  writer.take_checkpoint();
  writer.put(d.n.disk(), false);
  const auto found = d.recover_now();
  REQUIRE(found);
  CHECK(found->clean);
  CHECK(found->records == 0);
  CHECK(found->logs[0].end == writer.logs[0].end());
}

TEST_CASE("recovery: a last record that is torn is cut, with what it held") {
  for (const size_t bytes : {size_t{0}, size_t{512}, size_t{4096}, size_t{8192}}) {
    CAPTURE(bytes);
    directory_on_disk d;
    reference_writer writer = three_groups();
    writer.append({inline_part(0, 9000, 9)}, 2);
    const model_group& last = writer.groups.back();
    std::copy_n(last.record.begin(), bytes, writer.commit.begin() + static_cast<ptrdiff_t>(last.position));
    writer.put(d.n.disk());
    const auto found = d.recover_now();
    REQUIRE(found);
    CHECK(found->logs[0].end == writer.groups[2].ends[0]);
    CHECK(found->cut_groups == (bytes == 0 ? 0 : 1));
    CHECK(holds(d.n.disk(), writer.logs[0], found->logs[0].end));
  }
}

TEST_CASE("recovery: a group whose direct bytes are not there is cut, and whole ones behind it too") {
  directory_on_disk d;
  reference_writer writer;
  writer.add_log(1);
  writer.add_log(2);
  writer.take_checkpoint();
  writer.append({inline_part(0, 3000, 1)}, 0);
  writer.complete(writer.groups.back());
  part large{.log = 0, .batches = {make_batch(0, 5, 50000, 2)}, .direct = true};
  writer.append({large, inline_part(1, 100, 3)}, 1);
  writer.write_record(writer.groups.back());
  writer.append({inline_part(1, 100, 4)}, 1);
  writer.complete(writer.groups.back());
  SUBCASE("the file is missing") {}
  SUBCASE("the file has other bytes") {
    writer.logs[0].active().file.assign(60000, 0x55);
    writer.logs[0].active().has_file = true;
  }
  SUBCASE("one byte differs") {
    writer.write_directs(writer.groups[1]);
    writer.logs[0].active().file[20000] ^= 1;
  }
  writer.put(d.n.disk());
  const auto found = d.recover_now();
  REQUIRE(found);
  CHECK(found->cut_groups == 2);
  CHECK(find(*found, writer.logs[0].id)->end == writer.groups[0].ends[0]);
  CHECK(find(*found, writer.logs[1].id)->end == log_point{});
  CHECK(find(*found, writer.logs[0].id)->damage.empty());
  CHECK(holds(d.n.disk(), writer.logs[0], writer.groups[0].ends[0]));
}

TEST_CASE("recovery: direct and inline bytes of one log come together") {
  directory_on_disk d;
  reference_writer writer;
  writer.add_log(1);
  writer.take_checkpoint();
  writer.append({inline_part(0, 7000, 1)}, 0);
  writer.complete(writer.groups.back());
  for (uint8_t i = 2; i < 6; ++i) {
    part large{.log = 0, .batches = {make_batch(0, 3, 30000 + 777u * i, i)}, .direct = true, .blocks_back = i % 2u};
    writer.append({large}, i - 2u);
    writer.complete(writer.groups.back());
    writer.append({inline_part(0, 333, i)}, i - 2u);
    writer.complete(writer.groups.back());
  }
  writer.put(d.n.disk());
  const auto found = d.recover_now();
  REQUIRE(found);
  CHECK(found->records == 9);
  CHECK(found->logs[0].end == writer.logs[0].end());
  CHECK(holds(d.n.disk(), writer.logs[0], found->logs[0].end));
}

TEST_CASE("recovery: an entry that adds nothing protects the last block") {
  directory_on_disk d;
  reference_writer writer;
  writer.add_log(1);
  writer.append({inline_part(0, 9000, 1)}, 0);
  writer.take_checkpoint();
  const log_point end = writer.logs[0].end();
  part only_protects{.log = 0, .blocks_back = 1};
  writer.append({only_protects}, 1);
  writer.write_record(writer.groups.back());
  SUBCASE("which was torn when the power went") {
    auto& file = writer.logs[0].active().file;
    std::fill(file.begin() + static_cast<ptrdiff_t>(block_floor(end.position)), file.end(), uint8_t{0x77});
  }
  SUBCASE("and a damaged copy of a whole block is no damage") {
    const model_group& g = writer.groups.back();
    writer.commit[g.position + record_header_bytes + record_entry_bytes + 10] ^= 1;
    writer.append({inline_part(0, 100, 2)}, 2);
    writer.complete(writer.groups.back());
  }
  writer.put(d.n.disk());
  const auto found = d.recover_now();
  REQUIRE(found);
  CHECK(found->logs[0].end == writer.logs[0].end());
  CHECK(found->logs[0].damage.empty());
  CHECK(found->cut_groups == 0);
  CHECK(holds(d.n.disk(), writer.logs[0], found->logs[0].end));
}

TEST_CASE("recovery: the ring comes round") {
  directory_on_disk d;
  reference_writer writer(64 << 10);
  writer.add_log(1);
  writer.take_checkpoint();
  for (uint8_t i = 1; i < 60; ++i) {
    if (i % 4 == 0) writer.take_checkpoint();
    writer.append({inline_part(0, 5000 + 100u * i, i)}, i - 1u);
    writer.complete(writer.groups.back());
  }
  writer.put(d.n.disk());
  const auto found = d.recover_now();
  REQUIRE(found);
  CHECK(found->records == 4);
  CHECK(found->logs[0].end == writer.logs[0].end());
  CHECK(holds(d.n.disk(), writer.logs[0], found->logs[0].end));
}

TEST_CASE("recovery: rolled segments are sealed, cut, and lose stale indexes") {
  directory_on_disk d;
  reference_writer writer;
  writer.add_log(1);
  writer.append({inline_part(0, 5000, 1)}, 0);
  writer.take_checkpoint();
  writer.logs[0].active().file.resize(64 << 10);  // allocated ahead
  for (uint8_t i = 2; i < 6; ++i) {
    part p = inline_part(0, 3000, i, 4);
    p.roll = i % 2 == 1;
    writer.append({p}, i - 1u);
    writer.complete(writer.groups.back());
  }
  writer.put(d.n.disk());
  const std::string directory = data_dir + "/" + writer.logs[0].directory + "/";
  const std::vector<uint8_t> stale(8, 0);
  d.n.disk().put(directory + layout::index_file(base::offset(0)), stale);
  d.n.disk().put(directory + layout::index_file(writer.logs[0].end().segment), stale);
  d.n.disk().put(directory + layout::log_file(base::offset(999)), stale);
  const auto found = d.recover_now();
  REQUIRE(found);
  CHECK(writer.logs[0].segments.size() == 3);
  CHECK(found->logs[0].end == writer.logs[0].end());
  CHECK(holds(d.n.disk(), writer.logs[0], found->logs[0].end));
  CHECK_FALSE(d.n.disk().exists(directory + layout::index_file(base::offset(0))));
  CHECK_FALSE(d.n.disk().exists(directory + layout::index_file(writer.logs[0].end().segment)));
  CHECK_FALSE(d.n.disk().exists(directory + layout::log_file(base::offset(999))));
}

TEST_CASE("recovery: what lies behind the end is not data, though it is a batch with exactly the next offset") {
  directory_on_disk d;
  reference_writer writer;
  writer.add_log(1);
  SUBCASE("in a recycled file") {
    writer.take_checkpoint();
    std::vector<uint8_t>& file = writer.logs[0].active().file;
    for (int64_t first = 0; first < 40; ++first) {
      const auto old = make_batch(first, 1, 1000, 0xee);
      file.insert(file.end(), old.begin(), old.end());
    }
    file.resize(block_ceil(file.size()));
    writer.logs[0].active().has_file = true;
    writer.append({inline_part(0, 1000, 1), inline_part(0, 1000, 2)}, 0);
    writer.complete(writer.groups.back());
    writer.put(d.n.disk());
    const auto found = d.recover_now();
    REQUIRE(found);
    CHECK(found->logs[0].end == writer.logs[0].end());
    CHECK(found->logs[0].end.next == base::offset(2));
    CHECK(holds(d.n.disk(), writer.logs[0], found->logs[0].end));
  }
  SUBCASE("behind a tail that was cut") {
    writer.append({inline_part(0, 20000, 1)}, 0);
    writer.take_checkpoint();
    // The group's bytes reached the segment, its record did not reach the commit log.
    part large{.log = 0, .batches = {make_batch(0, 1, 40000, 2)}, .direct = true};
    writer.append({large}, 1);
    writer.write_directs(writer.groups.back());
    writer.put(d.n.disk());
    const auto found = d.recover_now();
    REQUIRE(found);
    CHECK(found->logs[0].end == writer.groups[0].ends[0]);
    CHECK(found->logs[0].end.next == base::offset(1));
  }
}

}  // namespace
}  // namespace millrace::storage
