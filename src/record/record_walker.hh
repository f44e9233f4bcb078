#pragma once

#include <cstdint>
#include <span>

#include "base/result.hh"
#include "record/batch_header.hh"
#include "record/check.hh"

/// record_walker: reads all records of one batch, checks each, and remembers what the broker needs
/// to know about them. The records may come in pieces cut anywhere, as a decompressor yields them;
/// nothing is allocated and no record is ever held whole.
///
/// A record, format 2: length (varint, of what follows), attributes (1 byte, unused), timestamp
/// delta (varlong), offset delta (varint), key length (varint, -1: null), key, value length (-1:
/// null), value, header count (varint), and for each header key length, key, value length (-1:
/// null), value. All varints zigzag.

namespace millrace::record {

/// One record that a rule refuses while the rest of its batch is well formed (Kafka: Produce v8
/// RecordErrors).
struct record_fault {
  int32_t index;    ///< counted from 0 within the batch
  base::errc code;  ///< invalid_record or invalid_timestamp
  check why;
};

/// What the records are held against.
struct walk_rules {
  int32_t count = 0;              ///< as many records as the header says
  int32_t last_offset_delta = 0;  ///< no record lies past it
  unix_ms base_timestamp = 0;
  /// LogAppendTime: every record has the batch's max timestamp, whatever its delta says.
  timestamp_type times = timestamp_type::create_time;
  unix_ms max_timestamp = no_timestamp;
  /// Deltas are exactly 0..count-1, as in every batch that a client sends; else they only rise, as
  /// compaction leaves them.
  bool dense = true;
  /// Records without key are faults.
  bool keys_required = false;
  /// Timestamps outside are faults; records without a time (-1) never are.
  unix_ms timestamp_least = INT64_MIN;
  unix_ms timestamp_most = INT64_MAX;
  /// The first record at or after this time is remembered.
  unix_ms search_timestamp = INT64_MAX;
  /// Records with a lower offset delta are neither found nor the latest.
  int32_t search_delta = 0;
  /// Where faults are written; those that do not fit are only counted.
  std::span<record_fault> faults{};

  /// For a batch from a client: dense, and its records' own times.
  static walk_rules produced(const header_view& batch);
  /// For a batch of our log.
  static walk_rules stored(const header_view& batch);
};

struct walk_summary {
  int32_t count = 0;
  unix_ms max_timestamp = no_timestamp;    ///< the largest of the records from search_delta on; -1 where none has a time
  int32_t max_timestamp_delta = -1;        ///< offset delta of the first record that has it; -1 likewise
  unix_ms found_timestamp = no_timestamp;  ///< of the first record at or after search_timestamp
  int32_t found_delta = -1;                ///< its offset delta; -1 where there is none
  int32_t null_keys = 0;
  int32_t first_null_key = -1;  ///< index of the first record without key; -1 where there is none
  int32_t fault_count = 0;      ///< all of them; the first rules.faults.size() are written there
  bool timestamp_faults = false;

  /// What the batch as a whole is refused with, as Kafka chooses it: invalid_timestamp if any
  /// record failed by its time, else invalid_record.
  base::errc fault_code() const { return timestamp_faults ? base::errc::invalid_timestamp : base::errc::invalid_record; }
};

class record_walker {
 public:
  explicit record_walker(const walk_rules& rules) : rules_(rules) {}

  /// The next bytes of the records. Errors: invalid_record, with a check and the index of the
  /// record; the walker is then spent.
  base::result<void> feed(bytes piece);
  /// No more bytes follow. Errors: invalid_record where a record is cut short or some are missing.
  base::result<void> finish();

  /// Complete after finish(); before, of the records seen so far.
  const walk_summary& summary() const { return summary_; }

 private:
  /// The next thing to read; the order is the record's.
  enum class part : uint8_t {
    length,
    attributes,
    timestamp_delta,
    offset_delta,
    key_length,
    value_length,
    header_count,
    header_key_length,
    header_value_length,
  };
  struct seen_record {
    int64_t timestamp_delta;
    int32_t offset_delta;
    bool has_key;
  };

  base::result<void> walk_whole(const uint8_t* at, const uint8_t* limit);
  base::result<void> walk_part(const uint8_t*& at, const uint8_t* limit);
  base::result<void> take_number(int64_t number);
  base::result<void> begin_record(int64_t length);
  base::result<void> end_record();
  base::result<void> note(const seen_record& record);
  void fault(base::errc code, check why);
  base::failure refuse(check why) const;

  const walk_rules rules_;
  walk_summary summary_;
  int32_t last_delta_ = -1;  ///< of the record before; -1 at the start

  /// A record that crosses pieces: what is known of it, and how many of its bytes are still to
  /// come.
  part next_ = part::length;
  seen_record current_{};
  int64_t left_ = 0;  ///< bytes of the record after those read; 0 between records
  int64_t skip_ = 0;  ///< bytes of a key or value to pass over; <= left_
  int32_t headers_left_ = 0;
  uint64_t number_ = 0;  ///< a varint that crosses pieces, as far as read
  unsigned number_shift_ = 0;
};

}  // namespace millrace::record
