#include "broker/group/group_records.hh"

#include <doctest/doctest.h>

#include "record/check.hh"
#include "record/verify.hh"
#include "stored_vectors.hh"
#include "wire/kafka/messages/stored_offsets.hh"

namespace millrace::broker {
namespace {

using namespace test;
using base::errc;

/// Decodes the bytes of a key and a value; the views of what comes out are into them.
base::result<coordinator_record> decode(std::string_view key, std::optional<std::string_view> value) {
  std::optional<base::bytes> value_bytes;
  if (value) value_bytes = base::as_bytes(*value);
  return decode_coordinator_record(base::as_bytes(key), value_bytes);
}

/// A value as the codec writes it.
template <class Message>
std::string encoded(const Message& message, int16_t version) {
  std::vector<uint8_t> bytes(2 + wire::kafka::size_of(message, version));
  wire::kafka::writer to(bytes);
  to.number(version);
  wire::kafka::encode(to, message, version);
  return std::string(base::as_text(bytes));
}

/// What stands in the batch: key and value of each record.
struct raw_record {
  std::string key;
  std::optional<std::string> value;
  base::unix_ms timestamp;
};
std::vector<raw_record> raw_records(base::bytes batch_bytes) {
  const auto batch = record::batch_view::frame(batch_bytes);
  REQUIRE(batch);
  CHECK(record::verify_crc(*batch));
  std::vector<raw_record> out;
  record::record_iterator walk(batch->records(), batch->record_count());
  record::record_view r;
  for (;;) {
    const auto more = walk.next(r);
    REQUIRE(more);
    if (!*more) return out;
    raw_record raw{std::string(base::as_text(*r.key)), {}, batch->base_timestamp() + r.timestamp_delta};
    if (r.value) raw.value = std::string(base::as_text(*r.value));
    out.push_back(std::move(raw));
  }
}

}  // namespace

TEST_CASE("group records: offsets of every version are read") {
  struct row {
    std::string_view value;
    stored_commit want;
  };
  const row rows[] = {
      {commit_0, {.offset = base::offset(5), .metadata = "md", .commit_timestamp = 1000}},
      {commit_1, {.offset = base::offset(5), .metadata = "md", .commit_timestamp = 1000, .expire_timestamp = 2000}},
      {commit_2, {.offset = base::offset(5), .metadata = "md", .commit_timestamp = 1000}},
      {commit_3,
       {.offset = base::offset(5), .leader_epoch = base::leader_epoch(7), .metadata = "md", .commit_timestamp = 1000}},
      {commit_4,
       {.offset = base::offset(5), .leader_epoch = base::leader_epoch(7), .metadata = "md", .commit_timestamp = 1000}},
      {commit_4_with_id,
       {.offset = base::offset(5),
        .leader_epoch = base::leader_epoch(7),
        .metadata = "md",
        .commit_timestamp = 1000,
        .topic_id = base::uuid::load(reinterpret_cast<const uint8_t*>("0123456789abcdef"))}},
      {commit_4_with_news,
       {.offset = base::offset(5), .leader_epoch = base::leader_epoch(7), .metadata = "md", .commit_timestamp = 1000}},
  };
  for (const row& r : rows) {
    CAPTURE(r.want.expire_timestamp);
    const stored_offset want{.group = "grp", .topic = "tp", .partition = 258, .commit = r.want};
    CHECK(*decode(offset_key_1, r.value) == coordinator_record(want));
    CHECK(*decode(offset_key_0, r.value) == coordinator_record(want));
  }
  const stored_offset gone{.group = "grp", .topic = "tp", .partition = 258, .commit = {}};
  CHECK(*decode(offset_key_1, std::nullopt) == coordinator_record(gone));
  CHECK(*decode(offset_key_0, std::nullopt) == coordinator_record(gone));
}

TEST_CASE("group records: groups of every version are read") {
  group_metadata want{.group = "grp", .state = example_state()};
  group_metadata_value& state = *want.state;
  CHECK(*decode(group_key, group_3) == coordinator_record(want));
  CHECK(*decode(group_key, group_4) == coordinator_record(want));
  state.members[0].group_instance_id.reset();
  CHECK(*decode(group_key, group_2) == coordinator_record(want));
  state.current_state_timestamp = record::no_timestamp;
  CHECK(*decode(group_key, group_1) == coordinator_record(want));
  state.members[0].rebalance_timeout_ms = -1;
  CHECK(*decode(group_key, group_0) == coordinator_record(want));
  CHECK(*decode(group_key, empty_group_3) == coordinator_record(group_metadata{.group = "grp", .state = empty_state()}));
  CHECK(*decode(group_key, std::nullopt) == coordinator_record(group_metadata{.group = "grp", .state = {}}));
}

TEST_CASE("group records: in every version the generated codec writes the bytes that are written here by hand") {
  using wire::kafka::offset_commit_value;
  const offset_commit_value commit{
      .offset = 5, .leader_epoch = 7, .metadata = "md", .commit_timestamp = 1000, .expire_timestamp = 2000};
  const std::string_view commits[] = {commit_0, commit_1, commit_2, commit_3, commit_4};
  for (int16_t version = 0; version <= offset_commit_value::max_version; ++version) {
    CAPTURE(version);
    CHECK(encoded(commit, version) == commits[version]);
  }
  wire::kafka::group_metadata_value_member_metadata member[] = {{.member_id = "m1",
                                                                 .group_instance_id = "i1",
                                                                 .client_id = "c1",
                                                                 .client_host = "/h",
                                                                 .rebalance_timeout = 3,
                                                                 .session_timeout = 4,
                                                                 .subscription = base::as_bytes("sub"),
                                                                 .assignment = base::as_bytes("as")}};
  const wire::kafka::group_metadata_value group{.protocol_type = "consumer",
                                                .generation = 9,
                                                .protocol = "range",
                                                .leader = "m1",
                                                .current_state_timestamp = 1000,
                                                .members = member};
  const std::string_view groups[] = {group_0, group_1, group_2, group_3, group_4};
  for (int16_t version = 0; version <= wire::kafka::group_metadata_value::max_version; ++version) {
    CAPTURE(version);
    CHECK(encoded(group, version) == groups[version]);
  }
}

TEST_CASE("group records: other kinds are recognized and passed over, whatever they hold") {
  for (const int version : {-1, 3, 4, 5, 6, 7, 8, 9, 10, 15, 17, 23, 255, 32767, -32768}) {
    CAPTURE(version);
    const auto kind = static_cast<int16_t>(version);
    std::string key(2, '\0');
    base::store_big(reinterpret_cast<uint8_t*>(key.data()), kind);
    const coordinator_record want = unknown_record{kind};
    CHECK(*decode(key, std::nullopt) == want);
    CHECK(*decode(key, "") == want);
    CHECK(*decode(key + "\0\3grp"s, commit_3) == want);
    CHECK(*decode(key + "\xff\xff\xff\xff"s, "\x7f") == want);
  }
}

TEST_CASE("group records: what does not decode names the part, and where") {
  using part = coordinator_part;
  struct row {
    std::string key;
    std::optional<std::string> value;
    base::error want;
  };
  const auto error = [](errc code, part which, int32_t detail) { return base::error{code, place(which), detail}; };
  const std::string offset_key(offset_key_1);
  const std::string group(group_key);
  const row rows[] = {
      {"", {}, error(errc::truncated, part::key, 0)},
      {"\0"s, {}, error(errc::truncated, part::key, 0)},
      {"\0\1"s, {}, error(errc::truncated, part::offset_commit_key, 2)},
      {"\0\1\xff\xff\0\0\0\0\0\0"s, {}, error(errc::malformed, part::offset_commit_key, 4)},
      {offset_key + "x", {}, error(errc::malformed, part::offset_commit_key, 15)},
      {group + "x", {}, error(errc::malformed, part::group_metadata_key, 7)},
      {offset_key, "", error(errc::truncated, part::offset_commit_value, 0)},
      {offset_key, "\0\5"s, error(errc::unsupported, part::offset_commit_value, 5)},
      {offset_key, "\xff\xff"s, error(errc::unsupported, part::offset_commit_value, -1)},
      {offset_key, std::string(commit_3) + "x", error(errc::malformed, part::offset_commit_value, 26)},
      {group, "\0\5"s, error(errc::unsupported, part::group_metadata_value, 5)},
      {group, "\0\3"s, error(errc::truncated, part::group_metadata_value, 2)},
      {group, "\0\3\0\0\0\0\0\1\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\1\0\0"s,
       error(errc::truncated, part::group_metadata_value, 24)},
      {group, "\0\3\0\0\0\0\0\1\xff\xff\xff\xff\0\0\0\0\0\0\0\0\x7f\xff\xff\xff"s,
       error(errc::too_large, part::group_metadata_value, 24)},
  };
  for (const row& r : rows) {
    CAPTURE(r.key.size());
    CAPTURE(r.value.value_or("null").size());
    const auto got = decode(r.key, r.value);
    REQUIRE_FALSE(got);
    CHECK(std::string(base::name_of(got.error().code)) == base::name_of(r.want.code));
    CHECK(got.error().place == r.want.place);
    CHECK(got.error().detail == r.want.detail);
  }
  const auto keyless = decode_coordinator_record({}, base::as_bytes(commit_3));
  CHECK(keyless.error() == error(errc::malformed, part::key, 0));
  CHECK(std::string(name_of(part::group_metadata_value)) == "GroupMetadataValue");
}

TEST_CASE("group records: a batch is written as Kafka writes it, byte for byte") {
  const stored_commit commit{
      .offset = base::offset(5), .leader_epoch = base::leader_epoch(7), .metadata = "md", .commit_timestamp = 1000};
  stored_commit with_id = commit;
  with_id.topic_id = base::uuid::load(reinterpret_cast<const uint8_t*>("0123456789abcdef"));
  stored_commit expiring = with_id;  // version 1 has neither epoch nor id
  expiring.expire_timestamp = 2000;
  const auto offset = [](std::optional<stored_commit> c) {
    return stored_offset{.group = "grp", .topic = "tp", .partition = 258, .commit = c};
  };
  const timed_record records[] = {
      {70, offset(commit)},
      {70, offset(with_id)},
      {71, offset(expiring)},
      {72, offset(std::nullopt)},
      {69, group_metadata{.group = "grp", .state = example_state()}},
      {70, group_metadata{.group = "grp", .state = empty_state()}},
      {70, group_metadata{.group = "grp", .state = {}}},
  };
  std::vector<uint8_t> target(3, 'x');
  const auto batch = build_coordinator_batch(records, target, {.base_offset = base::offset(40)});
  REQUIRE(batch);
  CHECK(target.size() == 3 + batch->size());
  const std::vector<raw_record> raw = raw_records(*batch);
  REQUIRE(raw.size() == 7);
  const std::optional<std::string_view> values[] = {commit_4, commit_4_with_id, commit_1,    std::nullopt,
                                                    group_3,  empty_group_3,    std::nullopt};
  for (size_t i = 0; i < raw.size(); ++i) {
    CAPTURE(i);
    CHECK(raw[i].key == (i < 4 ? offset_key_1 : group_key));
    CHECK(raw[i].value.has_value() == values[i].has_value());
    if (raw[i].value && values[i]) CHECK(*raw[i].value == *values[i]);
    CHECK(raw[i].timestamp == records[i].timestamp);
  }
}

TEST_CASE("group records: a batch is read back as it was, compressed or not") {
  const stored_commit commit{.offset = base::offset(1) + (int64_t{1} << 40), .metadata = "", .commit_timestamp = 1000};
  const timed_record records[] = {
      {70, stored_offset{.group = "", .topic = "tp", .partition = 0, .commit = commit}},
      {75, group_metadata{.group = "grp", .state = example_state()}},
      {72, stored_offset{.group = "grp", .topic = "tp", .partition = 1, .commit = {}}},
  };
  for (const record::codec codec : {record::codec::none, record::codec::lz4, record::codec::zstd}) {
    std::vector<uint8_t> target;
    REQUIRE(build_coordinator_batch(records, target, {.codec = codec, .base_offset = base::offset(40)}));
    std::vector<uint8_t> unpacked{1, 2, 3};
    const auto read = read_coordinator_batch(*record::batch_view::frame(target), unpacked, 1 << 20);
    REQUIRE(read);
    REQUIRE(read->size() == 3);
    for (size_t i = 0; i < 3; ++i) {
      CHECK((*read)[i].at == base::offset(40 + static_cast<int64_t>(i)));
      CHECK((*read)[i].timestamp == records[i].timestamp);
      CHECK(*(*read)[i].what == records[i].what);
    }
    if (codec == record::codec::none) continue;
    CHECK(read_coordinator_batch(*record::batch_view::frame(target), unpacked, 10).error().code == errc::too_large);
  }
}

TEST_CASE("group records: a batch with a codec that there is not, or a count that is wrong, is an error") {
  const timed_record one[] = {{5, group_metadata{.group = "grp", .state = {}}}};
  std::vector<uint8_t> target;
  REQUIRE(build_coordinator_batch(one, target));
  std::vector<uint8_t> unpacked;
  for (const uint8_t codec : {5, 6, 7}) {
    target[record::header::attributes_at + 1] = codec;
    const auto read = read_coordinator_batch(*record::batch_view::frame(target), unpacked, 100);
    REQUIRE_FALSE(read);
    CHECK(read.error() == base::error{errc::invalid_record, record::place(record::check::codec), codec});
  }
  target[record::header::attributes_at + 1] = 0;
  for (const int32_t count : {-1, 0, 2, INT32_MAX}) {
    base::store_big(target.data() + record::header::record_count_at, count);
    const auto read = read_coordinator_batch(*record::batch_view::frame(target), unpacked, 100);
    REQUIRE_FALSE(read);
    CHECK(read.error().place == record::place(record::check::record_count));
  }
}

TEST_CASE("group records: one record that does not decode stops none of the others") {
  std::vector<uint8_t> target;
  record::batch_builder builder(target, {.base_offset = base::offset(7)});
  builder.add({.timestamp = 1, .key = base::as_bytes(offset_key_1), .value = base::as_bytes(commit_3)});
  builder.add({.timestamp = 2, .key = base::as_bytes(offset_key_1), .value = base::as_bytes("\0\3"sv)});
  builder.add({.timestamp = 3, .key = base::as_bytes("\0\3\0\3grp"sv), .value = base::as_bytes(commit_3)});
  builder.add_at(9, {.timestamp = 4, .key = base::as_bytes(group_key), .value = {}});
  REQUIRE(builder.finish());
  std::vector<uint8_t> unpacked;
  const auto read = read_coordinator_batch(*record::batch_view::frame(target), unpacked, 0);
  REQUIRE(read);
  REQUIRE(read->size() == 4);
  CHECK((*read)[0].what.ok());
  CHECK((*read)[1].what.error().place == place(coordinator_part::offset_commit_value));
  CHECK((*read)[1].at == base::offset(8));
  CHECK(*(*read)[2].what == coordinator_record(unknown_record{3}));
  CHECK((*read)[3].at == base::offset(16));
  CHECK((*read)[3].timestamp == 4);
  CHECK((*read)[3].what.ok());
}

TEST_CASE("group records: a control batch has none, and LogAppendTime is the batch's") {
  const timed_record one[] = {{5, group_metadata{.group = "grp", .state = {}}}};
  std::vector<uint8_t> target;
  std::vector<uint8_t> unpacked;
  REQUIRE(build_coordinator_batch(one, target, {.producer_id = 4, .producer_epoch = 0, .transactional = true}));
  CHECK(read_coordinator_batch(*record::batch_view::frame(target), unpacked, 0)->size() == 1);
  target.clear();
  REQUIRE(build_coordinator_batch(one, target, {.producer_id = 4, .transactional = true, .control = true}));
  CHECK(read_coordinator_batch(*record::batch_view::frame(target), unpacked, 0)->empty());
  target.clear();
  REQUIRE(build_coordinator_batch(one, target, {.log_append_time = 99}));
  CHECK(read_coordinator_batch(*record::batch_view::frame(target), unpacked, 0)->front().timestamp == 99);
}

}  // namespace millrace::broker
