#include "record/record_walker.hh"

#include <algorithm>

#include "base/varint.hh"

namespace millrace::record {

using base::decode_zigzag32;
using base::decode_zigzag64;

walk_rules walk_rules::produced(const header_view& batch) {
  walk_rules rules;
  rules.count = batch.record_count();
  rules.last_offset_delta = batch.last_offset_delta();
  rules.base_timestamp = batch.base_timestamp();
  return rules;
}

walk_rules walk_rules::stored(const header_view& batch) {
  walk_rules rules = produced(batch);
  rules.times = batch.timestamp_type();
  rules.max_timestamp = batch.max_timestamp();
  rules.dense = false;
  return rules;
}

base::result<void> record_walker::feed(bytes piece) {
  const uint8_t* at = piece.data();
  const uint8_t* const limit = at + piece.size();
  while (at < limit) {
    // The usual case: a record begins here and the piece holds all of it.
    if (next_ == part::length && number_shift_ == 0 && skip_ == 0) {
      int32_t length = 0;
      const uint8_t* const body = decode_zigzag32(at, limit, length);
      if (body != nullptr && length > 0 && length <= limit - body && summary_.count < rules_.count) {
        at = body + length;
        TRY_CHECK(walk_whole(body, at));
        continue;
      }
    }
    TRY_CHECK(walk_part(at, limit));
  }
  return {};
}

base::result<void> record_walker::finish() {
  if (next_ != part::length || number_shift_ != 0 || skip_ != 0) return refuse(check::record_length);
  if (summary_.count != rules_.count) return refuse(check::record_count);
  return {};
}

/// [at, limit) is one record after its length.
base::result<void> record_walker::walk_whole(const uint8_t* at, const uint8_t* limit) {
  seen_record seen{};
  at = decode_zigzag64(at + 1, limit, seen.timestamp_delta);  // past the attributes
  if (at == nullptr) return refuse(check::record_length);
  at = decode_zigzag32(at, limit, seen.offset_delta);
  if (at == nullptr) return refuse(check::record_length);

  int32_t key_size = 0;
  at = decode_zigzag32(at, limit, key_size);
  if (at == nullptr || key_size < -1 || key_size > limit - at) return refuse(check::record_length);
  seen.has_key = key_size >= 0;
  at += std::max(key_size, 0);

  int32_t value_size = 0;
  at = decode_zigzag32(at, limit, value_size);
  if (at == nullptr || value_size < -1 || value_size > limit - at) return refuse(check::record_length);
  at += std::max(value_size, 0);

  int32_t header_count = 0;
  at = decode_zigzag32(at, limit, header_count);
  if (at == nullptr) return refuse(check::record_length);
  // A header takes two bytes at least: a count beyond that is refused before it is walked.
  if (header_count < 0 || header_count > (limit - at) / 2) return refuse(check::headers);
  for (; header_count > 0; --header_count) {
    int32_t size = 0;
    at = decode_zigzag32(at, limit, size);
    if (at == nullptr || size < 0 || size > limit - at) return refuse(check::headers);
    at += size;
    at = decode_zigzag32(at, limit, size);
    if (at == nullptr || size < -1 || size > limit - at) return refuse(check::headers);
    at += std::max(size, 0);
  }
  if (at != limit) return refuse(check::record_length);
  return note(seen);
}

/// One step through a record that the piece does not hold whole: bytes passed over, or one number.
base::result<void> record_walker::walk_part(const uint8_t*& at, const uint8_t* limit) {
  if (skip_ > 0) {
    const int64_t step = std::min<int64_t>(skip_, limit - at);
    at += step;
    skip_ -= step;
    left_ -= step;
    return {};
  }
  const bool inside = next_ != part::length;
  const bool in_header = next_ == part::header_key_length || next_ == part::header_value_length;
  const check wrong = in_header ? check::headers : check::record_length;
  const bool wide = next_ == part::timestamp_delta;
  const unsigned last_shift = wide ? 63 : 28;
  const uint8_t last_byte_max = wide ? 0x01 : 0x0f;
  while (at < limit) {
    if (inside && left_ == 0) return refuse(wrong);
    const uint8_t byte = *at++;
    if (inside) --left_;
    if (next_ == part::attributes) {
      next_ = part::timestamp_delta;
      return {};
    }
    if (number_shift_ == last_shift && byte > last_byte_max) return refuse(wrong);
    number_ |= static_cast<uint64_t>(byte & 0x7f) << number_shift_;
    number_shift_ += 7;
    if (byte < 0x80) {
      const uint64_t raw = number_;
      number_ = 0;
      number_shift_ = 0;
      return take_number(wide ? base::unzigzag(raw) : base::unzigzag(static_cast<uint32_t>(raw)));
    }
  }
  return {};
}

base::result<void> record_walker::take_number(int64_t number) {
  switch (next_) {
    case part::length:
      return begin_record(number);
    case part::attributes:
      break;
    case part::timestamp_delta:
      current_.timestamp_delta = number;
      next_ = part::offset_delta;
      return {};
    case part::offset_delta:
      current_.offset_delta = static_cast<int32_t>(number);
      next_ = part::key_length;
      return {};
    case part::key_length:
      if (number < -1 || number > left_) return refuse(check::record_length);
      current_.has_key = number >= 0;
      skip_ = std::max<int64_t>(number, 0);
      next_ = part::value_length;
      return {};
    case part::value_length:
      if (number < -1 || number > left_) return refuse(check::record_length);
      skip_ = std::max<int64_t>(number, 0);
      next_ = part::header_count;
      return {};
    case part::header_count:
      if (number < 0 || number > left_ / 2) return refuse(check::headers);
      headers_left_ = static_cast<int32_t>(number);
      next_ = part::header_key_length;
      return headers_left_ == 0 ? end_record() : base::result<void>{};
    case part::header_key_length:
      if (number < 0 || number > left_) return refuse(check::headers);
      skip_ = number;
      next_ = part::header_value_length;
      return {};
    case part::header_value_length:
      if (number < -1 || number > left_) return refuse(check::headers);
      skip_ = std::max<int64_t>(number, 0);
      next_ = part::header_key_length;
      return --headers_left_ == 0 ? end_record() : base::result<void>{};
  }
  return refuse(check::record_length);
}

base::result<void> record_walker::begin_record(int64_t length) {
  if (summary_.count >= rules_.count) return refuse(check::record_count);
  if (length <= 0) return refuse(check::record_length);
  left_ = length;
  current_ = {};
  next_ = part::attributes;
  return {};
}

/// The last number of a record was read; what it announced may still have to be passed over.
base::result<void> record_walker::end_record() {
  if (left_ != skip_) return refuse(check::record_length);
  next_ = part::length;
  return note(current_);
}

base::result<void> record_walker::note(const seen_record& record) {
  const int32_t delta = record.offset_delta;
  const bool in_order = rules_.dense ? delta == summary_.count : delta > last_delta_ && delta <= rules_.last_offset_delta;
  if (!in_order) return refuse(check::offset_delta);
  unix_ms timestamp = rules_.max_timestamp;
  if (rules_.times == timestamp_type::create_time &&
      __builtin_add_overflow(rules_.base_timestamp, record.timestamp_delta, &timestamp)) {
    return refuse(check::timestamp);
  }
  last_delta_ = delta;

  const bool counts = delta >= rules_.search_delta;
  if (counts && timestamp > summary_.max_timestamp) {
    summary_.max_timestamp = timestamp;
    summary_.max_timestamp_delta = delta;
  }
  if (counts && timestamp >= rules_.search_timestamp && summary_.found_delta < 0) {
    summary_.found_timestamp = timestamp;
    summary_.found_delta = delta;
  }
  if (!record.has_key) {
    if (summary_.null_keys++ == 0) summary_.first_null_key = summary_.count;
  }
  if (!record.has_key && rules_.keys_required) {
    fault(base::errc::invalid_record, check::key);
  } else if (timestamp != no_timestamp && (timestamp < rules_.timestamp_least || timestamp > rules_.timestamp_most)) {
    fault(base::errc::invalid_timestamp, check::timestamp);
    summary_.timestamp_faults = true;
  }
  ++summary_.count;
  return {};
}

void record_walker::fault(base::errc code, check why) {
  const size_t at = static_cast<size_t>(summary_.fault_count++);
  if (at < rules_.faults.size()) rules_.faults[at] = {summary_.count, code, why};
}

base::failure record_walker::refuse(check why) const {
  return base::fail(base::errc::invalid_record, summary_.count, place(why));
}

}  // namespace millrace::record
