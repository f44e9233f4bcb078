#include "reactor/file.hh"

#include <cerrno>
#include <cstring>

#include "reactor/scope.hh"
#include "support.hh"

namespace millrace::reactor {
namespace {

using base::errc;

task<base::result<void>> write_and_read_direct(core& on, std::string path) {
  chunk source = on.memory().allocate(size_t{1} << 20);
  for (size_t i = 0; i < source.size(); ++i) source.data()[i] = static_cast<uint8_t>(i * 31 >> 4);
  CO_TRY(file f, co_await file::open(on, path, open_write | open_create | open_direct));
  const base::result<void> allocated = co_await f.allocate(0, 4 << 20);
  CHECK(allocated.ok());
  const base::result<uint64_t> size = on.effects().size_of(path);
  CHECK(*size == 4 << 20);
  const base::bytes all = source.bytes();
  const base::result<void> one = co_await f.write(4096, all, true);
  CHECK(one.ok());
  // Several pieces, one durable write.
  const iovec pieces[] = {{source.data(), 4096}, {source.data() + 65536, 8192}, {source.data() + 4096, 4096}};
  const std::span<const iovec> gathered(pieces);
  const base::result<void> several = co_await f.write(2 << 20, gathered, true);
  CHECK(several.ok());
  chunk target = on.memory().allocate(size_t{1} << 20);
  const base::result<size_t> got = co_await f.read(4096, target.bytes());
  CHECK(got.ok());
  CHECK(*got == target.size());
  CHECK(std::memcmp(source.data(), target.data(), source.size()) == 0);
  const base::mutable_bytes small(target.data(), 16384);
  const base::result<size_t> back = co_await f.read(2 << 20, small);
  CHECK(*back == 16384);
  CHECK(std::memcmp(target.data() + 4096, source.data() + 65536, 8192) == 0);
  // A length that is no multiple of a block is refused by the device, and said.
  const base::result<void> odd = co_await f.write(0, all.first(100), true);
  CHECK_FALSE(odd.ok());
  CHECK(odd.error() == base::error{errc::io, 0, EINVAL});
  const base::result<void> cut = co_await f.truncate(10000);
  CHECK(cut.ok());
  const base::mutable_bytes past(target.data(), 65536);
  const base::result<size_t> end = co_await f.read(0, past);
  CHECK(*end == 10000);
  const base::result<void> synced = co_await f.sync();
  CHECK(synced.ok());
  const base::result<void> closed = co_await f.close();
  co_return closed;
}

TEST_CASE("file: durable direct writes, gathered writes, reads, allocate and truncate on a real disk") {
  const test::temporary_directory directory;
  auto world = test::one_core();
  const base::result<void> done = world->run(write_and_read_direct(world->on(), directory.of("direct")));
  CHECK(done.ok());
}

task<void> names(core& on, std::string root) {
  const base::result<void> made = co_await make_directory(on, root + "/d");
  CHECK(made.ok());
  const base::result<void> twice = co_await make_directory(on, root + "/d");
  CHECK(twice.error().code == errc::exists);
  const base::result<file> missing = co_await file::open(on, root + "/d/x", open_read);
  CHECK(missing.error().code == errc::not_found);
  base::result<file> x = co_await file::open(on, root + "/d/x", open_write | open_create | open_exclusive);
  REQUIRE(x.ok());
  const base::result<void> closed = co_await x->close();
  CHECK(closed.ok());
  const base::result<file> again = co_await file::open(on, root + "/d/x", open_write | open_create | open_exclusive);
  CHECK(again.error().code == errc::exists);
  const base::result<void> renamed = co_await rename(on, root + "/d/x", root + "/d/y");
  CHECK(renamed.ok());
  const base::result<void> synced = co_await sync_directory(on, root + "/d");
  CHECK(synced.ok());
  const base::result<void> no_directory = co_await sync_directory(on, root + "/none");
  CHECK(no_directory.error().code == errc::not_found);
  const base::result<void> full = co_await remove_directory(on, root + "/d");
  CHECK_FALSE(full.ok());
  base::result<std::vector<directory_entry>> listed = on.effects().list(root + "/d");
  REQUIRE(listed.ok());
  REQUIRE(listed->size() == 1);
  CHECK((*listed)[0].name == "y");
  const base::result<void> removed = co_await remove(on, root + "/d/y");
  CHECK(removed.ok());
  const base::result<void> gone = co_await remove(on, root + "/d/y");
  CHECK(gone.error().code == errc::not_found);
  const base::result<void> emptied = co_await remove_directory(on, root + "/d");
  CHECK(emptied.ok());
  CHECK(std::filesystem::is_empty(root));
}

TEST_CASE("file: names are made, renamed, listed and removed, and what is wrong is said") {
  const test::temporary_directory directory;
  auto world = test::one_core();
  world->run(names(world->on(), directory.path()));
}

task<void> small_files(core& on, std::string path) {
  const base::result<std::string> missing = co_await read_file(on, path, 100);
  CHECK(missing.error().code == errc::not_found);
  std::string text(5000, 'a');
  const base::result<void> first = co_await replace_file(on, path, text);
  CHECK(first.ok());
  const base::result<std::string> read = co_await read_file(on, path, 5000);
  CHECK(*read == text);
  const base::result<std::string> large = co_await read_file(on, path, 4999);
  CHECK(large.error().code == errc::too_large);
  const base::result<void> second = co_await replace_file(on, path, "short");
  CHECK(second.ok());
  const base::result<std::string> after = co_await read_file(on, path, 5000);
  CHECK(*after == "short");
  const base::result<void> third = co_await replace_file(on, path, "");
  CHECK(third.ok());
  const base::result<std::string> empty = co_await read_file(on, path, 5000);
  CHECK(empty->empty());
}

TEST_CASE("file: a small file is replaced whole and leaves nothing beside it") {
  const test::temporary_directory directory;
  auto world = test::one_core();
  world->run(small_files(world->on(), directory.of("meta")));
  base::result<std::vector<directory_entry>> listed = world->effects().list(directory.path());
  REQUIRE(listed.ok());
  CHECK(listed->size() == 1);
}

task<void> write_piece(file& f, chunk source, uint64_t position) {
  const base::result<void> done = co_await f.write(position, source.bytes(), true);
  CHECK(done.ok());
}

task<void> many_at_once(core& on, scope& tasks, std::string path) {
  base::result<file> f = co_await file::open(on, path, open_write | open_create | open_direct);
  REQUIRE(f.ok());
  const base::result<void> allocated = co_await f->allocate(0, 4096 * 1000);
  CHECK(allocated.ok());
  chunk source = on.memory().allocate(4096);
  std::memset(source.data(), 'z', 4096);
  for (uint64_t i = 0; i < 1000; ++i) tasks.spawn(write_piece(*f, source, i * 4096));
  co_await tasks.close();
  const base::result<void> closed = co_await f->close();
  CHECK(closed.ok());
}

TEST_CASE("file: more operations than the rings hold wait inside and all complete") {
  const test::temporary_directory directory;
  uring_options tiny = test::small_ring();
  tiny.submissions = 8;
  tiny.completions = 32;
  auto world = test::one_core(tiny);
  scope tasks(world->on());
  world->run(many_at_once(world->on(), tasks, directory.of("many")));
  const backend_counters counted = world->effects().counters();
  CHECK(counted.bytes_written == 4096 * 1000);
  CHECK(world->effects().in_kernel() == 0);
}

TEST_CASE("file: a lock is held once, free space is known") {
  const test::temporary_directory directory;
  auto first = test::one_core();
  CHECK(first->effects().lock(directory.of("lock")).ok());
  {
    auto second = test::one_core();
    const base::result<void> refused = second->effects().lock(directory.of("lock"));
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == errc::locked);
  }
  const base::result<disk_space> space = first->effects().free_space(directory.path());
  CHECK(space->free_bytes > 0);
  CHECK(space->total_bytes >= space->free_bytes);
  first.reset();
  auto third = test::one_core();
  CHECK(third->effects().lock(directory.of("lock")).ok());
}

}  // namespace
}  // namespace millrace::reactor
