#include <array>

#include <doctest/doctest.h>

#include "base/prng.hh"
#include "broker/group/group_records.hh"
#include "stored_vectors.hh"

/// Whatever the bytes are, a record decodes to something or to an error: run under sanitizers, this is the proof that
/// nothing is read outside of them.

namespace millrace::broker {
namespace {

using namespace test;

/// A copy of exactly its size on the heap, so that a sanitizer sees the byte after it.
std::vector<uint8_t> heap(std::string_view text) { return {text.begin(), text.end()}; }

struct pair {
  std::string_view key;
  std::string_view value;
};
constexpr std::array pairs = {
    pair{offset_key_0, commit_0},
    pair{offset_key_1, commit_1},
    pair{offset_key_1, commit_2},
    pair{offset_key_1, commit_3},
    pair{offset_key_1, commit_4},
    pair{offset_key_1, commit_4_with_id},
    pair{group_key, group_0},
    pair{group_key, group_1},
    pair{group_key, group_2},
    pair{group_key, group_3},
    pair{group_key, group_4},
    pair{group_key, empty_group_3},
    pair{offset_key_1, commit_4_with_news},
};

/// What was read can be written, and what is written can be read: the same where no version lacks a field of it.
void check_rewritten(const coordinator_record& read) {
  if (std::holds_alternative<unknown_record>(read)) return;
  const timed_record one[] = {{1, read}};
  std::vector<uint8_t> target;
  REQUIRE(build_coordinator_batch(one, target));
  std::vector<uint8_t> unpacked;
  const auto again = read_coordinator_batch(*record::batch_view::frame(target), unpacked, 0);
  REQUIRE(again);
  REQUIRE(again->front().what.ok());
  const auto* offset = std::get_if<stored_offset>(&read);
  const bool expires = offset != nullptr && offset->commit && offset->commit->expire_timestamp != record::no_timestamp;
  if (!expires) CHECK(*again->front().what == read);
}

}  // namespace

TEST_CASE("group records: cut anywhere, a key or a value is an error") {
  for (const pair& p : pairs) {
    for (size_t size = 0; size < p.key.size(); ++size) {
      CAPTURE(size);
      const auto key = heap(p.key.substr(0, size));
      const auto value = heap(p.value);
      const auto got = decode_coordinator_record(base::bytes(key), base::bytes(value));
      REQUIRE_FALSE(got);
      CHECK(got.error().place <= place(coordinator_part::group_metadata_key));
    }
    for (size_t size = 0; size < p.value.size(); ++size) {
      CAPTURE(size);
      const auto key = heap(p.key);
      const auto value = heap(p.value.substr(0, size));
      const auto got = decode_coordinator_record(base::bytes(key), base::bytes(value));
      REQUIRE_FALSE(got);
      CHECK(got.error().place ==
            place(p.key == group_key ? coordinator_part::group_metadata_value : coordinator_part::offset_commit_value));
    }
  }
}

TEST_CASE("group records: with bytes changed at random they are an error or can be written again") {
  base::prng random(19);
  size_t read = 0;
  for (int i = 0; i < 30000; ++i) {
    const pair& p = pairs[random.below(pairs.size())];
    auto key = heap(p.key);
    auto value = heap(p.value);
    const uint64_t changes = random.below(4);
    for (uint64_t k = 0; k < changes; ++k) {
      auto& which = random.chance(0.2) ? key : value;
      which[random.below(which.size())] = static_cast<uint8_t>(random.chance(0.5) ? random.next() : random.below(4));
    }
    const auto got = decode_coordinator_record(base::bytes(key), base::bytes(value));
    if (!got) continue;
    ++read;
    check_rewritten(*got);
  }
  CHECK(read > 5000);
}

TEST_CASE("group records: random bytes are an error or can be written again") {
  base::prng random(23);
  const auto fill = [&](std::vector<uint8_t>& bytes) {
    const double noise = random.unit() * 0.5;
    for (uint8_t& b : bytes) b = static_cast<uint8_t>(random.chance(noise) ? random.next() : random.below(2));
  };
  size_t read = 0;
  for (int i = 0; i < 30000; ++i) {
    std::vector<uint8_t> key(random.below(20));
    std::vector<uint8_t> value(16 + random.below(18));
    fill(key);
    fill(value);
    if (random.chance(0.8)) key = heap(random.chance(0.5) ? offset_key_1 : group_key);
    if (random.chance(0.8)) base::store_big(value.data(), static_cast<int16_t>(random.below(6)));
    const auto got = decode_coordinator_record(base::bytes(key), base::bytes(value));
    if (!got || std::holds_alternative<unknown_record>(*got)) continue;
    ++read;
    check_rewritten(*got);
  }
  CHECK(read > 100);
}

TEST_CASE("group records: a batch of damaged bytes is an error or a list") {
  std::vector<timed_record> records;
  for (int32_t i = 0; i < 4; ++i) {
    records.push_back({i, stored_offset{.group = "grp", .topic = "tp", .partition = i, .commit = stored_commit{}}});
  }
  records.push_back({9, group_metadata{.group = "grp", .state = example_state()}});
  std::vector<uint8_t> whole;
  REQUIRE(build_coordinator_batch(records, whole));
  base::prng random(29);
  for (int i = 0; i < 20000; ++i) {
    auto damaged = whole;
    for (int k = 0; k < 2; ++k) {
      const size_t at = record::header::attributes_at + random.below(damaged.size() - record::header::attributes_at);
      damaged[at] = static_cast<uint8_t>(random.next());
    }
    std::vector<uint8_t> unpacked;
    const auto read = read_coordinator_batch(*record::batch_view::frame(damaged), unpacked, 1 << 16);
    if (read) CHECK(read->size() <= records.size());
  }
}

TEST_CASE("group records: a group of many members that say nothing is read") {
  // The members' structs are much larger than their bytes.
  constexpr size_t count = 5000;
  std::string value = "\0\4\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0"s;
  value += "\x89\x27"s;  // 5,000 + 1
  for (size_t i = 0; i < count; ++i) value += "\1\0\1\1\0\0\0\0\0\0\0\0\1\1\0"s;
  value += '\0';
  const auto got = decode_coordinator_record(base::as_bytes(group_key), base::as_bytes(value));
  REQUIRE(got);
  CHECK(std::get<group_metadata>(*got).state->members.size() == count);
}

}  // namespace millrace::broker
