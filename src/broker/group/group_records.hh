#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hh"
#include "base/tagged.hh"
#include "base/time.hh"
#include "base/uuid.hh"
#include "record/batch_builder.hh"
#include "record/batch_view.hh"

/// The records of `__consumer_offsets` in Kafka's own formats, both ways: committed offsets, and the groups that share work
/// by the classic protocol. Pure; texts and bytes are views of what was read or of what is to be written.
///
/// A record's key is an int16, which says what the record is about, and the fields for that; its value an int16 version and
/// the fields of that version; a null value is a tombstone. Layouts: OffsetCommitKey, OffsetCommitValue, GroupMetadataKey,
/// GroupMetadataValue in wire/kafka/messages.txt.

namespace millrace::broker {

/// A commit of one partition (OffsetCommitValue).
struct stored_commit {
  base::offset offset{0};
  base::leader_epoch leader_epoch{-1};  ///< of the last record that was read; -1: not said
  std::string_view metadata;            ///< the committer's own
  base::unix_ms commit_timestamp = record::no_timestamp;
  base::unix_ms expire_timestamp = record::no_timestamp;  ///< of old clients, which chose it themselves; -1: none
  base::uuid topic_id;                                    ///< zero: not said
  friend bool operator==(const stored_commit&, const stored_commit&) = default;
};

/// What a group committed for one partition.
struct stored_offset {
  std::string_view group;
  std::string_view topic;
  int32_t partition = 0;
  std::optional<stored_commit> commit;  ///< none: a tombstone
  friend bool operator==(const stored_offset&, const stored_offset&) = default;
};

struct group_metadata_member {
  std::string_view member_id;
  std::optional<std::string_view> group_instance_id;
  std::string_view client_id;
  std::string_view client_host;
  int32_t rebalance_timeout_ms = -1;  ///< -1: as the session's (version 0 does not say)
  int32_t session_timeout_ms = 0;
  base::bytes subscription;  ///< what the member said for the chosen protocol
  base::bytes assignment;
};
bool operator==(const group_metadata_member& a, const group_metadata_member& b);

/// A group after a rebalance (GroupMetadataValue).
struct group_metadata_value {
  std::string_view protocol_type;  ///< empty: none, a group that only commits
  int32_t generation = 0;
  std::optional<std::string_view> protocol;
  std::optional<std::string_view> leader;                        ///< a member id
  base::unix_ms current_state_timestamp = record::no_timestamp;  ///< when it came into its state; -1: not said
  std::vector<group_metadata_member> members;
  friend bool operator==(const group_metadata_value&, const group_metadata_value&) = default;
};

struct group_metadata {
  std::string_view group;
  std::optional<group_metadata_value> state;  ///< none: a tombstone
  friend bool operator==(const group_metadata&, const group_metadata&) = default;
};

/// A record of a kind that is not read: 3-8 are the consumer protocol's (KIP-848), those from 10 on of share and streams
/// groups or newer than all we know. There is nothing to do with it.
struct unknown_record {
  int16_t key_version = 0;
  friend bool operator==(const unknown_record&, const unknown_record&) = default;
};

using coordinator_record = std::variant<stored_offset, group_metadata, unknown_record>;

/// Which part of a record was wrong: the `place` of decode_coordinator_record's errors.
enum class coordinator_part : uint16_t {
  key = 64,  ///< above record::check, whose errors come from here too; null, or too short to say what it is
  offset_commit_key,
  offset_commit_value,
  group_metadata_key,
  group_metadata_value,
};
constexpr uint16_t place(coordinator_part part) { return static_cast<uint16_t>(part); }
/// Kafka's name of it ("OffsetCommitValue"), for logs.
const char* name_of(coordinator_part part) noexcept;

/// One record. Errors, with a coordinator_part as `place`: truncated, malformed (also for bytes left over), too_large, each
/// with the position in key or value; unsupported, with the value's version. Whatever the bytes are, nothing else happens.
base::result<coordinator_record> decode_coordinator_record(std::optional<base::bytes> key, std::optional<base::bytes> value);

/// A record of a batch, and where it stood. What could not be decoded says so itself and stops nobody from reading on.
struct read_record {
  base::offset at{0};
  base::unix_ms timestamp = record::no_timestamp;
  base::result<coordinator_record> what;
};

/// The records of a stored batch, in their order; views into the batch, or into `unpacked`, which is overwritten where the
/// batch is compressed, with at most `bytes_max` bytes. A control batch has none: whose transaction it ends is in its
/// header. Errors, of the batch: those of record_iterator and record::decompress.
base::result<std::vector<read_record>> read_coordinator_batch(const record::batch_view& batch,
                                                              std::vector<uint8_t>& unpacked, uint64_t bytes_max);

/// A record to write.
struct timed_record {
  base::unix_ms timestamp = record::no_timestamp;  ///< Kafka: now, the same for all of a batch
  coordinator_record what;
};

/// Appends one batch of these to `target`, in the versions that Kafka 4.4 writes, and returns it: groups in version 3,
/// commits in 4, those with an expire timestamp in 1, the only one that has it. None of them is an unknown_record. Errors:
/// those of batch_builder::finish.
base::result<base::mutable_bytes> build_coordinator_batch(std::span<const timed_record> records,
                                                          std::vector<uint8_t>& target,
                                                          const record::batch_options& options = {});

}  // namespace millrace::broker
