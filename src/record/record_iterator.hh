#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.hh"
#include "record/batch_header.hh"

/// Records of one batch as views, one after another; the bytes are the uncompressed or decompressed
/// records and stay the caller's. For reading what was checked before, and safe for what was not.

namespace millrace::record {

/// One header of a record. Keys may repeat.
struct header_field {
  std::string_view key;
  std::optional<bytes> value;  ///< none: null
};

/// Walks the headers of one record, whose bytes were checked when the record was read.
class header_iterator {
 public:
  header_iterator(bytes raw, int32_t count) : rest_(raw), left_(count) {}
  bool done() const { return left_ == 0; }
  header_field next();

 private:
  bytes rest_;
  int32_t left_;
};

struct record_view {
  int64_t timestamp_delta = 0;
  int32_t offset_delta = 0;
  std::optional<bytes> key;    ///< none: null
  std::optional<bytes> value;  ///< none: null (a tombstone in a compacted topic)
  int32_t header_count = 0;
  bytes raw_headers;  ///< header_count headers as they stand
  bytes raw;          ///< the whole record with its length

  header_iterator headers() const { return {raw_headers, header_count}; }
};

class record_iterator {
 public:
  record_iterator(bytes records, int32_t count) : rest_(records), count_(count) {}

  /// Records not yet returned, by the batch's count.
  int32_t left() const { return count_ - index_; }
  /// True and `out`, or false after the last. Errors: invalid_record, with a check and the record's
  /// index: also where bytes are left after the last record.
  base::result<bool> next(record_view& out);

 private:
  bytes rest_;
  int32_t count_;
  int32_t index_ = 0;
};

}  // namespace millrace::record
