#include "broker/group/group_records.hh"

#include <algorithm>
#include <iterator>

#include "base/assert.hh"
#include "record/check.hh"
#include "record/compression.hh"
#include "wire/kafka/messages/stored_offsets.hh"

namespace millrace::broker {

namespace {

namespace kafka = wire::kafka;

// What a key's first two bytes say. Kafka's first brokers wrote offsets as 0, in the same fields.
constexpr int16_t legacy_offset_key = 0;
constexpr int16_t offset_key = kafka::offset_commit_key::record_type;
constexpr int16_t group_key = kafka::group_metadata_key::record_type;

constexpr int16_t commit_version = 4;
constexpr int16_t expiring_commit_version = 1;  // the only one that has an expire timestamp
constexpr int16_t group_version = 3;

// What the members of a value may take in memory: none is shorter than this, in any version.
constexpr size_t member_bytes_least = 15;
constexpr size_t arena_factor = sizeof(kafka::group_metadata_value_member_metadata) / member_bytes_least + 1;
constexpr size_t arena_least = 4096;

base::failure at_part(const base::error& why, coordinator_part part) {
  return base::fail(why.code, why.detail, place(part));
}

/// All that is left of `in`, as one message.
template <class Message>
base::result<Message> decode_whole(kafka::reader& in, int16_t version, kafka::arena& memory, coordinator_part part) {
  auto message = kafka::decode<Message>(in, version, memory);
  if (!message) return at_part(message.error(), part);
  if (in.remaining() != 0) in.fail(base::errc::malformed);
  if (!in.ok()) return at_part(in.failure().what, part);
  return message;
}

/// A value: its version, and what that has.
template <class Message>
base::result<Message> decode_value(base::bytes value, kafka::arena& memory, coordinator_part part) {
  kafka::reader in(value);
  const auto version = in.number<int16_t>();
  if (!in.ok()) return at_part(in.failure().what, part);
  return decode_whole<Message>(in, version, memory, part);
}

base::result<coordinator_record> decode_offset(kafka::reader& key_in, std::optional<base::bytes> value) {
  kafka::arena memory(0);
  TRY(const auto key, decode_whole<kafka::offset_commit_key>(key_in, 0, memory, coordinator_part::offset_commit_key));
  stored_offset out{.group = key.group, .topic = key.topic, .partition = key.partition, .commit = {}};
  if (!value) return coordinator_record(out);
  TRY(const auto v, decode_value<kafka::offset_commit_value>(*value, memory, coordinator_part::offset_commit_value));
  out.commit = stored_commit{.offset = base::offset(v.offset),
                             .leader_epoch = base::leader_epoch(v.leader_epoch),
                             .metadata = v.metadata,
                             .commit_timestamp = v.commit_timestamp,
                             .expire_timestamp = v.expire_timestamp,
                             .topic_id = v.topic_id};
  return coordinator_record(out);
}

group_metadata_member from_wire(const kafka::group_metadata_value_member_metadata& m) {
  return {.member_id = m.member_id,
          .group_instance_id = m.group_instance_id,
          .client_id = m.client_id,
          .client_host = m.client_host,
          .rebalance_timeout_ms = m.rebalance_timeout,
          .session_timeout_ms = m.session_timeout,
          .subscription = m.subscription,
          .assignment = m.assignment};
}

kafka::group_metadata_value_member_metadata to_wire(const group_metadata_member& m) {
  return {.member_id = m.member_id,
          .group_instance_id = m.group_instance_id,
          .client_id = m.client_id,
          .client_host = m.client_host,
          .rebalance_timeout = m.rebalance_timeout_ms,
          .session_timeout = m.session_timeout_ms,
          .subscription = m.subscription,
          .assignment = m.assignment};
}

base::result<coordinator_record> decode_group(kafka::reader& key_in, std::optional<base::bytes> value) {
  kafka::arena memory(arena_least + (value ? value->size() : 0) * arena_factor);
  TRY(const auto key, decode_whole<kafka::group_metadata_key>(key_in, 0, memory, coordinator_part::group_metadata_key));
  group_metadata out{.group = key.group, .state = {}};
  if (!value) return coordinator_record(std::move(out));
  TRY(const auto v, decode_value<kafka::group_metadata_value>(*value, memory, coordinator_part::group_metadata_value));
  group_metadata_value& state = out.state.emplace();
  state.protocol_type = v.protocol_type;
  state.generation = v.generation;
  state.protocol = v.protocol;
  state.leader = v.leader;
  state.current_state_timestamp = v.current_state_timestamp;
  state.members.reserve(v.members.size());
  for (const auto& m : v.members) state.members.push_back(from_wire(m));
  return coordinator_record(std::move(out));
}

/// `version` and the message, over what `out` had.
template <class Message>
void encode_versioned(std::vector<uint8_t>& out, int16_t prefix, const Message& message, int16_t version) {
  out.resize(sizeof prefix + kafka::size_of(message, version));
  kafka::writer to(out);
  to.number(prefix);
  kafka::encode(to, message, version);
  ASSERT(to.remaining() == 0);
}

/// Key and value of one record, kept between records for their memory.
struct encoded_record {
  std::vector<uint8_t> key;
  std::vector<uint8_t> value;
  bool tombstone = true;

  template <class Message>
  void set_value(const Message& message, int16_t version) {
    encode_versioned(value, version, message, version);
    tombstone = false;
  }

