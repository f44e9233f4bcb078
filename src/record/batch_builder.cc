#include "record/batch_builder.hh"

#include <algorithm>

#include "base/assert.hh"
#include "base/limits.hh"
#include "base/varint.hh"
#include "record/check.hh"
#include "record/compression.hh"
#include "record/verify.hh"

namespace millrace::record {
namespace {

using base::errc;
using base::zigzag32_size;
using base::zigzag64_size;

size_t size_of(const std::optional<bytes>& part) {
  if (!part) return zigzag32_size(-1);
  return zigzag32_size(static_cast<int32_t>(part->size())) + part->size();
}

size_t size_of(std::string_view text) { return zigzag32_size(static_cast<int32_t>(text.size())) + text.size(); }

/// Of what follows the record's length.
size_t body_size(const new_record& record, int64_t timestamp_delta, int32_t offset_delta) {
  size_t size = 1 + zigzag64_size(timestamp_delta) + zigzag32_size(offset_delta) + size_of(record.key) +
                size_of(record.value) + zigzag32_size(static_cast<int32_t>(record.headers.size()));
  for (const header_field& field : record.headers) size += size_of(field.key) + size_of(field.value);
  return size;
}

uint8_t* put(uint8_t* at, bytes part) {
  at = base::encode_zigzag32(at, static_cast<int32_t>(part.size()));
  return std::copy(part.begin(), part.end(), at);
}

uint8_t* put(uint8_t* at, const std::optional<bytes>& part) { return part ? put(at, *part) : base::encode_zigzag32(at, -1); }

int16_t attributes_of(const batch_options& options, codec used) {
  int bits = static_cast<int>(used);
  if (options.log_append_time) bits |= header::log_append_time_bit;
  if (options.transactional) bits |= header::transactional_bit;
  if (options.control) bits |= header::control_bit;
  if (options.delete_horizon) bits |= header::delete_horizon_bit;
  return static_cast<int16_t>(bits);
}

}  // namespace

batch_builder::batch_builder(std::vector<uint8_t>& target, const batch_options& options)
    : target_(target),
      begin_(target.size()),
      options_(options),
      base_timestamp_(options.base_timestamp.value_or(no_timestamp)),
      max_timestamp_(options.max_timestamp_least) {
  target_.resize(begin_ + header::size);
}

void batch_builder::add(const new_record& record) { add_at(last_delta_ + 1, record); }

void batch_builder::add_at(int32_t offset_delta, const new_record& record) {
  ASSERT(offset_delta > last_delta_);
  if (count_ == 0 && !options_.base_timestamp) base_timestamp_ = record.timestamp;
  int64_t timestamp_delta = 0;
  if (__builtin_sub_overflow(record.timestamp, base_timestamp_, &timestamp_delta)) times_too_far_ = true;

  const size_t body = body_size(record, timestamp_delta, offset_delta);
  const size_t size = zigzag32_size(static_cast<int32_t>(body)) + body;
  const size_t place = target_.size();
  target_.resize(place + size);
  uint8_t* at = base::encode_zigzag32(target_.data() + place, static_cast<int32_t>(body));
  *at++ = 0;  // attributes
  at = base::encode_zigzag64(at, timestamp_delta);
  at = base::encode_zigzag32(at, offset_delta);
  at = put(at, record.key);
  at = put(at, record.value);
  at = base::encode_zigzag32(at, static_cast<int32_t>(record.headers.size()));
  for (const header_field& field : record.headers) {
    at = put(at, base::as_bytes(field.key));
    at = put(at, field.value);
  }
  ASSERT(at == target_.data() + target_.size());

  ++count_;
  last_delta_ = offset_delta;
  max_timestamp_ = std::max(max_timestamp_, record.timestamp);
}

void batch_builder::extend_to(int32_t last_offset_delta) {
  ASSERT(last_offset_delta >= last_delta_);
  last_delta_ = last_offset_delta;
}

size_t batch_builder::size_bound(const new_record& record) {
  return base::varint32_bytes_max + body_size(record, INT64_MIN, INT32_MAX);
}

base::result<mutable_bytes> batch_builder::finish() {
  const codec used = count_ == 0 ? codec::none : options_.codec;
  const auto undo = [this](base::failure why) {
    target_.resize(begin_);
    return why;
  };
  if (times_too_far_) return undo(base::fail(errc::invalid_timestamp, 0, place(check::timestamp)));
  if (used != codec::none) {
    std::vector<uint8_t> packed;
    const bytes records = bytes(target_).subspan(begin_ + header::size);
    const auto done = compress(used, records, packed, options_.level);
    if (!done) return undo(done.failure());
    target_.resize(begin_ + header::size);
    target_.insert(target_.end(), packed.begin(), packed.end());
  }
  if (size() > base::batch_bytes_format_max) return undo(base::fail(errc::too_large, 0, place(check::length)));

  uint8_t* const at = target_.data() + begin_;
  stamp(at, options_.base_offset, options_.leader_epoch);
  base::store_big(at + header::batch_length_at, static_cast<int32_t>(size() - header::frame_size));
  at[header::magic_at] = static_cast<uint8_t>(header::magic);
  base::store_big(at + header::attributes_at, attributes_of(options_, used));
  base::store_big(at + header::last_offset_delta_at, std::max(last_delta_, 0));
  base::store_big(at + header::base_timestamp_at, base_timestamp_);
  base::store_big(at + header::max_timestamp_at, options_.log_append_time.value_or(max_timestamp_));
  base::store_big(at + header::producer_id_at, options_.producer_id);
  base::store_big(at + header::producer_epoch_at, options_.producer_epoch);
  base::store_big(at + header::base_sequence_at, options_.base_sequence);
  base::store_big(at + header::record_count_at, count_);
  const mutable_bytes batch(at, size());
  seal(batch);
  return batch;
}

}  // namespace millrace::record
