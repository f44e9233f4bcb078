#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.hh"
#include "base/result.hh"
#include "base/uuid.hh"

/// Reads Kafka's primitive types from bytes that somebody else owns and keeps: nothing is copied.
///
/// Failure sticks. The first thing that does not fit leaves the reader empty with its error; all
/// later reads give zero, null or nothing, so that a decoder looks at ok() before it loops or
/// believes, and at its end, not after each field. Errors: truncated, malformed, too_large, with
/// the position of the failure as detail.
///
/// Source: Kafka's protocol guide; KIP-482 for `flexible` (compact lengths and tagged fields).

namespace millrace::wire::kafka {

inline constexpr uint32_t array_elements_max = 1'000'000;
inline constexpr uint32_t tagged_fields_max = 10'000;
/// Of a string in either form, so that any version can say it again.
inline constexpr size_t string_bytes_max = INT16_MAX;

class reader {
 public:
  explicit reader(base::bytes in) : begin_(in.data()), at_(in.data()), end_(in.data() + in.size()) {}

  bool ok() const { return error_.code == base::errc{}; }
  base::failure failure() const {
    ASSERT(!ok());
    return base::failure{error_};
  }
  /// Fails unless it has already.
  void fail(base::errc why);
  void fail(const base::failure& why);

  size_t remaining() const { return static_cast<size_t>(end_ - at_); }
  base::bytes rest() const { return {at_, remaining()}; }

  /// A big-endian integer.
  template <std::integral Int>
  Int number() {
    if (remaining() < sizeof(Int)) return fail(base::errc::truncated), Int{};
    const Int value = base::load_big<Int>(at_);
    at_ += sizeof(Int);
    return value;
  }
  bool boolean() { return number<int8_t>() != 0; }
  double float64();
  base::uuid id();
  /// An unsigned LEB128 number of at most 32 bits, in at most 5 bytes.
  uint32_t varint() {
    if (at_ != end_ && *at_ < 0x80) return *at_++;
    return long_varint();
  }
  base::bytes take(size_t size) {
    if (remaining() < size) return fail(base::errc::truncated), base::bytes{};
    const base::bytes taken(at_, size);
    at_ += size;
    return taken;
  }

  /// The length of a string, of bytes or of an array, or null (also after a failure: look at ok()).
  /// The length of what is not an array is within remaining().
  std::optional<uint32_t> string_length(bool flexible);
  std::optional<uint32_t> bytes_length(bool flexible);
  /// An element takes at least `smallest` bytes (> 0); a count for which they do not remain is
  /// refused, so nothing need be allocated for it.
  std::optional<uint32_t> array_count(bool flexible, size_t smallest);

  std::optional<std::string_view> nullable_string(bool flexible);
  std::optional<base::bytes> nullable_bytes(bool flexible);
  /// As above, where null is malformed.
  std::string_view string(bool flexible);
  base::bytes blob(bool flexible);
  /// array_count where null is malformed.
  uint32_t count(bool flexible, size_t smallest);

  /// The number of tagged fields that follow.
  uint32_t tag_count();
  /// Passes over a section of tagged fields, known to us or not.
  void skip_tags();

 private:
  uint32_t long_varint();
  std::optional<uint32_t> length(int64_t written, size_t limit);

  const uint8_t* begin_;
  const uint8_t* at_;
  const uint8_t* end_;
  base::error error_{base::errc{}};
};

}  // namespace millrace::wire::kafka
