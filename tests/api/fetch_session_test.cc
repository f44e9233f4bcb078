#include <doctest/doctest.h>

#include <limits>
#include <set>
#include <string>
#include <vector>

#include "api/kafka/fetch_session_cache.hh"

/// Fetch sessions and their cache by themselves: who may use one, who gets one, and what they take.

namespace millrace::api::kafka {
namespace {

using base::instant;
using base::seconds;
using bounds = fetch_session_cache::bounds;

constexpr size_t plenty = 64 << 20;

instant at(int64_t s) { return {seconds(s).ns}; }

/// A cache, and the sessions that clients have of it.
struct cached {
  explicit cached(bounds most, fetch_session_cache::id_share ids = {}) : cache(most, ids, random) {}

  /// A session of partitions 0 .. count-1 of "t"; 0 where there is none.
  int32_t make(int32_t count, instant now, bool by_ids = false) {
    const size_t bytes = fetch_session::own_bytes() + fetch_session::topic_bytes("t") +
                         static_cast<size_t>(count) * fetch_session::partition_bytes();
    fetch_session* s = cache.create(by_ids, static_cast<size_t>(count), bytes, now);
    if (s == nullptr) return 0;
    for (int32_t p = 0; p < count; ++p) cache.add(*s, "t", p);
    CHECK(s->bytes() == bytes);
    const int32_t id = s->id();
    cache.give_back(*s);
    return id;
  }
  /// One fetch; the code that it gets.
  int16_t fetch(int32_t id, int32_t epoch, instant now, bool by_ids = false) {
    const auto taken = cache.use(id, epoch, by_ids, now);
    if (taken.session != nullptr) cache.give_back(*taken.session);
    return taken.error;
  }

