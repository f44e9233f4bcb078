#include "record/record_iterator.hh"

#include <algorithm>

#include "base/assert.hh"
#include "base/varint.hh"
#include "record/check.hh"

namespace millrace::record {
namespace {

using base::decode_zigzag32;

/// Reads a length and as many bytes; -1 is null. Null pointer where either goes past the limit.
const uint8_t* take_bytes(const uint8_t* at, const uint8_t* limit, std::optional<bytes>& out) {
  int32_t size = 0;
  at = decode_zigzag32(at, limit, size);
  if (at == nullptr || size < -1 || size > limit - at) return nullptr;
  if (size < 0) {
    out.reset();
    return at;
  }
  out = bytes(at, static_cast<size_t>(size));
  return at + size;
}

const uint8_t* take_header(const uint8_t* at, const uint8_t* limit, header_field& out) {
  std::optional<bytes> key;
  at = take_bytes(at, limit, key);
  if (at == nullptr || !key) return nullptr;
  out.key = base::as_text(*key);
  return take_bytes(at, limit, out.value);
}

}  // namespace

header_field header_iterator::next() {
  ASSERT(!done());
  header_field field;
  const uint8_t* const begin = rest_.data();
  const uint8_t* const end = take_header(begin, begin + rest_.size(), field);
  ASSERT(end != nullptr);  // record_iterator has walked these bytes
  rest_ = rest_.subspan(static_cast<size_t>(end - begin));
  --left_;
  return field;
}

base::result<bool> record_iterator::next(record_view& out) {
  const auto refuse = [this](check why) { return base::fail(base::errc::invalid_record, index_, place(why)); };
  if (index_ >= count_) {
    if (!rest_.empty()) return refuse(check::record_count);
    return false;
  }
  if (rest_.empty()) return refuse(check::record_count);
  const uint8_t* const begin = rest_.data();
  int32_t length = 0;
  const uint8_t* at = decode_zigzag32(begin, begin + rest_.size(), length);
  if (at == nullptr || length <= 0 || length > begin + rest_.size() - at) return refuse(check::record_length);
  const uint8_t* const limit = at + length;

  at = base::decode_zigzag64(at + 1, limit, out.timestamp_delta);  // past the attributes
  if (at != nullptr) at = decode_zigzag32(at, limit, out.offset_delta);
  if (at != nullptr) at = take_bytes(at, limit, out.key);
  if (at != nullptr) at = take_bytes(at, limit, out.value);
  if (at != nullptr) at = decode_zigzag32(at, limit, out.header_count);
  if (at == nullptr) return refuse(check::record_length);
  if (out.header_count < 0 || out.header_count > (limit - at) / 2) return refuse(check::headers);
  const uint8_t* const headers = at;
  for (int32_t i = 0; i < out.header_count; ++i) {
    header_field ignored;
    at = take_header(at, limit, ignored);
    if (at == nullptr) return refuse(check::headers);
  }
  if (at != limit) return refuse(check::record_length);
  out.raw_headers = bytes(headers, limit);
  out.raw = bytes(begin, limit);
  rest_ = rest_.subspan(out.raw.size());
  ++index_;
  return true;
}

}  // namespace millrace::record
