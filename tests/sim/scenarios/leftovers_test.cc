#include "record/batch_view.hh"
#include "record/verify.hh"
#include "story.hh"

/// Bytes behind the end are never data, also where they are a whole batch that carries exactly the next offset.

namespace millrace::swarm {
namespace {

/// Whether a whole batch with this base offset lies there.
bool fits(story& f, const std::string& path, uint64_t position, int64_t offset) {
  const auto all = f.disk().contents(path);
  if (!all || position >= all->size()) return false;
  const auto found = record::batch_view::frame(base::bytes(*all).subspan(position));
  return found && found->base_offset().value() == offset && record::verify_crc(*found);
}

// Sizes are whole blocks, so that nothing is padded over what lies behind.
constexpr size_t front_bytes = 175 * 4096;   // a segment of its own: the next batch does not fit
constexpr size_t second_bytes = 100 * 4096;  // begins the next one
constexpr size_t small_bytes = 2 * 4096;

/// Fills one segment with one batch, and begins the second with one and `count` small ones.
void play(story& f, const std::string& topic, unsigned count) {
  REQUIRE(f.create(topic) == none);
  REQUIRE(f.keep(topic, 0, front_bytes) == 0);
  REQUIRE(f.keep(topic, 0, second_bytes) == 1);
  for (unsigned i = 0; i < count; ++i) f.keep(topic, 0, small_bytes);
}

}  // namespace

TEST_CASE("leftovers: a recycled segment whose old batch carries exactly the next offset") {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    story f(seed, {.core_memory = size_t{32} << 20});
    f.start();
    // The second segment is full and ends with the first batch of the third.
    play(f, "old", 78 + 3);
    REQUIRE(f.run_until([&] { return f.server.storage_now(0).rolls == 2; }));
    f.world.run_for(base::seconds(2));
    REQUIRE(f.remove("old") == none);
    REQUIRE(f.run_until([&] { return f.server.storage_now(0).pool_files >= 2; }));
    play(f, "new", 40);
    f.world.run_for(base::seconds(2));
    REQUIRE(f.server.storage_now(0).pool_taken == 1);
    const std::string path = segment_path("new", 0, 1);
    const uint64_t end = second_bytes + 40 * small_bytes;
    REQUIRE(fits(f, path, end, 42));
    if (seed % 3 == 0) f.stop();
    if (seed % 3 == 1) f.cut();
    if (seed % 3 == 2) f.kill();
    f.start(seed % 2 == 0 ? 2 : 1);
    CHECK(f.end_of("new", 0) == 42);
    f.audit();
    // Each further one meets the next leftover.
    for (int64_t next = 42; next < 45; ++next) {
      CHECK(f.keep("new", 0, small_bytes) == next);
      if (next == 43) f.world.run_for(base::seconds(2));
      f.kill();
      f.start();
      CHECK(f.end_of("new", 0) == next + 1);
      const fetched behind = f.fetch("new", 0, next + 1);
      CHECK(behind.code == none);
      CHECK(behind.batches.empty());
    }
    f.audit();
    f.goes_on();
    f.stop();
  }
}

TEST_CASE("leftovers: a cut tail whose old batches carry exactly the next offsets") {
  unsigned met = 0;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    constexpr size_t large = 64 << 10;  // goes to the segment itself, beside its record
    story f(seed, {.core_memory = size_t{32} << 20});
    f.start();
    REQUIRE(f.create("t") == none);
    for (int i = 0; i < 6; ++i) f.keep("t", 0, large);
    REQUIRE(f.server.storage_now(0).direct_bytes > 0);
    const std::string path = segment_path("t", 0, 0);
    // The segment's writes arrive, the records of them do not.
    f.disk().add_rule({.kind = reactor::op_kind::write, .path_part = commit_path, .error = 0, .delay = base::seconds(30)});
    const story::offer& first = f.send("t", 0, f.batch(large));
    const story::offer& second = f.send("t", 0, f.batch(large));
    f.world.run_for(base::seconds(2));
    CHECK(!first.answered());
    CHECK(!second.answered());
    REQUIRE(fits(f, path, 6 * large, 6));
    REQUIRE(fits(f, path, 7 * large, 7));
    f.cut(0);
    f.disk().clear_rules();
    REQUIRE(fits(f, path, 6 * large, 6));
    f.start();
    CHECK(f.end_of("t", 0) == 6);
    CHECK(f.fetch("t", 0, 6).batches.empty());
    // The next one takes the place of the first that was cut off; behind it lies the second, with the next offset.
    REQUIRE(f.keep("t", 0, large) == 6);
    f.world.run_for(base::seconds(2));
    if (fits(f, path, 7 * large, 7)) ++met;
    if (seed % 2 == 0) {
      f.cut();
    } else {
      f.kill();
    }
    f.start();
    CHECK(f.end_of("t", 0) == 7);
    CHECK(f.fetch("t", 0, 7).batches.empty());
    CHECK(f.keep("t", 0, 1000) == 7);
    f.audit();
    f.goes_on();
    f.stop();
  }
  CHECK(met == 8);
}

TEST_CASE(
    "settled at start: what only earlier processes were sent may be there before a later one shows its end, and not after") {
  for (const unsigned sent_to : {1u, 2u}) {
    findings out;
    sent_is_read sent;
    sent.sent("t-0", 77, 100, {0}, sent_to, false);
    const read_batches found{{.base = 5, .next = 6, .body = 77}};
    settled_at_start settled;
    settled.shown(2, 6);
    settled.read(out, "t-0", sent, found);
    CHECK(!out.any());
    settled.shown(2, 5);
    settled.read(out, "t-0", sent, found);
    CHECK(out.any() == (sent_to == 1));
  }
}

}  // namespace millrace::swarm
