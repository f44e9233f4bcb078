#include <doctest/doctest.h>

#include "reference_writer.hh"
#include "storage/data_dir.hh"

namespace millrace::storage {
namespace {

using namespace test;
using base::errc;

base::result<void> claim_now(sim::world& w, sim::node& n) { return w.run(n, 0, claim(n.core(), data_dir)); }

TEST_CASE("data directory: a new one is made, and taken again after a restart") {
  sim::world w(1);
  sim::node& n = w.add_node();
  REQUIRE(claim_now(w, n));
  const auto version = n.disk().durable_contents(layout::version_file(data_dir));
  REQUIRE(version);
  CHECK(base::as_text(*version) == "millrace 1\n");
  CHECK(n.disk().exists(layout::commit_directory(data_dir)));
  CHECK(n.disk().exists(layout::meta_directory(data_dir)));
  CHECK_FALSE(n.disk().exists(data_dir + "/direct-probe"));
  w.crash(n);
  w.restart(n, 1);
  CHECK(claim_now(w, n));
}

TEST_CASE("data directory: a first claim cut short anywhere is no foreign directory") {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    sim::world w(seed);
    sim::node& n = w.add_node();
    auto running = w.start(n, 0, claim(n.core(), data_dir));
    const uint64_t turns = w.stream("turns").below(50);
    const base::instant horizon = w.now() + base::seconds(10);
    for (uint64_t i = 0; i < turns && !running->done(); ++i) (void)w.step(horizon);
    w.crash(n);
    running->abandon();
    w.restart(n, 1);
    CHECK(claim_now(w, n));
  }
}

TEST_CASE("data directory: what is not ours is left alone") {
  struct row {
    const char* name;
    const char* file;
    const char* contents;
    errc code;
  };
  const row rows[] = {
      {"somebody's files", "/notes.txt", "hello", errc::foreign},
      {"Kafka's", "/meta.properties", "version=1", errc::foreign},
      {"no version of ours", "/version", "leveldb 1\n", errc::foreign},
      {"no number", "/version", "millrace one\n", errc::foreign},
      {"a number too much", "/version", "millrace 1 2\n", errc::foreign},
      {"no end of line", "/version", "millrace 1", errc::foreign},
      {"version 0", "/version", "millrace 0\n", errc::foreign},
      {"an empty version", "/version", "", errc::foreign},
      {"a newer version", "/version", "millrace 2\n", errc::unsupported},
  };
  for (const row& r : rows) {
    CAPTURE(std::string(r.name));
    sim::world w(1);
    sim::node& n = w.add_node();
    n.disk().make_directories(data_dir);
    const std::string contents = r.contents;
    n.disk().put(data_dir + r.file, base::as_bytes(contents));
    const auto claimed = claim_now(w, n);
    REQUIRE_FALSE(claimed);
    CHECK(claimed.error().code == r.code);
    CHECK_FALSE(n.disk().exists(layout::commit_directory(data_dir)));
  }
}

TEST_CASE("data directory: the directory above it is not made") {
  sim::world w(1);
  sim::node& n = w.add_node();
  const auto claimed = w.run(n, 0, claim(n.core(), "/no/such"));
  REQUIRE_FALSE(claimed);
  CHECK(claimed.error().code == errc::not_found);
}

TEST_CASE("data directory: no O_DIRECT is unsupported") {
  sim::world w(1);
  sim::node& n = w.add_node();
  n.disk().add_rule({.kind = reactor::op_kind::open, .path_part = "direct-probe", .error = 22});
  const auto claimed = claim_now(w, n);
  REQUIRE_FALSE(claimed);
  CHECK(claimed.error().code == errc::unsupported);
}

TEST_CASE("data directory: the start number rises by one and never goes back") {
  sim::world w(1);
  sim::node& n = w.add_node();
  REQUIRE(claim_now(w, n));
  const auto raise = [&](int32_t at_least) {
    return w.run(n, 0, raise_start_number(n.core(), data_dir, base::leader_epoch(at_least)));
  };
  CHECK(raise(0).value() == base::leader_epoch(1));
  CHECK(raise(0).value() == base::leader_epoch(2));
  w.crash(n);
  w.restart(n, 1);
  CHECK(raise(1).value() == base::leader_epoch(3));
  CHECK(raise(9).value() == base::leader_epoch(10));
  REQUIRE(n.disk().remove(layout::start_file(data_dir)) == 0);
  CHECK(raise(10).value() == base::leader_epoch(11));
  REQUIRE(n.disk().corrupt(layout::start_file(data_dir), 24, 1, sim::damage::flip_bit));
  CHECK(raise(0).error().code == errc::corrupt);
}

}  // namespace
}  // namespace millrace::storage
