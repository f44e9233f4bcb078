#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hh"
#include "base/time.hh"
#include "load/settings.hh"

/// The few Kafka messages that raw_load speaks, in versions that every broker of the last years
/// has: Produce 7, Fetch 11, ListOffsets 1, Metadata 5, CreateTopics 4, DeleteTopics 1. Written by
/// hand, apart from src/wire, so that a fault in our codec cannot hide in its own mirror. Frames
/// hold the length in front; integers are big endian.

namespace millrace::bench {

/// Appends Kafka's primitive types.
class writer {
 public:
  template <class Int>
  writer& put(Int value) {
    base::store_big(grow(sizeof value), value);
    return *this;
  }
  writer& text(std::string_view s) {
    put(static_cast<int16_t>(s.size()));
    return raw(base::as_bytes(s));
  }
  writer& raw(base::bytes b) {
    if (!b.empty()) std::memcpy(grow(b.size()), b.data(), b.size());
    return *this;
  }
  size_t size() const { return out_.size(); }
  std::vector<uint8_t> bytes() && { return std::move(out_); }
  /// The bytes, with the length of what follows in the first four; `more` bytes will be sent behind
  /// them.
  std::vector<uint8_t> frame(size_t more = 0) && {
    base::store_big(out_.data(), static_cast<int32_t>(out_.size() - 4 + more));
    return std::move(*this).bytes();
  }

 private:
  /// Adds `size` bytes; where they begin. Never inlined: gcc 12 sees overflows where a vector grows
  /// from nothing.
  [[gnu::noinline]] uint8_t* grow(size_t size);

  std::vector<uint8_t> out_;
};

/// Takes Kafka's primitive types from a whole response; ends the program where bytes are missing.
class reader {
 public:
  explicit reader(base::bytes b) : left_(b) {}
  template <class Int>
  Int get() {
    return base::load_big<Int>(take(sizeof(Int)).data());
  }
  std::string text();  ///< "" for null
  void skip_int32_array();

 private:
  base::bytes take(size_t size);
  base::bytes left_;
};

/// One uncompressed record batch v2 of `messages` records with values of `message_bytes` random
/// bytes, without keys, base offset 0.
std::vector<uint8_t> make_batch(uint32_t messages, uint32_t message_bytes, base::unix_ms timestamp);

/// Where the correlation id stands in every request.
inline constexpr size_t request_correlation_at = 8;

/// A Produce request up to the batch, for one partition; the places in it that change.
struct produce_prefix {
  std::vector<uint8_t> bytes;
  size_t partition_at;
};
produce_prefix make_produce_prefix(std::string_view topic, int16_t acks, size_t batch_bytes);

/// The one size that Produce's response for one partition has, and the places of what raw_load
/// looks at.
struct produce_response_shape {
  explicit produce_response_shape(size_t topic_size)
      : partition_at(4 + 4 + 4 + 2 + topic_size + 4), error_at(partition_at + 4), size(error_at + 2 + 8 + 8 + 8 + 4) {}
  size_t partition_at;
  size_t error_at;
  size_t size;
};

/// A Fetch request for one partition, no session; the places that change.
struct fetch_request {
  std::vector<uint8_t> bytes;
  size_t partition_at;
  size_t offset_at;
};
fetch_request make_fetch_request(std::string_view topic, int32_t max_bytes);

}  // namespace millrace::bench
