#include <doctest/doctest.h>

#include <cerrno>
#include <set>
#include <string>
#include <vector>

#include "helpers.hh"

using namespace millrace;
using namespace millrace::sim::test;
using sim::world;

namespace {

task<std::vector<int64_t>> every_word(reactor::core& on) {
  std::vector<int64_t> out;
  const std::vector<uint8_t> bytes = filled(100, 'x');
  std::vector<uint8_t> target(200);
  out.push_back(co_await on_path(on, op_kind::make_dir, "/d"));
  out.push_back(co_await on_path(on, op_kind::make_dir, "/d"));
  const int64_t missing = co_await open(on, "/d/f", reactor::open_read);
  out.push_back(missing);
  const int64_t made = co_await open(on, "/d/f", reactor::open_write | reactor::open_create | reactor::open_exclusive);
  out.push_back(made);
  const int64_t again = co_await open(on, "/d/f", reactor::open_write | reactor::open_create | reactor::open_exclusive);
  out.push_back(again);
  out.push_back(co_await write(on, made, 50, bytes));
  out.push_back(co_await read(on, made, 100, target));
  out.push_back(co_await read(on, made, 150, target));
  out.push_back(co_await on_handle(on, op_kind::allocate, made, 0, 8192));
  out.push_back(co_await on_handle(on, op_kind::truncate, made, 0, 10));
  out.push_back(co_await on_handle(on, op_kind::sync, made));
  out.push_back(co_await on_path(on, op_kind::sync_dir, "/d"));
  out.push_back(co_await on_path(on, op_kind::sync_dir, "/d/f"));
  out.push_back(co_await on_path(on, op_kind::rename, "/d/f", "/d/g"));
  out.push_back(co_await on_path(on, op_kind::remove, "/d/g"));
  out.push_back(co_await read(on, made, 0, target));  // still there for who has it open
  out.push_back(co_await on_handle(on, op_kind::close, made));
  out.push_back(co_await on_handle(on, op_kind::close, made));
  out.push_back(co_await read(on, made, 0, target));
  out.push_back(co_await on_path(on, op_kind::remove_dir, "/d"));
  co_return out;
}

task<int64_t> write_file(reactor::core& on, std::string path, base::bytes bytes, bool durable) {
  const int64_t handle = co_await open(on, std::move(path));
  const int64_t result = co_await write(on, handle, 0, bytes, durable);
  const int64_t closed = co_await on_handle(on, op_kind::close, handle);
  co_return closed < 0 ? closed : result;
}

task<int64_t> sync_file(reactor::core& on, std::string path) {
  const int64_t handle = co_await open(on, std::move(path));
  const int64_t result = co_await on_handle(on, op_kind::sync, handle);
  const int64_t closed = co_await on_handle(on, op_kind::close, handle);
  co_return closed < 0 ? closed : result;
}

}  // namespace

TEST_CASE("disk: every word of the seam answers as a kernel would") {
  world w(1);
  sim::node& n = w.add_node();
  const std::vector<int64_t> got = run(w, every_word(n.core()));
  const std::vector<int64_t> want = {0, -EEXIST, -ENOENT,  3, -EEXIST, 100, 50, 0,      0,      0,
                                     0, 0,       -ENOTDIR, 0, 0,       10,  0,  -EBADF, -EBADF, 0};
  CHECK(got == want);
  CHECK(n.handles.count() == 0);
  CHECK(n.port().in_flight() == 0);
  CHECK(n.disk().used_bytes() == 0);
}

TEST_CASE("disk: plain calls list, measure and lock") {
  world w(2);
  sim::node& n = w.add_node();
  n.disk().put("/data/b", filled(5000, 1));
  n.disk().put("/data/a", {});
  n.disk().make_directories("/data/sub/dir");
  reactor::backend& seam = n.backend();
  auto entries = seam.list("/data");
  REQUIRE(entries);
  REQUIRE(entries->size() == 3);
  CHECK((*entries)[0].name == "a");
  CHECK((*entries)[1].size == 5000);
  CHECK((*entries)[2].is_directory);
  CHECK(*seam.size_of("data/b") == 5000);
  CHECK(seam.size_of("/data/c").error().code == base::errc::not_found);
  CHECK(seam.free_space("/data")->free_bytes == n.disk().faults.capacity_bytes - 8192);
  CHECK(seam.free_space("/data")->total_bytes == n.disk().faults.capacity_bytes);
  CHECK(seam.lock("/data/lock").ok());
  CHECK(seam.lock("/data/lock").error().code == base::errc::locked);
  w.crash(n, {.kind = sim::crash_kind::process});
  w.restart(n, 1);
  CHECK(n.backend().lock("/data/lock").ok());
}

TEST_CASE("disk: a full disk takes what fits, then nothing, and takes again what was freed") {
  sim::world_options options;
  options.disk.capacity_bytes = 4 * 4096;
  world w(3, options);
  sim::node& n = w.add_node();
  const std::vector<uint8_t> big = filled(6 * 4096, 'x');
  CHECK(run(w, write_file(n.core(), "/a", big, false)) == 4 * 4096);
  CHECK(run(w, write_file(n.core(), "/b", big, false)) == -ENOSPC);
  CHECK(n.disk().free_bytes() == 0);
  CHECK(run(w, on_path(n.core(), op_kind::remove, "/a")) == 0);
  CHECK(run(w, write_file(n.core(), "/b", filled(4096, 'y'), true)) == 4096);
  CHECK(n.disk().free_bytes() == 3 * 4096);
}

