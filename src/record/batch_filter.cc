#include "record/batch_filter.hh"

#include <algorithm>

#include "base/assert.hh"
#include "base/limits.hh"
#include "base/varint.hh"
#include "record/check.hh"
#include "record/verify.hh"

namespace millrace::record {
namespace {

using base::errc;

/// Times are 64 bits on the wire and wrap around there, as Java's do.
int64_t wrapping_sum(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
int64_t wrapping_difference(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

void write_header(uint8_t* at, size_t size, int attributes, unix_ms base_timestamp, unix_ms max_timestamp, int32_t count) {
  base::store_big(at + header::batch_length_at, static_cast<int32_t>(size - header::frame_size));
  base::store_big(at + header::attributes_at, static_cast<int16_t>(attributes));
  base::store_big(at + header::base_timestamp_at, base_timestamp);
  base::store_big(at + header::max_timestamp_at, max_timestamp);
  base::store_big(at + header::record_count_at, count);
  seal({at, size});
}

}  // namespace

batch_filter::batch_filter(const batch_view& batch, std::optional<unix_ms> delete_horizon, compressor& pack,
                           std::vector<uint8_t>& target)
    : batch_(batch), delete_horizon_(delete_horizon), pack_(pack), target_(target), begin_(target.size()) {}

base::result<void> batch_filter::begin() {
  const bytes old_header = batch_.data().first(header::size);
  target_.insert(target_.end(), old_header.begin(), old_header.end());
  const auto begun = pack_.begin(batch_.codec(), std::nullopt, target_);
  if (!begun) return undo(begun.failure());
  return {};
}

base::result<void> batch_filter::keep(const record_view& record) {
  const auto kept = delete_horizon_ ? keep_moved(record) : pack_.write(record.raw);
  if (!kept) return undo(kept.failure());
  ++count_;
  max_timestamp_ = std::max(max_timestamp_, wrapping_sum(batch_.base_timestamp(), record.timestamp_delta));
  return {};
}

/// The same record with its time counted from the horizon: what stands before the offset delta is written anew.
base::result<void> batch_filter::keep_moved(const record_view& record) {
  const uint8_t* const limit = record.raw.data() + record.raw.size();
  int32_t length = 0;
  int64_t old_delta = 0;
  const uint8_t* const body = base::decode_zigzag32(record.raw.data(), limit, length);
  ASSERT(body != nullptr && body < limit);
  const uint8_t* const rest = base::decode_zigzag64(body + 1, limit, old_delta);
  ASSERT(rest != nullptr);
  const int64_t time = wrapping_sum(batch_.base_timestamp(), old_delta);
  const int64_t delta = wrapping_difference(time, *delete_horizon_);

  const size_t rest_size = static_cast<size_t>(limit - rest);
  uint8_t front[base::varint32_bytes_max + 1 + base::varint64_bytes_max];
  const size_t size = 1 + base::zigzag64_size(delta) + rest_size;
  if (size > INT32_MAX) return base::fail(errc::too_large, 0, place(check::length));
  uint8_t* at = base::encode_zigzag32(front, static_cast<int32_t>(size));
  *at++ = *body;  // attributes
  at = base::encode_zigzag64(at, delta);
  TRY_CHECK(pack_.write({front, static_cast<size_t>(at - front)}));
  return pack_.write({rest, rest_size});
}

base::result<void> batch_filter::finish() {
  ASSERT(count_ > 0);
  const auto packed = pack_.finish();
  if (!packed) return undo(packed.failure());
  const size_t size = target_.size() - begin_;
  if (size > base::batch_bytes_format_max) return undo(base::fail(errc::too_large, 0, place(check::length)));
  int attributes = batch_.attributes();
  if (delete_horizon_) attributes |= header::delete_horizon_bit;
  const bool own_times = batch_.timestamp_type() == timestamp_type::create_time;
  write_header(target_.data() + begin_, size, attributes, delete_horizon_.value_or(batch_.base_timestamp()),
               own_times ? max_timestamp_ : batch_.max_timestamp(), count_);
  return {};
}

base::failure batch_filter::undo(base::failure why) {
  target_.resize(begin_);
  return why;
}

void append_empty(const batch_view& batch, std::vector<uint8_t>& target) {
  const size_t begin = target.size();
  const bytes old_header = batch.data().first(header::size);
  target.insert(target.end(), old_header.begin(), old_header.end());
  const int attributes = batch.attributes() & (header::log_append_time_bit | header::transactional_bit);
  write_header(target.data() + begin, header::size, attributes, no_timestamp, batch.max_timestamp(), 0);
}

}  // namespace millrace::record
