#include "broker/catalog/names.hh"

#include <algorithm>

#include "base/limits.hh"

namespace millrace::broker {

const char* topic_name_problem(std::string_view name) {
  if (name.empty()) return "Topic name is invalid: the empty string is not allowed";
  if (name == "." || name == "..") return "Topic name is invalid: '.' or '..' is not allowed";
  if (name.size() > base::topic_name_bytes_max)
    return "Topic name is invalid: longer than 249 characters";
  const bool legal = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  return legal ? nullptr
               : "Topic name is invalid: only ASCII letters, digits, '.', '_' and '-' are allowed";
}

stream_and_topic split_topic_name(std::string_view name) {
  const size_t dot = name.find('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == name.size())
    return {default_stream, name};
  return {name.substr(0, dot), name.substr(dot + 1)};
}

std::string collision_name(std::string_view name) {
  std::string plain(name);
  std::ranges::replace(plain, '.', '_');
  return plain;
}

std::string partition_directory(std::string_view topic, int32_t partition) {
  return std::string(topic) + "-" + std::to_string(partition);
}

}  // namespace millrace::broker
