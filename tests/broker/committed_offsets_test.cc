#include "broker/group/committed_offsets.hh"

#include <doctest/doctest.h>

namespace millrace::broker {
namespace {

using base::errc;
using base::offset;
using state = expiring_group::state;

committed_offset commit_of(int64_t value, std::string metadata = "") {
  return {.offset = offset(value), .metadata = std::move(metadata), .commit_timestamp = 1000};
}

/// The offset that is seen, or -1.
int64_t seen(const committed_offsets& offsets, std::string_view topic = "t", int32_t partition = 0) {
  const committed_offset* found = offsets.find(topic, partition);
  return found == nullptr ? -1 : found->offset.value();
}

offsets_range only(int64_t at) { return {offset(at), offset(at + 1)}; }

std::string listed(const std::vector<offset_key>& keys) {
  std::string out;
  for (const offset_key& k : keys) out += k.topic + std::to_string(k.partition) + " ";
  return out;
}

}  // namespace

TEST_CASE("committed offsets: a commit is seen when it is durable, not before") {
  committed_offsets offsets;
  CHECK(offsets.empty());
  offsets.begin_put(offset(10), "t", 0, commit_of(5, "m"));
  offsets.begin_put(offset(11), "t", 1, commit_of(6));
  CHECK(seen(offsets) == -1);
  CHECK_FALSE(offsets.empty());
  CHECK(offsets.pending() == 2);
  CHECK(offsets.count() == 0);
  offsets.durable({offset(0), offset(10)});
  CHECK(seen(offsets) == -1);
  offsets.durable({offset(10), offset(12)});
  CHECK(seen(offsets) == 5);
  CHECK(seen(offsets, "t", 1) == 6);
  CHECK(*offsets.find("t", 0) == commit_of(5, "m"));
  CHECK(offsets.count() == 2);
  CHECK(offsets.pending() == 0);
  CHECK(seen(offsets, "t", 2) == -1);
  CHECK(seen(offsets, "u") == -1);
}

TEST_CASE("committed offsets: those of one partition are seen in the order of the log") {
  struct row {
    const char* name;
    const char* steps;  ///< d or f, and which of the three
    int64_t after[3];
  };
  const row rows[] = {
      {"in order", "d0d1d2", {100, 101, 102}},
      {"the last first", "d2d1d0", {102, 102, 102}},
      {"the middle first", "d1d0d2", {101, 101, 102}},
      {"the last fails first", "f2d0d1", {-1, 100, 101}},
      {"the last fails last", "d0d1f2", {100, 101, 101}},
      {"the first fails late", "d2f0d1", {102, 102, 102}},
      {"the middle fails", "d0f1d2", {100, 100, 102}},
      {"all fail", "f1f0f2", {-1, -1, -1}},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    committed_offsets offsets;
    for (int64_t i = 0; i < 3; ++i) offsets.begin_put(offset(i), "t", 0, commit_of(100 + i));
    for (int step = 0; step < 3; ++step) {
      const int64_t at = r.steps[2 * step + 1] - '0';
      r.steps[2 * step] == 'd' ? offsets.durable(only(at)) : offsets.failed(only(at));
      CHECK(seen(offsets) == r.after[step]);
    }
    CHECK(offsets.pending() == 0);
    CHECK(offsets.empty() == (r.after[2] < 0));
  }
}

TEST_CASE("committed offsets: a removal goes the same way, and nothing that was before it comes back") {
  committed_offsets offsets;
  offsets.put(offset(1), "t", 0, commit_of(5));
  offsets.begin_put(offset(2), "t", 0, commit_of(6));
  offsets.begin_remove(offset(3), "t", 0);
  CHECK(seen(offsets) == 5);
  offsets.durable(only(3));
  CHECK(seen(offsets) == -1);
  CHECK(offsets.count() == 0);
  offsets.durable(only(2));
  CHECK(seen(offsets) == -1);
  CHECK(offsets.empty());

  offsets.put(offset(4), "t", 0, commit_of(7));
  offsets.begin_remove(offset(5), "t", 0);
  offsets.begin_put(offset(6), "t", 0, commit_of(8));  // committed again while its tombstone is on its way
  offsets.durable({offset(5), offset(7)});
  CHECK(seen(offsets) == 8);

  offsets.begin_remove(offset(7), "t", 0);
  offsets.failed(only(7));
  CHECK(seen(offsets) == 8);
}

TEST_CASE("committed offsets: what is read from the log is seen at once") {
  committed_offsets offsets;
  offsets.put(offset(1), "t", 0, commit_of(5));
  offsets.put(offset(2), "t", 1, commit_of(6));
  offsets.put(offset(3), "t", 0, commit_of(4));  // back is allowed
  CHECK(seen(offsets) == 4);
  offsets.remove(offset(4), "t", 1);
  offsets.remove(offset(5), "u", 9);  // never heard of
  CHECK(offsets.count() == 1);
  offsets.remove(offset(6), "t", 0);
  CHECK(offsets.empty());
  CHECK(offsets.bytes() == 0);
}

TEST_CASE("committed offsets: a walk shows what is durable, by topic and partition") {
  committed_offsets offsets;
  offsets.put(offset(1), "b", 10, commit_of(1));
  offsets.put(offset(2), "b", 9, commit_of(2));
  offsets.put(offset(3), "a", 0, commit_of(3));
  offsets.begin_put(offset(4), "c", 0, commit_of(4));
  std::string walked;
  offsets.each([&](std::string_view topic, int32_t partition, const committed_offset& c) {
    walked += std::string(topic) + std::to_string(partition) + "=" + std::to_string(c.offset.value()) + " ";
  });
  CHECK(walked == "a0=3 b9=2 b10=1 ");
}

TEST_CASE("committed offsets: a topic goes with all that is on its way, and leaves no trace") {
  committed_offsets offsets;
  offsets.put(offset(1), "t", 0, commit_of(1, "metadata"));
  offsets.begin_put(offset(2), "t", 3, commit_of(2, "metadata"));
  offsets.begin_put(offset(3), "t", 0, commit_of(3));
  CHECK(offsets.partitions_of("t") == std::vector<int32_t>{0, 3});
  CHECK(offsets.partitions_of("u").empty());
  offsets.begin_put(offset(4), "u", 0, commit_of(4));
  offsets.remove_topic("t");
  offsets.remove_topic("never heard of");
  CHECK(offsets.pending() == 1);
  offsets.begin_put(offset(5), "t", 0, commit_of(5));  // a new topic of the same name
  offsets.durable({offset(0), offset(5)});
  CHECK(seen(offsets) == -1);
  CHECK(seen(offsets, "t", 3) == -1);
  CHECK(seen(offsets, "u") == 4);
  offsets.durable(only(5));
  CHECK(seen(offsets) == 5);
  offsets.remove_topic("t");
  offsets.remove_topic("u");
  CHECK(offsets.empty());
  CHECK(offsets.count() == 0);
  CHECK(offsets.bytes() == 0);
}

TEST_CASE("committed offsets: a commit becomes a record and comes back, with all it has") {
  const committed_offset commit{.offset = offset(1),
                                .leader_epoch = base::leader_epoch(2),
                                .metadata = "three",
                                .commit_timestamp = 4,
                                .expire_timestamp = 5,
                                .topic_id = base::uuid::from_random(6, 7)};
  CHECK(from_stored(to_stored(commit)) == commit);
  CHECK(to_stored(commit).metadata.data() == commit.metadata.data());
}

TEST_CASE("committed offsets: the bytes held are counted, and a bound for the next commit is known before") {
  committed_offsets offsets;
  const std::string metadata(4000, 'm');
  const std::string topic(200, 't');
  const size_t most = committed_offsets::bytes_most(topic, metadata);
  offsets.begin_put(offset(1), topic, 0, commit_of(1, metadata));
  CHECK(offsets.bytes() > 4200);
  CHECK(offsets.bytes() == most);
  offsets.durable(only(1));
  const size_t durable = offsets.bytes();
  CHECK(durable < most);
  CHECK(durable > 4200);
  offsets.begin_put(offset(2), topic, 0, commit_of(2, metadata));
  CHECK(offsets.bytes() > durable + 4000);
  CHECK(offsets.bytes() - durable <= most);
  offsets.durable(only(2));
  CHECK(offsets.bytes() == durable);
  offsets.put(offset(3), topic, 0, commit_of(3));
  CHECK(offsets.bytes() == durable - 4000);
  offsets.begin_put(offset(4), topic, 1, commit_of(1, metadata));
  offsets.failed(only(4));
  CHECK(offsets.bytes() == durable - 4000);
  offsets.remove(offset(5), topic, 0);
  CHECK(offsets.bytes() == 0);
}

TEST_CASE("committed offsets: metadata over the limit is refused, counted as Kafka counts it") {
  CHECK(check_offset_metadata("", offset_metadata_max_default));
  CHECK(check_offset_metadata(std::string(4096, 'x'), offset_metadata_max_default));
  const auto long_one = check_offset_metadata(std::string(4097, 'x'), offset_metadata_max_default);
  CHECK(long_one.error() == base::error{errc::offset_metadata_too_large, 0, 4097});
  std::string wide;
  for (int i = 0; i < 4096; ++i) wide += "\xc3\xa9";
  CHECK(check_offset_metadata(wide, offset_metadata_max_default));
  CHECK_FALSE(check_offset_metadata(wide + "x", offset_metadata_max_default));
  CHECK(check_offset_metadata("", 0));
  CHECK_FALSE(check_offset_metadata("x", 0));
}

TEST_CASE("committed offsets: they expire by the state of their group, and at the millisecond") {
  // Retention 100; the commits are of 1000. "old" has its own time, 1500; t is subscribed to, u is not.
  committed_offsets offsets;
  int64_t at = 0;
  for (const char* topic : {"t", "u"}) {
    offsets.put(offset(++at), topic, 0, commit_of(1));
    committed_offset old = commit_of(2);
    old.expire_timestamp = 1500;
    offsets.put(offset(++at), topic, 7, old);
  }
  const std::string_view subscription[] = {"a", "t"};
  const std::span<const std::string_view> known(subscription);
  const std::span<const std::string_view> nobody;
  struct row {
    const char* name;
    expiring_group group;
    base::unix_ms now;
    const char* want;
  };
  const row rows[] = {
      {"simple, before", {.has_protocol_type = false}, 1099, ""},
      {"simple", {.has_protocol_type = false}, 1100, "t0 u0 "},
      {"simple, explicit before", {.has_protocol_type = false}, 1499, "t0 u0 "},
      {"simple, explicit", {.has_protocol_type = false}, 1500, "t0 t7 u0 u7 "},
      {"simple, whatever its state", {.has_protocol_type = false, .in = state::other}, 1100, "t0 u0 "},
      {"empty, before", {.has_protocol_type = true, .in = state::empty, .empty_since = 1300}, 1399, ""},
      {"empty", {.has_protocol_type = true, .in = state::empty, .empty_since = 1300}, 1400, "t0 u0 "},
      {"empty, explicit", {.has_protocol_type = true, .in = state::empty, .empty_since = 1450}, 1500, "t7 u7 "},
      {"empty, nobody knows since when", {.has_protocol_type = true, .in = state::empty}, 1100, "t0 u0 "},
      {"empty, an old subscription",
       {.has_protocol_type = true, .in = state::empty, .empty_since = 1000, .subscribed = known},
       1100,
       "t0 u0 "},
      {"stable, before", {.has_protocol_type = true, .in = state::stable, .subscribed = known}, 1099, ""},
      {"stable", {.has_protocol_type = true, .in = state::stable, .subscribed = known}, 1100, "u0 "},
      {"stable, explicit", {.has_protocol_type = true, .in = state::stable, .subscribed = known}, 1500, "u0 u7 "},
      {"stable, not by when it was empty",
       {.has_protocol_type = true, .in = state::stable, .empty_since = 5000, .subscribed = known},
       1100,
       "u0 "},
      {"stable, subscribed to nothing",
       {.has_protocol_type = true, .in = state::stable, .subscribed = nobody},
       1100,
       "t0 u0 "},
      {"stable, not known", {.has_protocol_type = true, .in = state::stable}, 1 << 30, ""},
      {"rebalancing", {.has_protocol_type = true, .in = state::other, .subscribed = known}, 1 << 30, ""},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    CHECK(listed(offsets.expired(r.group, {.now = r.now, .retention_ms = 100})) == r.want);
  }
  CHECK(offsets.count() == 4);  // nothing was removed
}

TEST_CASE("committed offsets: what has a record on its way does not expire, so the next call goes on") {
  committed_offsets offsets;
  for (int32_t p = 0; p < 5; ++p) offsets.put(offset(p), "t", p, commit_of(p));
  const expiring_group simple{};
  const expiry_time late{.now = 9000, .retention_ms = 100};
  CHECK(listed(offsets.expired(simple, late, 2)) == "t0 t1 ");
  offsets.begin_remove(offset(10), "t", 0);
  offsets.begin_remove(offset(11), "t", 1);
  offsets.begin_put(offset(12), "t", 3, commit_of(9));
  CHECK(listed(offsets.expired(simple, late, 2)) == "t2 t4 ");
  CHECK(seen(offsets) == 0);
  offsets.durable({offset(10), offset(12)});
  offsets.failed(only(12));
  CHECK(listed(offsets.expired(simple, late)) == "t2 t3 t4 ");
  CHECK(offsets.expired(simple, late, 0).empty());
}

TEST_CASE("committed offsets: times too far apart to count make nothing expire") {
  committed_offsets ancient;
  committed_offset commit = commit_of(1);
  commit.commit_timestamp = INT64_MIN;
  ancient.put(offset(1), "t", 0, commit);
  CHECK(ancient.expired({}, {.now = 1000, .retention_ms = 100}).empty());
  committed_offsets future;
  commit.commit_timestamp = INT64_MAX;
  future.put(offset(1), "t", 0, commit);
  CHECK(future.expired({}, {.now = 1000, .retention_ms = 100}).empty());
  CHECK(future.expired({}, {.now = -1000, .retention_ms = 100}).empty());
}

}  // namespace millrace::broker
