#include "record/record_walker.hh"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/varint.hh"
#include "batches.hh"

using namespace millrace;
using namespace millrace::record;
using namespace millrace::record::tests;
using base::errc;

namespace {

using octets = std::vector<uint8_t>;

struct outcome {
  base::error why{};  // code 0: fine
  walk_summary summary;
  friend bool operator==(const outcome& a, const outcome& b) {
    if (!(a.why == b.why)) return false;
    const walk_summary &x = a.summary, &y = b.summary;
    return a.why.code != errc{} ||
           (x.count == y.count && x.max_timestamp == y.max_timestamp && x.found_delta == y.found_delta &&
            x.max_timestamp_delta == y.max_timestamp_delta && x.found_timestamp == y.found_timestamp &&
            x.null_keys == y.null_keys && x.first_null_key == y.first_null_key && x.fault_count == y.fault_count);
  }
};

/// Feeds pieces as `next_size` cuts them.
template <class NextSize>
outcome walk(bytes records, const walk_rules& rules, NextSize next_size) {
  record_walker walker(rules);
  while (!records.empty()) {
    const size_t step = std::min<size_t>(next_size(), records.size());
    // A copy of its own size, so that a read beyond the piece is seen by the sanitizer.
    const octets piece(records.begin(), records.begin() + static_cast<ptrdiff_t>(step));
    if (const auto fed = walker.feed(piece); !fed) return {fed.error(), walker.summary()};
    records = records.subspan(step);
  }
  if (const auto done = walker.finish(); !done) return {done.error(), walker.summary()};
  return {{}, walker.summary()};
}

outcome walk_whole(bytes records, const walk_rules& rules) {
  return walk(records, rules, [] { return SIZE_MAX; });
}

walk_rules rules_for(int32_t count) {
  walk_rules rules;
  rules.count = count;
  rules.last_offset_delta = count - 1;
  return rules;
}

}  // namespace

