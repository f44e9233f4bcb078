#include "api/http/exposition.hh"

#include <fmt/format.h>

#include <iterator>

#include "base/assert.hh"

namespace millrace::api::http {

namespace {

std::string_view word_of(metric_kind kind) {
  switch (kind) {
    case metric_kind::counter:
      return "counter";
    case metric_kind::gauge:
      return "gauge";
    case metric_kind::histogram:
      return "histogram";
  }
  return "untyped";
}

void write_escaped(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
}

/// `value` of 10^digits, exactly.
void write_decimal(std::string& out, uint64_t value, uint64_t scale, int digits) {
  fmt::format_to(std::back_inserter(out), "{}", value / scale);
  if (value % scale == 0) return;
  fmt::format_to(std::back_inserter(out), ".{:0{}}", value % scale, digits);
  while (out.back() == '0') out.pop_back();
}

}  // namespace

void write_number(std::string& out, uint64_t value, metric_unit unit) {
  switch (unit) {
    case metric_unit::plain:
      fmt::format_to(std::back_inserter(out), "{}", value);
      return;
    case metric_unit::nanoseconds:
      write_decimal(out, value, 1'000'000'000, 9);
      return;
    case metric_unit::milliseconds:
      write_decimal(out, value, 1'000, 3);
      return;
  }
}

void exposition::family(std::string_view name, metric_kind kind, std::string_view help) {
  fmt::format_to(std::back_inserter(out_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, word_of(kind));
}

void exposition::begin(std::string_view name, std::string_view suffix, labels of, std::string_view bound) {
  out_ += name;
  out_ += suffix;
  char before = '{';
  for (const label& l : of) {
    if (l.name.empty()) continue;
    out_ += before;
    out_ += l.name;
    out_ += "=\"";
    write_escaped(out_, l.value);
    out_ += '"';
    before = ',';
  }
  if (!bound.empty()) {
    out_ += before;
    out_ += "le=\"";
    out_ += bound;
    out_ += '"';
    before = ',';
  }
  if (before == ',') out_ += '}';
  out_ += ' ';
}

void exposition::end(uint64_t value, metric_unit unit) {
  write_number(out_, value, unit);
  out_ += '\n';
}

void exposition::sample(std::string_view name, labels of, uint64_t value, metric_unit unit) {
  begin(name, {}, of);
  end(value, unit);
}

void exposition::histogram(std::string_view name, labels of, std::span<const uint64_t> bounds,
                           std::span<const uint64_t> counts, uint64_t sum, metric_unit unit) {
  ASSERT(counts.size() == bounds.size() + 1);
  uint64_t seen = 0;
  std::string bound;
  for (size_t i = 0; i < counts.size(); ++i) {
    seen += counts[i];
    bound.clear();
    if (i < bounds.size()) {
      write_number(bound, bounds[i], unit);
    } else {
      bound = "+Inf";
    }
    begin(name, "_bucket", of, bound);
    end(seen, metric_unit::plain);
  }
  begin(name, "_sum", of);
  end(sum, unit);
  begin(name, "_count", of);
  end(seen, metric_unit::plain);
}

}  // namespace millrace::api::http
