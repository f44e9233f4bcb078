#include "broker/catalog/file_store.hh"

#include <doctest/doctest.h>

#include "base/prng.hh"
#include "reactor/file.hh"
#include "sim/world.hh"

namespace millrace::broker {
namespace {

using base::errc;

const std::string path = "/data/meta/catalog";

struct disk {
  sim::world w{1};
  sim::node& n{w.add_node()};
  disk() { n.disk().make_directories("/data/meta"); }
  base::result<meta_store::contents> load() {
    file_store store(n.core(), path);
    return w.run(n, 0, store.load());
  }
};

std::vector<meta_change> one(std::string key, std::optional<std::string> value) {
  std::vector<meta_change> changes;
  changes.push_back({std::move(key), std::move(value)});
  return changes;
}

/// Puts version after version for ever; notes what was acknowledged.
reactor::task<void> put_for_ever(file_store* store, uint64_t* acknowledged) {
  for (uint64_t i = 1;; ++i) {
    std::vector<meta_change> changes = one("count", std::to_string(i));
    changes.push_back({"filler", std::string(i % 7 * 3000, 'f')});
    const auto done = co_await store->put_if(i - 1, std::move(changes));
    ASSERT(done);
    *acknowledged = i;
  }
}

}  // namespace

TEST_CASE("file store: where there is no file there is nothing, at revision 0") {
  disk d;
  const auto found = d.load();
  REQUIRE(found);
  CHECK(found->revision == 0);
  CHECK(found->entries.empty());
}

TEST_CASE("file store: changes come back, removals too, and the revision counts them") {
  disk d;
  file_store store(d.n.core(), path);
  CHECK(*d.w.run(d.n, 0, store.put_if(0, one("b", "2"))) == 1);
  CHECK(*d.w.run(d.n, 0, store.put_if(1, one("a", std::string("\0\xff", 2)))) == 2);
  CHECK(*d.w.run(d.n, 0, store.put_if(2, one("b", std::nullopt))) == 3);
  CHECK(*d.w.run(d.n, 0, store.put_if(3, one("no such", std::nullopt))) == 4);
  const auto found = d.load();
  REQUIRE(found);
  CHECK(found->revision == 4);
  CHECK(found->entries == meta_entries{{"a", std::string("\0\xff", 2)}});
}

TEST_CASE("file store: a change based on another revision is refused and changes nothing") {
  disk d;
  file_store store(d.n.core(), path);
  REQUIRE(d.w.run(d.n, 0, store.put_if(0, one("a", "1"))));
  CHECK(d.w.run(d.n, 0, store.put_if(0, one("a", "2"))).error().code == errc::busy);
  CHECK(d.w.run(d.n, 0, store.put_if(2, one("a", "3"))).error().code == errc::busy);
  CHECK(d.load()->entries == meta_entries{{"a", "1"}});
}

TEST_CASE("file store: what cannot be written leaves the old state, and the next change works") {
  disk d;
  file_store store(d.n.core(), path);
  REQUIRE(d.w.run(d.n, 0, store.put_if(0, one("a", "1"))));
  for (const auto kind : {reactor::op_kind::open, reactor::op_kind::write, reactor::op_kind::rename}) {
    d.n.disk().add_rule({.kind = kind, .path_part = "meta", .error = 28});
    CHECK(d.w.run(d.n, 0, store.put_if(1, one("a", "2"))).error().code == errc::no_space);
    d.n.disk().clear_rules();
    CHECK(d.load()->entries == meta_entries{{"a", "1"}});
  }
  CHECK(*d.w.run(d.n, 0, store.put_if(1, one("a", "3"))) == 2);
  CHECK(d.load()->entries == meta_entries{{"a", "3"}});
}

TEST_CASE("file store: a damaged or foreign file is an error, wherever a bit differs") {
  disk d;
  {
    file_store store(d.n.core(), path);
    REQUIRE(d.w.run(d.n, 0, store.put_if(0, one("key", "a value"))));
  }
  const std::vector<uint8_t> whole = *d.n.disk().contents(path);
  for (size_t i = 0; i < whole.size(); ++i) {
    CAPTURE(i);
    std::vector<uint8_t> bad = whole;
    bad[i] ^= 0x10;
    d.n.disk().put(path, bad);
    const auto found = d.load();
    REQUIRE_FALSE(found);
    CHECK((found.error().code == errc::corrupt || found.error().code == errc::foreign ||
           found.error().code == errc::truncated));
  }
  for (size_t size = 0; size < whole.size(); ++size) {
    d.n.disk().put(path, base::bytes(whole).first(size));
    CHECK_FALSE(d.load());
  }
  d.n.disk().put(path, base::as_bytes("#!/bin/sh\nexec something else entirely\n"));
  CHECK(d.load().error().code == errc::foreign);
}

TEST_CASE("file store: entries out of order, twice or cut are corrupt; any bytes are survived") {
  meta_store::contents all{.revision = 3, .entries = {{"a", "1"}, {"b", "22"}}};
  const std::string good = encode_entries(all);
  REQUIRE(decode_entries(base::as_bytes(good)));
  CHECK(decode_entries(base::as_bytes(good))->entries == all.entries);
  for (size_t size = 0; size < good.size(); ++size) {
    CHECK(decode_entries(base::as_bytes(good.substr(0, size))).error().code == errc::corrupt);
  }
  CHECK_FALSE(decode_entries(base::as_bytes(good + "x")));
  std::string twice = good;
  twice[twice.find('b')] = 'a';
  CHECK_FALSE(decode_entries(base::as_bytes(twice)));
  base::prng random(3);
  for (int i = 0; i < 20000; ++i) {
    std::string bad = good;
    for (int k = 0; k < 3; ++k) bad[random.below(bad.size())] = static_cast<char>(random.next());
    const auto found = decode_entries(base::as_bytes(bad));
    if (found) CHECK(found->entries.size() <= 2);
  }
}

TEST_CASE("file store: power may go at any moment; what was acknowledged is there, whole") {
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    sim::world w(seed);
    sim::node& n = w.add_node();
    n.disk().make_directories("/data/meta");
    uint64_t acknowledged = 0;
    {
      file_store store(n.core(), path);
      auto task = w.start(n, 0, put_for_ever(&store, &acknowledged));
      w.run_for(base::microseconds(static_cast<int64_t>(seed) * 131));
      w.crash(n);
    }
    w.restart(n, 1);
    file_store store(n.core(), path);
    const auto found = w.run(n, 0, store.load());
    REQUIRE(found);
    CHECK(found->revision >= acknowledged);
    CHECK(found->revision <= acknowledged + 1);
    if (found->revision == 0) continue;
    CHECK(found->entries.at("count") == std::to_string(found->revision));
    CHECK(found->entries.at("filler").size() == found->revision % 7 * 3000);
  }
}

}  // namespace millrace::broker
