#include "server/toml_letters.hh"

#include <charconv>

#include <fmt/format.h>

namespace millrace::server {

namespace {
constexpr char mark = '~';
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
}  // namespace

std::string to_ascii(std::string_view text) {
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  std::string ascii;
  ascii.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x7f || c == mark) {
      ascii += fmt::format("{}{:02x}", mark, byte);
    } else {
      ascii += c;
    }
  }
  return ascii;
}

std::string from_ascii(std::string_view ascii) {
  std::string text;
  text.reserve(ascii.size());
  for (size_t at = 0; at < ascii.size(); ++at) {
    unsigned byte = 0;
    const char* const digits = ascii.data() + at + 1;
    const bool marked =
        ascii[at] == mark && at + 2 < ascii.size() && std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2;
    text += marked ? static_cast<char>(byte) : ascii[at];
    if (marked) at += 2;
  }
  return text;
}

}  // namespace millrace::server
