#pragma once

#include <cstdint>

#include "base/result.hh"
#include "record/batch_header.hh"
#include "record/check.hh"

/// batch_view: one whole batch in memory that somebody else owns. Only its frame is known to be
/// right: there are as many bytes as its length says, at least a header, and the magic is 2. See
/// verify.hh for the rest.

namespace millrace::record {

class batch_view : public header_view {
 public:
  /// The batch at the beginning of `data`, which may go on after it.
  /// Errors, with `place` a check and `detail` the number that was wrong:
  ///   truncated       (length)  the data ends before the batch does; detail: the batch's size, or
  ///   0 if unknown invalid_record  (magic)   an older format corrupt         (magic)   a magic
  ///   that does not exist malformed       (length)  a length too small for a header
  static base::result<batch_view> frame(bytes data) {
    if (data.size() <= header::magic_at) return base::fail(base::errc::truncated, 0, place(check::length));
    const header_view seen(data.data());
    const int8_t magic = seen.magic();
    if (magic == 0 || magic == 1) return base::fail(base::errc::invalid_record, magic, place(check::magic));
    if (magic != header::magic) return base::fail(base::errc::corrupt, magic, place(check::magic));
    const int32_t length = seen.batch_length();
    if (length < static_cast<int32_t>(header::size - header::frame_size)) {
      return base::fail(base::errc::malformed, length, place(check::length));
    }
    if (seen.size() > data.size()) {
      return base::fail(base::errc::truncated, length, place(check::length));
    }
    return batch_view(data.first(seen.size()));
  }

  bytes data() const { return data_; }
  size_t size() const { return data_.size(); }
  /// What follows the header: records, or their compressed form.
  bytes records() const { return data_.subspan(header::size); }
  /// The bytes that the CRC covers.
  bytes checked() const { return data_.subspan(header::checked_at); }

 private:
  explicit batch_view(bytes data) : header_view(data.data()), data_(data) {}
  bytes data_;
};

/// Walks batches that lie back to back. Stops for good at the first failure.
class batch_iterator {
 public:
  explicit batch_iterator(bytes data) : rest_(data) {}

  bool done() const { return rest_.empty(); }
  /// The next batch; not to be called when done. Errors: those of batch_view::frame.
  base::result<batch_view> next() {
    ASSERT(!done());
    auto batch = batch_view::frame(rest_);
    if (batch) {
      rest_ = rest_.subspan(batch->size());
      taken_ += batch->size();
    }
    return batch;
  }
  /// Bytes of the batches returned so far: the position of the next one.
  size_t position() const { return taken_; }

 private:
  bytes rest_;
  size_t taken_ = 0;
};

}  // namespace millrace::record
