#include <algorithm>

#include <doctest/doctest.h>

#include "base/prng.hh"
#include "broker/group/committed_offsets.hh"

/// A long life of one group's offsets against a model that keeps the whole log and looks through it for every answer.

namespace millrace::broker {
namespace {

using base::offset;

enum class fate { pending, durable, failed };

/// One record of the log, at its index.
struct entry {
  offset_key key;
  std::optional<committed_offset> commit;
  fate is = fate::pending;
  bool forgotten = false;
};

struct model {
  std::vector<entry> log;

  /// Of what is durable the newest.
  std::optional<committed_offset> seen(const offset_key& key) const {
    for (size_t i = log.size(); i-- > 0;) {
      const entry& e = log[i];
      if (e.key == key && e.is == fate::durable && !e.forgotten) return e.commit;
    }
    return {};
  }
  bool pending(const offset_key& key) const {
    return std::ranges::any_of(log, [&](const entry& e) { return e.key == key && e.is == fate::pending && !e.forgotten; });
  }
  size_t pending_count() const {
    return static_cast<size_t>(
        std::ranges::count_if(log, [](const entry& e) { return e.is == fate::pending && !e.forgotten; }));
  }
};

constexpr int32_t partitions = 4;
const std::string topics[] = {"a", "b", "c"};

bool should_expire(const expiring_group& g, const offset_key& key, const committed_offset& c, expiry_time t) {
  const bool own_time = c.expire_timestamp != record::no_timestamp;
  const bool by_commit = own_time ? t.now >= c.expire_timestamp : t.now - c.commit_timestamp >= t.retention_ms;
  if (!g.has_protocol_type) return by_commit;
  if (g.in == expiring_group::state::empty) {
    if (own_time || g.empty_since == record::no_timestamp) return by_commit;
    return t.now - g.empty_since >= t.retention_ms;
  }
  if (g.in != expiring_group::state::stable || !g.subscribed) return false;
  return by_commit && std::ranges::find(*g.subscribed, std::string_view(key.topic)) == g.subscribed->end();
}

class life {
 public:
  explicit life(uint64_t seed) : random_(seed) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      check();
    }
    settle();
  }

 private:
  offset_key some_key() { return {topics[random_.below(3)], static_cast<int32_t>(random_.below(partitions))}; }

  committed_offset some_commit() {
    committed_offset c{.offset = offset(random_.between(0, 1000)), .commit_timestamp = random_.between(0, 100)};
    c.metadata.assign(random_.below(40), 'm');
    if (random_.chance(0.2)) c.expire_timestamp = random_.between(0, 150);
    return c;
  }

  void append() {
    entry e{.key = some_key(), .commit = {}};
    if (random_.chance(0.8)) e.commit = some_commit();
    const auto at = offset(static_cast<int64_t>(model_.log.size()));
    const size_t most = committed_offsets::bytes_most(e.key.topic, e.commit ? e.commit->metadata : "");
    const size_t before = real_.bytes();
    if (e.commit) {
      real_.begin_put(at, e.key.topic, e.key.partition, *e.commit);
    } else {
      real_.begin_remove(at, e.key.topic, e.key.partition);
    }
    CHECK(real_.bytes() <= before + most);
    model_.log.push_back(e);
  }

  void end(fate how) {
    const auto size = static_cast<int64_t>(model_.log.size());
    const int64_t begin = std::max<int64_t>(0, size - random_.between(1, 12));
    const int64_t limit = std::min(size, begin + random_.between(1, 4));
    for (int64_t i = begin; i < limit; ++i) {
      entry& e = model_.log[static_cast<size_t>(i)];
      if (e.is == fate::pending) e.is = how;
    }
    const offsets_range range{offset(begin), offset(limit)};
    how == fate::durable ? real_.durable(range) : real_.failed(range);
  }

  void forget() {
    const std::string& topic = topics[random_.below(3)];
    for (entry& e : model_.log) e.forgotten |= e.key.topic == topic;
    real_.remove_topic(topic);
  }

  void step() {
    const uint64_t what = random_.below(100);
    if (what < 50) {
      append();
    } else if (what < 85) {
      end(fate::durable);
    } else if (what < 98) {
      end(fate::failed);
    } else {
      forget();
    }
  }

  void check() {
    size_t count = 0;
    committed_offsets fresh;
    for (const std::string& topic : topics) {
      for (int32_t p = 0; p < partitions; ++p) {
        const auto want = model_.seen({topic, p});
        const committed_offset* got = real_.find(topic, p);
        REQUIRE((got != nullptr) == want.has_value());
        if (!want) continue;
        REQUIRE(*got == *want);
        ++count;
        fresh.put(offset(1), topic, p, *want);
      }
    }
    REQUIRE(real_.count() == count);
    REQUIRE(real_.pending() == model_.pending_count());
    if (real_.pending() == 0) {
      REQUIRE(real_.bytes() == fresh.bytes());
      REQUIRE(real_.empty() == (count == 0));
    } else {
      REQUIRE(real_.bytes() > fresh.bytes());
    }
    check_expired();
  }

  void check_expired() {
    std::vector<std::string_view> subscription;
    for (const std::string& topic : topics) {
      if (random_.chance(0.5)) subscription.emplace_back(topic);
    }
    expiring_group group{.has_protocol_type = random_.chance(0.7),
                         .in = static_cast<expiring_group::state>(random_.below(3)),
                         .empty_since = random_.chance(0.8) ? random_.between(0, 100) : record::no_timestamp};
    if (random_.chance(0.8)) group.subscribed = subscription;
    const expiry_time time{.now = random_.between(0, 200), .retention_ms = random_.between(0, 100)};
    std::vector<offset_key> want;
    real_.each([&](std::string_view topic, int32_t partition, const committed_offset& c) {
      const offset_key key{std::string(topic), partition};
      if (!model_.pending(key) && should_expire(group, key, c, time)) want.push_back(key);
    });
    REQUIRE(real_.expired(group, time) == want);
    if (want.size() > 1) want.resize(1);
    REQUIRE(real_.expired(group, time, 1) == want);
  }

  void settle() {
    real_.durable({offset(0), offset(INT64_MAX)});
    for (entry& e : model_.log) {
      if (e.is == fate::pending) e.is = fate::durable;
    }
    check();
    CHECK(real_.pending() == 0);
    for (const std::string& topic : topics) {
      for (const int32_t p : real_.partitions_of(topic)) real_.remove(offset(INT64_MAX), topic, p);
    }
    CHECK(real_.empty());
    CHECK(real_.count() == 0);
    CHECK(real_.bytes() == 0);
  }

  base::prng random_;
  model model_;
  committed_offsets real_;
};

}  // namespace

TEST_CASE("committed offsets: a long life agrees with a log that is read whole each time") {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    life(seed).run(400);
  }
}

}  // namespace millrace::broker
