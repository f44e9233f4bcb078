#include "base/uuid.hh"

namespace millrace::base {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr uint8_t no_digit = 64;

constexpr std::array<uint8_t, 256> make_digits() {
  std::array<uint8_t, 256> digits{};
  digits.fill(no_digit);
  for (size_t i = 0; i < alphabet.size(); ++i) {
    digits[static_cast<uint8_t>(alphabet[i])] = static_cast<uint8_t>(i);
  }
  return digits;
}
constexpr std::array<uint8_t, 256> digits = make_digits();

}  // namespace

uuid uuid::from_random(uint64_t high, uint64_t low) {
  high = (high & ~uint64_t{0xf000}) | 0x4000;                // version 4
  low = (low & ~(uint64_t{3} << 62)) | (uint64_t{2} << 62);  // variant 10
  // '-' is digit 62: make it 60, '8'.
  if (high >> 58 == 62) high &= ~(uint64_t{2} << 58);
  uuid id;
  store_big(id.octets.data(), high);
  store_big(id.octets.data() + 8, low);
  return id;
}

uuid::text uuid::to_text() const {
  text out;
  uint32_t held = 0;
  unsigned bits = 0;
  size_t at = 0;
  for (const uint8_t octet : octets) {
    held = (held << 8) | octet;
    for (bits += 8; bits >= 6; bits -= 6) out[at++] = alphabet[(held >> (bits - 6)) & 63];
  }
  out[at] = alphabet[(held << (6 - bits)) & 63];
  return out;
}

result<uuid> uuid::parse(std::string_view text) {
  if (text.size() != text_size) return fail(errc::malformed, static_cast<int32_t>(text.size()));
  uuid id;
  uint32_t held = 0;
  unsigned bits = 0;
  size_t at = 0;
  for (const char c : text) {
    const uint8_t digit = digits[static_cast<uint8_t>(c)];
    if (digit == no_digit) return fail(errc::malformed);
    held = (held << 6) | digit;
    bits += 6;
    if (bits >= 8 && at < id.octets.size()) {
      bits -= 8;
      id.octets[at++] = static_cast<uint8_t>(held >> bits);
    }
  }
  if ((held & ((1u << bits) - 1)) != 0) return fail(errc::malformed);
  return id;
}

}  // namespace millrace::base
