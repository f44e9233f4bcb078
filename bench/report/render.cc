#include "report/render.hh"

#include <fmt/format.h>

#include <iterator>

#include "report/curve.hh"
#include "report/document.hh"
#include "report/page.hh"

namespace millrace::bench {
namespace {

using base::errc;
using base::fail;
using base::result;

/// Appends JSON so that no HTML parser finds an end or a comment in it. "<" stands only inside of strings in JSON, and there
/// its escape means the same.
void append_data(std::string& page, std::string_view json) {
  for (const char c : json) {
    if (c == '<') {
      page += "\\u003c";
    } else {
      page += c;
    }
  }
}

std::string_view without_byte_order_mark(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  return text;
}

/// `[[nines, ns], ...]` of a latency, or `null` where the run has none.
result<std::string> curve_json(const nlohmann::json& document, size_t index) {
  const nlohmann::json* latency = find(document, latency_paths[index]);
  if (latency == nullptr) return std::string("null");
  const uint16_t place = place_of_histogram(index);
  const auto cells = decode_hdr(latency->at("hdr").get_ref<const std::string&>());
  if (!cells) return fail(errc::corrupt, 0, place);
  if (count_of(*cells) != latency->at("count").get<uint64_t>()) return fail(errc::corrupt, 0, place);
  std::string json = "[";
  for (const curve_point& point : curve_of(*cells)) {
    fmt::format_to(std::back_inserter(json), "{}[{:.5f},{}]", json.size() > 1 ? "," : "", point.nines, point.value);
  }
  return json + "]";
}

/// `{"document":...,"curves":[produce, consume, end_to_end]}`.
result<void> append_run(std::string& page, std::string_view text) {
  TRY(const nlohmann::json document, read_document(text));
  page += "{\"document\":";
  append_data(page, text);
  page += ",\"curves\":[";
  for (size_t index = 0; index < std::size(latency_paths); ++index) {
    TRY(const std::string curve, curve_json(document, index));
    if (index > 0) page += ',';
    page += curve;
  }
  page += "]}";
  return {};
}

}  // namespace

result<std::string> render_report(std::span<const std::string> documents) {
  if (documents.empty()) return fail(errc::invalid_argument);
  std::string page(page_before_data);
  page += '[';
  for (size_t number = 0; number < documents.size(); ++number) {
    if (number > 0) page += ",\n";
    const auto appended = append_run(page, without_byte_order_mark(documents[number]));
    if (!appended) return fail(appended.error().code, static_cast<int32_t>(number), appended.error().place);
  }
  page += ']';
  page += page_after_data;
  return page;
}

std::string explain(const base::error& why, std::span<const std::string> names) {
  const auto number = static_cast<size_t>(why.detail);
  if (why.code == errc::invalid_argument) return "no runs to report";
  const std::string name = number < names.size() ? names[number] : fmt::format("document {}", number + 1);
  const field_words field = explain_field(why.place);
  switch (why.code) {
    case errc::foreign:
      return fmt::format("{}: not a document of the format \"{}\"", name, document_format);
    case errc::corrupt:
      return fmt::format("{}: {} is damaged", name, field.path);
    case errc::not_found:
      return fmt::format("{}: {} is missing", name, field.path);
    default:
      return field.path.empty() ? fmt::format("{}: not JSON", name)
                                : fmt::format("{}: {} is not {}", name, field.path, field.wanted);
  }
}

}  // namespace millrace::bench
