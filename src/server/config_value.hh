#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/config.hh"
#include "server/config_table.hh"

/// A row's value as text and back. Every source (file, environment, flags) hands in text, so all of
/// them accept the same spellings.

namespace millrace::server {

/// Reads `text` into the row's field. Nothing: done. Otherwise what is wrong with the text, for
/// people, and the field is as it was.
std::optional<std::string> read_value(const row& row, std::string_view text, config& into);

/// The value in force in its plainest form: numbers in the row's unit without suffix, lists with
/// commas. It is what DescribeConfigs shows, and read_value takes it back.
std::string value_text(const row& row, const config& from);

/// Kafka's number for the type of a setting (DescribeConfigs 3 and later): BOOLEAN 1, STRING 2, INT
/// 3, LONG 5, LIST 7.
int8_t kafka_type(const row& row);

/// What a topic has that does not say otherwise.
struct topic_default {
  std::string_view topic_key;   ///< "segment.bytes"
  std::string_view broker_key;  ///< "log.segment.bytes", its synonym in DescribeConfigs
  std::string text;             ///< as value_text
};
std::vector<topic_default> topic_defaults(const config& from);

}  // namespace millrace::server
