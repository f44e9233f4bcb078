#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hh"

/// What a report takes from a run: a JSON document that calls itself "millrace-bench 1". Each is checked before anything is
/// written, against a table of the fields that the page shows; fields that the table does not name are kept and not looked
/// at.

namespace millrace::bench {

inline constexpr std::string_view document_format = "millrace-bench 1";

/// The document of a text. Errors: malformed for what is not JSON or a field of the wrong type, not_found for a field that
/// is missing, foreign for a document of another format; `place` is for explain_field. A part that may be absent may be
/// null, too.
base::result<nlohmann::json> read_document(std::string_view text);

/// The field behind an error's `place`, as in "intervals[].at", and what must stand there, as in "a number"; both empty
/// where the error is about no field.
struct field_words {
  std::string path;
  std::string_view wanted;
};
field_words explain_field(uint16_t place);

/// The latencies of a whole run, by the path at which a document has them.
inline constexpr std::string_view latency_paths[] = {"produce.latency", "consume.latency", "end_to_end.latency"};

/// What stands at a path such as "produce.latency"; nullptr where a part of it is missing or null.
const nlohmann::json* find(const nlohmann::json& document, std::string_view path);

/// The `place` of the packed histogram at latency_paths[index].
uint16_t place_of_histogram(size_t index);

}  // namespace millrace::bench
