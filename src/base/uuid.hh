#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string_view>

#include "base/bytes.hh"
#include "base/hash.hh"
#include "base/result.hh"

/// uuid: sixteen bytes that name one thing for ever: a topic, a node's log. A value.

namespace millrace::base {

class uuid {
 public:
  /// As on the wire, most significant byte first.
  std::array<uint8_t, 16> octets{};

  static constexpr size_t text_size = 22;
  using text = std::array<char, text_size>;

  constexpr uuid() = default;

  /// A random one (RFC 9562, version 4) from two random numbers. Its text never begins with '-',
  /// which a command line would take for an option.
  static uuid from_random(uint64_t high, uint64_t low);

  /// The 16 bytes at `at`.
  static uuid load(const uint8_t* at) {
    uuid id;
    std::memcpy(id.octets.data(), at, 16);
    return id;
  }
  void store(uint8_t* at) const { std::memcpy(at, octets.data(), 16); }

  /// Kafka's text: URL-safe base64 (RFC 4648 section 5) without padding.
  text to_text() const;
  /// Reads exactly that text. Errors: malformed, also where the last character carries bits that no
  /// id has.
  static result<uuid> parse(std::string_view text);

  constexpr bool is_zero() const { return octets == std::array<uint8_t, 16>{}; }
  friend auto operator<=>(const uuid&, const uuid&) = default;
};

inline std::string_view as_view(const uuid::text& text) { return {text.data(), text.size()}; }

}  // namespace millrace::base

template <>
struct std::hash<millrace::base::uuid> {
  size_t operator()(const millrace::base::uuid& id) const noexcept {
    using millrace::base::load_little;
    return millrace::base::hash_combine(load_little<uint64_t>(id.octets.data()),
                                        load_little<uint64_t>(id.octets.data() + 8));
  }
};
