#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

/// Prometheus' text format, version 0.0.4: lines at the end of a string. All samples of a family stand together, behind its
/// two lines of words; names, helps and label names are literals of ours, label values are anybody's.

namespace millrace::api::http {

enum class metric_kind : uint8_t { counter, gauge, histogram };
/// What a whole number counts: nanoseconds are written as seconds.
enum class metric_unit : uint8_t { plain, nanoseconds, milliseconds };

struct label {
  std::string_view name;
  std::string_view value;
};
using labels = std::initializer_list<label>;

class exposition {
 public:
  static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

  explicit exposition(std::string& out) : out_(out) {}

  void family(std::string_view name, metric_kind kind, std::string_view help);
  void sample(std::string_view name, labels of, uint64_t value, metric_unit unit = metric_unit::plain);
  /// `counts` has one more than `bounds`: each bucket's own, which are summed up here.
  void histogram(std::string_view name, labels of, std::span<const uint64_t> bounds, std::span<const uint64_t> counts,
                 uint64_t sum, metric_unit unit);

 private:
  void begin(std::string_view name, std::string_view suffix, labels of, std::string_view bound = {});
  void end(uint64_t value, metric_unit unit);

  std::string& out_;
};

/// A whole number of `unit` as the text of a number of that unit's family.
void write_number(std::string& out, uint64_t value, metric_unit unit);

}  // namespace millrace::api::http