  void operator()(const stored_offset& from) {
    encode_versioned(key, offset_key,
                     kafka::offset_commit_key{.group = from.group, .topic = from.topic, .partition = from.partition}, 0);
    if (!from.commit) return;
    const stored_commit& c = *from.commit;
    const bool expires = c.expire_timestamp != record::no_timestamp;
    set_value(kafka::offset_commit_value{.offset = c.offset.value(),
                                         .leader_epoch = c.leader_epoch.value(),
                                         .metadata = c.metadata,
                                         .commit_timestamp = c.commit_timestamp,
                                         .expire_timestamp = c.expire_timestamp,
                                         .topic_id = c.topic_id},
              expires ? expiring_commit_version : commit_version);
  }

  void operator()(const group_metadata& from) {
    encode_versioned(key, group_key, kafka::group_metadata_key{.group = from.group}, 0);
    if (!from.state) return;
    const group_metadata_value& s = *from.state;
    std::vector<kafka::group_metadata_value_member_metadata> members;
    members.reserve(s.members.size());
    std::ranges::transform(s.members, std::back_inserter(members), to_wire);
    set_value(kafka::group_metadata_value{.protocol_type = s.protocol_type,
                                          .generation = s.generation,
                                          .protocol = s.protocol,
                                          .leader = s.leader,
                                          .current_state_timestamp = s.current_state_timestamp,
                                          .members = members},
              group_version);
  }

  void operator()(const unknown_record&) { ASSERT(false); }
};

/// Wraps around on a delta that no broker wrote.
int64_t plus(int64_t from, int64_t delta) {
  return static_cast<int64_t>(static_cast<uint64_t>(from) + static_cast<uint64_t>(delta));
}

/// A record's own time: in a LogAppendTime batch all have the batch's.
base::unix_ms time_of(const record::header_view& header, const record::record_view& record) {
  if (header.timestamp_type() == record::timestamp_type::log_append_time) return header.max_timestamp();
  return plus(header.base_timestamp(), record.timestamp_delta);
}

/// The records as they were before they were compressed.
base::result<base::bytes> open(const record::batch_view& batch, std::vector<uint8_t>& unpacked, uint64_t bytes_max) {
  if (!batch.is_compressed()) return batch.records();
  if (batch.codec_number() > record::codec_last) {
    return base::fail(base::errc::invalid_record, batch.codec_number(), record::place(record::check::codec));
  }
  unpacked.clear();
  TRY_CHECK(record::decompress(batch.codec(), batch.records(), bytes_max, unpacked));
  return base::bytes(unpacked);
}

}  // namespace

bool operator==(const group_metadata_member& a, const group_metadata_member& b) {
  return a.member_id == b.member_id && a.group_instance_id == b.group_instance_id && a.client_id == b.client_id &&
         a.client_host == b.client_host && a.rebalance_timeout_ms == b.rebalance_timeout_ms &&
         a.session_timeout_ms == b.session_timeout_ms && std::ranges::equal(a.subscription, b.subscription) &&
         std::ranges::equal(a.assignment, b.assignment);
}

const char* name_of(coordinator_part part) noexcept {
  switch (part) {
    case coordinator_part::key:
      return "key";
    case coordinator_part::offset_commit_key:
      return "OffsetCommitKey";
    case coordinator_part::offset_commit_value:
      return "OffsetCommitValue";
    case coordinator_part::group_metadata_key:
      return "GroupMetadataKey";
    case coordinator_part::group_metadata_value:
      return "GroupMetadataValue";
  }
  return "batch";
}

base::result<coordinator_record> decode_coordinator_record(std::optional<base::bytes> key,
                                                           std::optional<base::bytes> value) {
  if (!key) return base::fail(base::errc::malformed, 0, place(coordinator_part::key));
  kafka::reader in(*key);
  const auto kind = in.number<int16_t>();
  if (!in.ok()) return at_part(in.failure().what, coordinator_part::key);
  if (kind == legacy_offset_key || kind == offset_key) return decode_offset(in, value);
  if (kind == group_key) return decode_group(in, value);
  return coordinator_record(unknown_record{kind});
}

base::result<std::vector<read_record>> read_coordinator_batch(const record::batch_view& batch,
                                                              std::vector<uint8_t>& unpacked, uint64_t bytes_max) {
  std::vector<read_record> out;
  if (batch.is_control()) return out;
  TRY(const base::bytes records, open(batch, unpacked, bytes_max));
  record::record_iterator walk(records, batch.record_count());
  for (;;) {
    record::record_view record;
    TRY(const bool more, walk.next(record));
    if (!more) return out;
    out.push_back({.at = base::offset(plus(batch.base_offset().value(), record.offset_delta)),
                   .timestamp = time_of(batch, record),
                   .what = decode_coordinator_record(record.key, record.value)});
  }
}

base::result<base::mutable_bytes> build_coordinator_batch(std::span<const timed_record> records,
                                                          std::vector<uint8_t>& target,
                                                          const record::batch_options& options) {
  record::batch_builder batch(target, options);
  encoded_record one;
  for (const timed_record& r : records) {
    one.tombstone = true;
    std::visit(one, r.what);
    std::optional<base::bytes> value;
    if (!one.tombstone) value = one.value;
    batch.add({.timestamp = r.timestamp, .key = base::bytes(one.key), .value = value});
  }
  return batch.finish();
}

}  // namespace millrace::broker
