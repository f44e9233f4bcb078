#include "wire/kafka/reader.hh"

#include <bit>

namespace millrace::wire::kafka {

void reader::fail(base::errc why) { fail(base::fail(why, static_cast<int32_t>(at_ - begin_))); }

void reader::fail(const base::failure& why) {
  if (!ok()) return;
  error_ = why.what;
  at_ = end_;
}

double reader::float64() { return std::bit_cast<double>(number<uint64_t>()); }

base::uuid reader::id() {
  const base::bytes raw = take(sizeof(base::uuid));
  return raw.empty() ? base::uuid() : base::uuid::load(raw.data());
}

uint32_t reader::long_varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    if (at_ == end_) return fail(base::errc::truncated), 0;
    const uint8_t next = *at_++;
    value |= static_cast<uint64_t>(next & 0x7f) << shift;
    if (next < 0x80) {
      if (value > UINT32_MAX) break;
      return static_cast<uint32_t>(value);
    }
  }
  return fail(base::errc::malformed), 0;
}

/// `written` is -1 for null.
std::optional<uint32_t> reader::length(int64_t written, size_t limit) {
  if (!ok() || written == -1) return std::nullopt;
  if (written < 0) return fail(base::errc::malformed), std::nullopt;
  if (static_cast<uint64_t>(written) > limit) return fail(base::errc::too_large), std::nullopt;
  return static_cast<uint32_t>(written);
}

std::optional<uint32_t> reader::string_length(bool flexible) {
  const auto size = length(flexible ? int64_t{varint()} - 1 : number<int16_t>(), string_bytes_max);
  if (size && *size > remaining()) return fail(base::errc::truncated), std::nullopt;
  return size;
}

std::optional<uint32_t> reader::bytes_length(bool flexible) {
  const auto size = length(flexible ? int64_t{varint()} - 1 : number<int32_t>(), INT32_MAX);
  if (size && *size > remaining()) return fail(base::errc::truncated), std::nullopt;
  return size;
}

std::optional<uint32_t> reader::array_count(bool flexible, size_t smallest) {
  ASSERT(smallest > 0);
  const auto count = length(flexible ? int64_t{varint()} - 1 : number<int32_t>(), array_elements_max);
  if (count && *count > remaining() / smallest) return fail(base::errc::truncated), std::nullopt;
  return count;
}

std::optional<std::string_view> reader::nullable_string(bool flexible) {
  const auto size = string_length(flexible);
  if (!size) return std::nullopt;
  return base::as_text(take(*size));
}

std::optional<base::bytes> reader::nullable_bytes(bool flexible) {
  const auto size = bytes_length(flexible);
  if (!size) return std::nullopt;
  return take(*size);
}

std::string_view reader::string(bool flexible) {
  const auto text = nullable_string(flexible);
  if (!text) fail(base::errc::malformed);
  return text.value_or(std::string_view());
}

base::bytes reader::blob(bool flexible) {
  const auto data = nullable_bytes(flexible);
  if (!data) fail(base::errc::malformed);
  return data.value_or(base::bytes());
}

uint32_t reader::count(bool flexible, size_t smallest) {
  const auto elements = array_count(flexible, smallest);
  if (!elements) fail(base::errc::malformed);
  return elements.value_or(0);
}

uint32_t reader::tag_count() {
  const uint32_t count = varint();
  if (count > tagged_fields_max) return fail(base::errc::too_large), 0;
  // A field is at least a number and a size.
  if (count > remaining() / 2) return fail(base::errc::truncated), 0;
  return count;
}

void reader::skip_tags() {
  for (uint32_t left = tag_count(); left > 0 && ok(); --left) {
    varint();
    take(varint());
  }
}

}  // namespace millrace::wire::kafka