TEST_CASE("disk: a rule strikes the operations it names, as often as it says") {
  world w(4);
  sim::node& n = w.add_node();
  const std::vector<uint8_t> bytes = filled(512, 'x');
  n.disk().add_rule({.kind = op_kind::write, .path_part = "log", .skip = 1, .count = 2, .error = EIO});
  CHECK(run(w, write_file(n.core(), "/log.1", bytes, true)) == 512);
  CHECK(run(w, write_file(n.core(), "/log.1", bytes, true)) == -EIO);
  CHECK(run(w, write_file(n.core(), "/other", bytes, true)) == 512);
  CHECK(run(w, write_file(n.core(), "/log.2", bytes, false)) == -EIO);
  CHECK(run(w, write_file(n.core(), "/log.2", bytes, false)) == 512);
  n.disk().add_rule({.kind = op_kind::sync, .error = EIO});
  CHECK(run(w, sync_file(n.core(), "/other")) == -EIO);
  n.disk().clear_rules();
  CHECK(run(w, sync_file(n.core(), "/other")) == 0);
  n.disk().add_rule({.kind = op_kind::sync, .error = 0, .delay = base::seconds(7)});
  const base::instant before = w.now();
  CHECK(run(w, sync_file(n.core(), "/other")) == 0);
  CHECK(w.now() - before > base::seconds(7));
}

TEST_CASE("disk: short writes end after whole sectors") {
  sim::world_options options;
  options.disk.short_write = 1;
  world w(5, options);
  sim::node& n = w.add_node();
  const std::vector<uint8_t> bytes = filled(8192, 'x');
  for (int i = 0; i < 20; ++i) {
    const std::string path(static_cast<size_t>(i + 1), 'a');
    const int64_t written = run(w, write_file(n.core(), path, bytes, true));
    CHECK(written > 0);
    CHECK(written < 8192);
    CHECK(written % 512 == 0);
    CHECK(static_cast<int64_t>(*n.backend().size_of(path)) == written);
  }
}

TEST_CASE("disk: direct writes land, and damage is seen by readers") {
  world w(6);
  sim::node& n = w.add_node();
  aligned memory(8192, 'd');
  CHECK(run(w, open(n.core(), "/f", reactor::open_write | reactor::open_create | reactor::open_direct)) == 3);
  CHECK(run(w, write(n.core(), 3, 4096, memory.bytes(), true)) == 8192);
  CHECK(n.disk().durable_contents("/f")->size() == 12288);
  CHECK(n.disk().corrupt("/f", 4096, 1, sim::damage::zeros).ok());
  CHECK(n.disk().corrupt("/f", 12288, 1, sim::damage::zeros).error().code == base::errc::out_of_range);
  CHECK(n.disk().corrupt("/no", 0, 1, sim::damage::zeros).error().code == base::errc::not_found);
  aligned back(12288);
  CHECK(run(w, read(n.core(), 3, 0, back.bytes())) == 12288);
  CHECK(back.bytes()[0] == 0);
  CHECK(back.bytes()[4096] == 0);
  CHECK(back.bytes()[4097] == 'd');
  CHECK(run(w, on_handle(n.core(), op_kind::close, 3)) == 0);
}

TEST_CASE("disk: drawn errors strike reads, writes and flushes") {
  sim::world_options options;
  options.disk.read_error = options.disk.write_error = options.disk.flush_error = 1;
  world w(7, options);
  sim::node& n = w.add_node();
  n.disk().put("/f", filled(4096, 'a'));
  std::vector<uint8_t> target(10);
  const std::vector<uint8_t> bytes = filled(4096, 'b');
  CHECK(run(w, open(n.core(), "/f")) == 3);
  CHECK(run(w, read(n.core(), 3, 0, target)) == -EIO);
  CHECK(run(w, write(n.core(), 3, 0, bytes, true)) == -EIO);
  CHECK(run(w, on_handle(n.core(), op_kind::sync, 3)) == -EIO);
  CHECK(run(w, on_path(n.core(), op_kind::sync_dir, "/")) == -EIO);
  n.disk().faults.read_error = 0;
  CHECK(run(w, read(n.core(), 3, 0, target)) == 10);
}

TEST_CASE("disk: a cancelled read ends early or as if never asked; a cancelled write is written") {
  struct plain final : reactor::op {
    explicit plain(op_kind k) : op(k) {}
    void run(reactor::core&) override { ran = true; }
    bool ran = false;
  };
  std::set<int64_t> seen;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    world w(seed);
    sim::node& n = w.add_node();
    n.disk().put("/f", filled(10, 'a'));
    CHECK(run(w, open(n.core(), "/f")) == 3);
    std::vector<uint8_t> bytes = filled(10, 'b');
    std::vector<uint8_t> target(10);
    const iovec from{bytes.data(), 10};
    const iovec to{target.data(), 10};
    plain writing(op_kind::write);
    plain reading(op_kind::read);
    writing.handle = reading.handle = 3;
    writing.iov_count = reading.iov_count = 1;
    writing.iov = &from;
    reading.iov = &to;
    for (plain* o : {&writing, &reading}) {
      n.core().submit(*o);
      n.core().cancel(*o);
      REQUIRE(w.run_until([&] { return o->ran; }, base::seconds(1)));
    }
    CHECK(writing.result == 10);
    seen.insert(reading.result);
  }
  CHECK(seen == std::set<int64_t>{-ECANCELED, 10});
}