TEST_CASE("record_walker: refuses every malformed record at its place") {
  // zigzag: 1 is written 0x02, -1 as 0x01, n as 2n.
  struct row {
    const char* name;
    octets record;
    check want;  // none: fine
  };
  const row rows[] = {
      {"smallest", {0x0c, 0, 0, 0, 1, 1, 0}, check::none},
      {"empty key and value", {0x0c, 0, 0, 0, 0, 0, 0}, check::none},
      {"unknown attributes", {0x0c, 0xff, 0, 0, 1, 1, 0}, check::none},
      {"one header with null value", {0x10, 0, 0, 0, 1, 1, 2, 0, 1}, check::none},
      {"header with key and value", {0x14, 0, 0, 0, 1, 1, 2, 2, 'k', 2, 'v'}, check::none},
      {"nothing", {}, check::record_count},
      {"length 0", {0x00}, check::record_length},
      {"length -1", {0x01}, check::record_length},
      {"length overlong", {0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, check::record_length},
      {"length cut short", {0x8c}, check::record_length},
      {"length without record", {0x0c}, check::record_length},
      {"cut at the end", {0x0c, 0, 0, 0, 1, 1}, check::record_length},
      {"too short for its fields", {0x0a, 0, 0, 0, 1, 1, 0}, check::record_length},
      {"too long for its fields", {0x0e, 0, 0, 0, 1, 1, 0, 0}, check::record_length},
      {"attributes alone", {0x02, 0}, check::record_length},
      {"timestamp overlong",
       {0x20, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02, 0, 1, 1, 0, 0},
       check::record_length},
      {"delta overlong", {0x16, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x10, 1, 1, 0, 0}, check::record_length},
      {"key length -2", {0x0c, 0, 0, 0, 3, 1, 0}, check::record_length},
      {"key past the record", {0x0c, 0, 0, 0, 6, 1, 0}, check::record_length},
      {"key of 2 GiB", {0x14, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0x0f, 1, 0}, check::record_length},
      {"key to the record's end", {0x0c, 0, 0, 0, 4, 1, 0}, check::record_length},
      {"value length -2", {0x0c, 0, 0, 0, 1, 3, 0}, check::record_length},
      {"value past the record", {0x0c, 0, 0, 0, 1, 4, 0}, check::record_length},
      {"header count -1", {0x0c, 0, 0, 0, 1, 1, 1}, check::headers},
      {"more headers than bytes", {0x10, 0, 0, 0, 1, 1, 4, 0, 1}, check::headers},
      {"headers of 2 GiB", {0x14, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f}, check::headers},
      {"null header key", {0x10, 0, 0, 0, 1, 1, 2, 1, 1}, check::headers},
      {"header key past the record", {0x10, 0, 0, 0, 1, 1, 2, 4, 1}, check::headers},
      {"header value length -2", {0x10, 0, 0, 0, 1, 1, 2, 0, 3}, check::headers},
      {"header value past the record", {0x10, 0, 0, 0, 1, 1, 2, 0, 2}, check::headers},
      {"byte after the headers", {0x12, 0, 0, 0, 1, 1, 2, 0, 1, 0}, check::record_length},
      {"delta 1 where 0 belongs", {0x0c, 0, 0, 2, 1, 1, 0}, check::offset_delta},
      {"delta -1", {0x0c, 0, 0, 1, 1, 1, 0}, check::offset_delta},
      {"a second record", {0x0c, 0, 0, 0, 1, 1, 0, 0x0c, 0, 0, 2, 1, 1, 0}, check::record_count},
      {"a byte after the last", {0x0c, 0, 0, 0, 1, 1, 0, 0x00}, check::record_count},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    const outcome whole = walk_whole(r.record, rules_for(1));
    CHECK(whole.why.place == place(r.want));
    if (r.want != check::none) CHECK(whole.why.code == errc::invalid_record);
    const outcome bytewise = walk(r.record, rules_for(1), [] { return 1; });
    CHECK(bytewise.why.place == place(r.want));
    CHECK(bytewise.summary.count == whole.summary.count);
  }
}

TEST_CASE("record_walker: a timestamp past 64 bits is refused") {
  walk_rules rules = rules_for(1);
  rules.base_timestamp = INT64_MAX;
  CHECK(walk_whole(octets{0x0c, 0, 0, 0, 1, 1, 0}, rules).why.code == errc{});
  CHECK(walk_whole(octets{0x0c, 0, 2, 0, 1, 1, 0}, rules).why.place == place(check::timestamp));
}

TEST_CASE("record_walker: sees what is in the batch, wherever the pieces are cut") {
  base::prng random(3);
  for (int turn = 0; turn < 300; ++turn) {
    const bool gaps = random.chance(0.3);
    const auto records = random_records(random, {.gaps = gaps});
    const octets data = batch_of(records);
    const batch_view batch = view(data);
    walk_rules rules = gaps ? walk_rules::stored(batch) : walk_rules::produced(batch);
    rules.search_timestamp = 1700000000000 + random.between(-6000, 6000);
    if (random.chance(0.5)) rules.search_delta = static_cast<int32_t>(random.below(records.size() + 1));

    const plain_record* largest = nullptr;
    const plain_record* found = nullptr;
    int32_t null_keys = 0, first_null = -1;
    for (size_t i = 0; i < records.size(); ++i) {
      const plain_record& r = records[i];
      const bool counts = r.offset_delta >= rules.search_delta;
      if (counts && r.timestamp != no_timestamp && (largest == nullptr || r.timestamp > largest->timestamp)) largest = &r;
      if (counts && found == nullptr && r.timestamp >= rules.search_timestamp) found = &r;
      if (!r.key && null_keys++ == 0) first_null = static_cast<int32_t>(i);
    }
    const outcome seen = walk_whole(batch.records(), rules);
    REQUIRE(seen.why.code == errc{});
    REQUIRE(seen.summary.count == static_cast<int32_t>(records.size()));
    REQUIRE(seen.summary.max_timestamp == (largest ? largest->timestamp : no_timestamp));
    REQUIRE(seen.summary.max_timestamp_delta == (largest ? largest->offset_delta : -1));
    REQUIRE(seen.summary.found_delta == (found ? found->offset_delta : -1));
    REQUIRE(seen.summary.found_timestamp == (found ? found->timestamp : no_timestamp));
    REQUIRE(seen.summary.null_keys == null_keys);
    REQUIRE(seen.summary.first_null_key == first_null);
    REQUIRE(seen.summary.fault_count == 0);

    REQUIRE(walk(batch.records(), rules, [] { return 1; }) == seen);
    const uint64_t piece_max = 1 + random.below(300);
    REQUIRE(walk(batch.records(), rules, [&] { return 1 + random.below(piece_max); }) == seen);
  }
}

TEST_CASE("record_walker: damaged records are judged alike whole and in pieces") {
  base::prng random(4);
  int refused = 0;
  for (int turn = 0; turn < 3000; ++turn) {
    octets data = batch_of(random_records(random, {.count_max = 6, .text_max = 20}));
    const walk_rules rules = walk_rules::produced(view(data));
    const mutable_bytes records = mutable_bytes(data).subspan(header::size);
    for (uint64_t flips = 1 + random.below(3); flips > 0; --flips) {
      records[random.below(records.size())] ^= static_cast<uint8_t>(1u << random.below(8));
    }
    const outcome whole = walk_whole(records, rules);
    const outcome pieces = walk(records, rules, [&] { return 1 + random.below(9); });
    REQUIRE((whole.why.code == errc{}) == (pieces.why.code == errc{}));
    if (whole.why.code == errc{}) REQUIRE(whole == pieces);
    refused += whole.why.code != errc{} ? 1 : 0;
  }
  CHECK(refused > 500);
}

TEST_CASE("record_walker: faults are counted, listed as far as there is room, and do not stop the walk") {
  octets out;
  batch_builder builder(out, {});
  const auto text = base::as_bytes("x");
  builder.add({1000, text, text, {}});
  builder.add({2001, text, text, {}});          // too late
  builder.add({1000, std::nullopt, text, {}});  // no key
  builder.add({-1, text, text, {}});            // no time: never a fault
  builder.add({999, std::nullopt, text, {}});   // no key comes before the time
  builder.add({999, text, text, {}});           // too early
  builder.add({2000, text, text, {}});
  REQUIRE(builder.finish().ok());
  const batch_view batch = view(out);

  record_fault faults[8];
  walk_rules rules = walk_rules::produced(batch);
  rules.timestamp_least = 1000;
  rules.timestamp_most = 2000;
  rules.keys_required = true;
  rules.faults = faults;
  const walk_summary all = walk_whole(batch.records(), rules).summary;
  CHECK(all.count == 7);
  REQUIRE(all.fault_count == 4);
  const struct {
    int32_t index;
    errc code;
    check why;
  } want[] = {{1, errc::invalid_timestamp, check::timestamp},
              {2, errc::invalid_record, check::key},
              {4, errc::invalid_record, check::key},
              {5, errc::invalid_timestamp, check::timestamp}};
  for (size_t i = 0; i < 4; ++i) {
    CHECK(faults[i].index == want[i].index);
    CHECK(faults[i].code == want[i].code);
    CHECK(faults[i].why == want[i].why);
  }
  CHECK(all.fault_code() == errc::invalid_timestamp);
  CHECK(all.first_null_key == 2);

  rules.faults = std::span(faults).first(1);
  faults[1].index = -7;
  CHECK(walk_whole(batch.records(), rules).summary.fault_count == 4);
  CHECK(faults[1].index == -7);

  rules.timestamp_most = INT64_MAX;
  rules.timestamp_least = INT64_MIN;
  CHECK(walk_whole(batch.records(), rules).summary.fault_code() == errc::invalid_record);
}

TEST_CASE("record_walker: in a LogAppendTime batch of the log every record has the batch's time") {
  octets out;
  batch_builder builder(out, {.log_append_time = 5000});
  builder.add({1, std::nullopt, std::nullopt, {}});
  builder.add({9999, std::nullopt, std::nullopt, {}});
  REQUIRE(builder.finish().ok());
  const walk_summary stored = walk_whole(view(out).records(), walk_rules::stored(view(out))).summary;
  CHECK(stored.max_timestamp == 5000);
  CHECK(stored.max_timestamp_delta == 0);
  const walk_summary produced = walk_whole(view(out).records(), walk_rules::produced(view(out))).summary;
  CHECK(produced.max_timestamp == 9999);
  CHECK(produced.max_timestamp_delta == 1);
}

TEST_CASE("record_walker: gaps are for the log, not for clients") {
  const octets data = batch_of({{0, 1, {}, "a", {}}, {3, 1, {}, "b", {}}, {4, 1, {}, "c", {}}});
  const batch_view batch = view(data);
  CHECK(walk_whole(batch.records(), walk_rules::stored(batch)).why.code == errc{});
  CHECK(walk_whole(batch.records(), walk_rules::produced(batch)).why ==
        base::error{errc::invalid_record, place(check::offset_delta), 1});
  walk_rules short_range = walk_rules::stored(batch);
  short_range.last_offset_delta = 3;
  CHECK(walk_whole(batch.records(), short_range).why == base::error{errc::invalid_record, place(check::offset_delta), 2});
}