  base::prng random{1};
  fetch_session_cache cache;
};

wire::kafka::fetch_request_partition asked(int64_t offset) {
  wire::kafka::fetch_request_partition p;
  p.fetch_offset = offset;
  p.partition_max_bytes = 1000;
  return p;
}

}  // namespace

TEST_CASE("session: what is told of a partition is what is new of it") {
  struct row {
    const char* name;
    fetch_session::finding found;
    bool told;
  };
  const row rows[] = {
      {"first news, of an empty log", {.high_watermark = 0, .log_start = 0}, true},
      {"the same", {.high_watermark = 0, .log_start = 0}, false},
      {"a watermark", {.high_watermark = 5, .log_start = 0}, true},
      {"that watermark", {.high_watermark = 5, .log_start = 0}, false},
      {"records", {.bytes = 1, .high_watermark = 5, .log_start = 0}, true},
      {"a log start", {.high_watermark = 5, .log_start = 2}, true},
      {"that log start", {.high_watermark = 5, .log_start = 2}, false},
      {"a divergence", {.diverged = true, .high_watermark = 5, .log_start = 2}, true},
      {"the divergence again", {.diverged = true, .high_watermark = 5, .log_start = 2}, true},
      {"an error", {.failed = true}, true},
      {"the error again", {.failed = true}, true},
      {"as before the error", {.high_watermark = 5, .log_start = 2}, true},
      {"nothing", {.high_watermark = 5, .log_start = 2}, false},
  };
  fetch_session::partition p;
  for (const row& r : rows) {
    CAPTURE(r.name);
    CHECK(p.tell(r.found) == r.told);
  }
}

TEST_CASE("session: partitions are read in the order in which they came, those that had records after the others") {
  fetch_session s(1, false);
  for (const auto& [topic, index] : {std::pair{"b", 1}, {"a", 0}, {"b", 0}, {"a", 7}}) s.add(topic, index);
  const auto order = [&] {
    std::string text;
    for (const auto& p : s.partitions()) text += std::string(p.of->key) + std::to_string(p.index) + " ";
    return text;
  };
  CHECK(order() == "b1 a0 b0 a7 ");
  s.move_to_end(*s.find("a", 0));
  CHECK(order() == "b1 b0 a7 a0 ");
  s.add("b", 1).ask(asked(77));
  CHECK(order() == "b1 b0 a7 a0 ");
  CHECK(s.find("b", 1)->fetch_offset == 77);
  CHECK(s.find("b", 1)->bytes_max == 1000);
  s.forget("b", 0);
  s.forget("b", 5);
  s.forget("c", 0);
  CHECK(order() == "b1 a7 a0 ");
  CHECK(s.topic_count() == 2);
  s.forget("b", 1);
  CHECK(s.topic_count() == 1);
  s.add("b", 1);
  CHECK(order() == "a7 a0 b1 ");
  CHECK(s.find("b", 1)->fetch_offset == 0);
  for (const auto& [topic, index] : {std::pair{"b", 1}, {"a", 0}, {"a", 7}}) s.forget(topic, index);
  CHECK(s.partition_count() == 0);
  CHECK(s.bytes() == fetch_session::own_bytes());
}

TEST_CASE("sessions: each request has the next epoch, names topics as the first one did, and is alone") {
  cached c({.sessions = 10, .bytes = plenty});
  const int32_t id = c.make(1, at(0));
  REQUIRE(id > 0);
  const int32_t other = c.make(1, at(0), true);
  struct row {
    int32_t id;
    int32_t epoch;
    bool by_ids;
    int16_t error;
  };
  constexpr int32_t most = std::numeric_limits<int32_t>::max();
  const row rows[] = {{id, 2, false, 71},  {id, 1, true, 106},     {id, 1, false, 0},      {id, 1, false, 71},
                      {id, 3, false, 71},  {id, 2, false, 0},      {id, most, false, 71},  {id, -2, false, 71},
                      {0, 1, false, 70},   {-5, 1, false, 70},     {id + 1, 3, false, 70}, {other, 1, false, 106},
                      {other, 1, true, 0}, {other, 2, false, 106}, {id, 3, false, 0}};
  for (const row& r : rows) {
    CAPTURE(r.id == id);
    CAPTURE(r.epoch);
    CHECK(c.fetch(r.id, r.epoch, at(1), r.by_ids) == r.error);
  }
  const auto first = c.cache.use(id, 4, false, at(2));
  REQUIRE(first.session != nullptr);
  CHECK(c.fetch(id, 4, at(2)) == 71);
  CHECK(c.fetch(id, 5, at(2)) == 71);
  c.cache.give_back(*first.session);
  CHECK(c.fetch(id, 5, at(2)) == 0);
  c.cache.remove(id);
  CHECK(c.fetch(id, 6, at(2)) == 70);
}

TEST_CASE("sessions: after the last epoch comes 1") {
  static_assert(fetch_session_cache::epoch_after(1) == 2);
  static_assert(fetch_session_cache::epoch_after(std::numeric_limits<int32_t>::max()) == 1);
}

TEST_CASE("sessions: one that is removed while a request uses it lives until that is answered") {
  cached c({.sessions = 1, .bytes = plenty});
  const int32_t id = c.make(3, at(0));
  fetch_session& s = *c.cache.use(id, 1, false, at(0)).session;
  const size_t bytes = c.cache.bytes();
  c.cache.remove(id);
  CHECK(c.cache.sessions() == 0);
  CHECK(c.cache.bytes() == bytes);
  CHECK(s.partition_count() == 3);
  const int32_t next = c.make(1, at(0));
  CHECK(next > 0);
  c.cache.give_back(s);
  CHECK(c.cache.bytes() < bytes);
  c.cache.remove(next);
  CHECK(c.cache.bytes() == 0);
}

TEST_CASE("sessions: in a full cache a new one takes the place of one that was not used, or of a smaller old one") {
  struct row {
    const char* name;
    int64_t last_fetch;  ///< of the only session there is, made at 0 with 10 partitions; in seconds
    int64_t now;
    int32_t size;  ///< of the one that is wanted
    bool made;
  };
  const row rows[] = {
      {"just made", 0, 1, 100, false},
      {"not used for two minutes", 0, 120, 1, false},
      {"not used for longer", 0, 121, 1, true},
      {"used lately, and as large", 130, 131, 10, false},
      {"used lately, and smaller", 130, 131, 11, true},
      {"used lately, and larger", 130, 131, 9, false},
      {"old, but it was not used since it is", 100, 130, 100, false},
      {"long ago used, though old", 130, 251, 1, true},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    cached c({.sessions = 1, .bytes = plenty});
    const int32_t id = c.make(10, at(0));
    if (r.last_fetch > 0) CHECK(c.fetch(id, 1, at(r.last_fetch)) == 0);
    CHECK((c.make(r.size, at(r.now)) > 0) == r.made);
    CHECK(c.cache.sessions() == 1);
    CHECK(c.fetch(id, r.last_fetch > 0 ? 2 : 1, at(r.now)) == (r.made ? 70 : 0));
  }
}

TEST_CASE("sessions: the smallest of the old ones goes, by the size that it has now") {
  cached c({.sessions = 3, .bytes = plenty});
  const int32_t five = c.make(5, at(0));
  const int32_t six = c.make(6, at(0));
  const int32_t seven = c.make(7, at(0));
  for (const int32_t id : {five, six, seven}) CHECK(c.fetch(id, 1, at(125)) == 0);
  fetch_session& grows = *c.cache.use(five, 2, false, at(126)).session;
  for (int32_t p = 0; p < 20; ++p) c.cache.add(grows, "u", p);
  c.cache.give_back(grows);
  CHECK(c.make(6, at(127)) == 0);
  CHECK(c.make(8, at(127)) > 0);
  CHECK(c.fetch(six, 2, at(127)) == 70);
  CHECK(c.make(8, at(127)) > 0);
  CHECK(c.fetch(seven, 2, at(127)) == 70);
  CHECK(c.make(24, at(127)) == 0);
  CHECK(c.fetch(five, 3, at(127)) == 0);
}

TEST_CASE("sessions: their memory is bounded, and a flood of large ones does not pass it") {
  constexpr size_t bound = 1 << 20;
  cached c({.sessions = 1000, .bytes = bound});
  size_t made = 0;
  for (int i = 0; i < 200; ++i) made += c.make(1000, at(i / 10)) > 0 ? 1 : 0;
  CHECK(made ==
        bound / (fetch_session::own_bytes() + fetch_session::topic_bytes("t") + 1000 * fetch_session::partition_bytes()));
  CHECK(c.cache.bytes() <= bound);
  CHECK(c.make(1, at(20)) > 0);  // there is room for a small one
  CHECK(c.make(9000, at(20)) == 0);
  CHECK(c.cache.sessions() == made + 1);
  // Those that are not used any more make room.
  CHECK(c.make(6000, at(200)) > 0);
  CHECK(c.cache.bytes() <= bound);
  // What no bound allows takes nobody's place.
  const size_t before = c.cache.sessions();
  CHECK(c.make(20000, at(1000)) == 0);
  CHECK(c.cache.sessions() == before);
}

TEST_CASE("sessions: one that grows over a bound is removed") {
  cached by_bytes({.sessions = 10, .bytes = 4000});
  cached by_number({.sessions = 10, .bytes = plenty, .partitions = 12});
  for (cached* c : {&by_bytes, &by_number}) {
    const int32_t id = c->make(5, at(0));
    fetch_session& s = *c->cache.use(id, 1, false, at(0)).session;
    int32_t p = 5;
    while (!fetch_session_cache::removed(s)) c->cache.add(s, "t", p++);
    CHECK(p > 8);
    CHECK(p < 40);
    CHECK(s.partition_count() == static_cast<size_t>(p));
    CHECK(c->cache.sessions() == 0);
    for (; p < 100; ++p) c->cache.add(s, "t", p);
    c->cache.forget(s, "t", 50);
    CHECK(s.partition_count() == 99);
    c->cache.give_back(s);
    CHECK(c->cache.bytes() == 0);
  }
}

TEST_CASE("sessions: what is forgotten makes room again") {
  cached c({.sessions = 10, .bytes = 10000});
  const int32_t id = c.make(1, at(0));
  for (int32_t round = 0; round < 100; ++round) {
    fetch_session& s = *c.cache.use(id, round + 1, false, at(0)).session;
    for (int32_t p = 0; p < 20; ++p) c.cache.add(s, std::to_string(round), p);
    for (int32_t p = 0; p < 20; ++p) c.cache.forget(s, std::to_string(round), p);
    REQUIRE(!fetch_session_cache::removed(s));
    c.cache.give_back(s);
  }
}

TEST_CASE("sessions: a broker's bound is divided among its cores, and no two cores give the same id") {
  for (const uint32_t cores : {1u, 3u, 8u}) {
    for (const size_t all : {size_t{0}, size_t{2}, size_t{1000}}) {
      size_t sum = 0;
      for (uint32_t i = 0; i < cores; ++i) {
        const size_t share = fetch_session_cache::share_of(all, {i, cores});
        CHECK(share <= all / cores + 1);
        sum += share;
      }
      CHECK(sum == all);
    }
  }
  std::set<int32_t> ids;
  std::vector<std::pair<int32_t, int32_t>> spans;
  for (uint32_t i = 0; i < 3; ++i) {
    cached c({.sessions = 1000, .bytes = plenty}, {i, 3});
    std::set<int32_t> mine;
    for (int n = 0; n < 1000; ++n) mine.insert(c.make(1, at(0)));
    CHECK(mine.size() == 1000);
    CHECK(*mine.begin() > 0);
    spans.emplace_back(*mine.begin(), *mine.rbegin());
  }
  CHECK(spans[0].second < spans[1].first);
  CHECK(spans[1].second < spans[2].first);
  cached none({.sessions = 0, .bytes = plenty});
  CHECK(none.make(1, at(0)) == 0);
}

}  // namespace millrace::api::kafka
