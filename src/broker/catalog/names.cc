#include "broker/catalog/names.hh"

#include <algorithm>

#include "base/limits.hh"

namespace millrace::broker {
namespace {

/// How many bytes the character at the front takes; 0 where it is no UTF-8: cut short, longer than
/// it need be, a surrogate, or past the last code point.
size_t utf8_character(std::string_view text) {
  const auto at = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0}; };
  const uint8_t first = at(0);
  if (first < 0x80) return 1;
  const size_t size = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  for (size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xe0 && at(1) < 0xa0) || (first == 0xf0 && at(1) < 0x90);
  const bool outside = (first == 0xed && at(1) >= 0xa0) || (first == 0xf4 && at(1) >= 0x90);
  return overlong || outside ? 0 : size;
}

}  // namespace

const char* topic_name_problem(std::string_view name) {
  if (name.empty()) return "Topic name is invalid: the empty string is not allowed";
  if (name == "." || name == "..") return "Topic name is invalid: '.' or '..' is not allowed";
  if (name.size() > base::topic_name_bytes_max) return "Topic name is invalid: longer than 249 characters";
  const bool legal = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
  return legal ? nullptr : "Topic name is invalid: only ASCII letters, digits, '.', '_' and '-' are allowed";
}

const char* plain_name_problem(std::string_view name) {
  if (name.empty()) return "The name is empty";
  if (name.size() > name_bytes_max) return "The name is longer than 255 bytes";
  while (!name.empty()) {
    const size_t size = utf8_character(name);
    if (size == 0) return "The name is not UTF-8";
    name.remove_prefix(size);
  }
  return nullptr;
}

stream_and_topic split_topic_name(std::string_view name) {
  const size_t dot = name.find('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == name.size()) return {default_stream, name};
  return {name.substr(0, dot), name.substr(dot + 1)};
}

std::string kafka_name_of(stream_and_topic parts) {
  std::string name;
  if (parts.stream != default_stream) name.append(parts.stream).append(".");
  name.append(parts.topic);
  if (topic_name_problem(name) != nullptr) return {};
  const stream_and_topic back = split_topic_name(name);
  return back.stream == parts.stream && back.topic == parts.topic ? name : std::string();
}

std::string collision_name(std::string_view name) {
  std::string plain(name);
  std::ranges::replace(plain, '.', '_');
  return plain;
}

std::string partition_directory(std::string_view stem, int32_t partition) {
  return std::string(stem) + "-" + std::to_string(partition);
}

}  // namespace millrace::broker
