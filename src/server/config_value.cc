#include "server/config_value.hh"

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>

#include "base/limits.hh"
#include "base/parse.hh"
#include "server/config_address.hh"

namespace millrace::server {
namespace {

using problem = std::optional<std::string>;

constexpr int64_t ns_per(unit unit) { return unit == unit::milliseconds ? 1'000'000 : 1'000; }

/// A number in the row's unit: plain, as a size, or with a unit of time.
std::optional<int64_t> number_in(const row& row, std::string_view text) {
  if (const auto plain = base::parse_integer<int64_t>(text)) return *plain;
  if (row.unit == unit::bytes) {
    const auto size = base::parse_size(text);
    if (size && *size <= uint64_t{INT64_MAX}) return static_cast<int64_t>(*size);
  }
  if (row.unit == unit::milliseconds || row.unit == unit::microseconds) {
    const auto time = base::parse_duration(text);
    if (time && time->ns % ns_per(row.unit) == 0) return time->ns / ns_per(row.unit);
  }
  return std::nullopt;
}

std::string_view shape_of(const row& row) {
  switch (row.unit) {
    case unit::bytes:
      return "a size (1048576, 64KiB, 1GiB)";
    case unit::milliseconds:
      return "a number of milliseconds (or a time: 500ms, 10s, 7d)";
    case unit::microseconds:
      return "a number of microseconds (or a time: 200us, 1ms)";
    case unit::none:
      break;
  }
  return "a whole number";
}

template <class Int>
problem read_number(const row& row, std::string_view text, Int& into) {
  const auto number = number_in(row, text);
  if (!number) return fmt::format("'{}' is not {}", text, shape_of(row));
  if (*number < row.least || *number > row.most) {
    return row.most == std::numeric_limits<int64_t>::max()
               ? fmt::format("must be at least {}, not {}", row.least, text)
               : fmt::format("must be from {} to {}, not {}", row.least, row.most, text);
  }
  into = static_cast<Int>(*number);
  return {};
}

/// The index of `text` among the row's choices.
std::optional<size_t> choice_in(const row& row, std::string_view text) {
  const auto at = std::ranges::find(row.choices, text);
  if (at == row.choices.end()) return std::nullopt;
  return static_cast<size_t>(at - row.choices.begin());
}
std::string not_a_choice(const row& row, std::string_view text) {
  return fmt::format("must be {}, not '{}'", fmt::join(row.choices, " or "), text);
}

template <class Value>
problem read_into(const row& row, std::string_view text, Value& into) {
  if constexpr (std::is_same_v<Value, bool>) {
    const auto truth = base::parse_bool(text);
    if (!truth) return fmt::format("must be true or false, not '{}'", text);
    into = *truth;
  } else if constexpr (std::is_integral_v<Value>) {
    return read_number(row, text, into);
  } else if constexpr (std::is_enum_v<Value>) {
    const auto chosen = choice_in(row, text);
    if (!chosen) return not_a_choice(row, text);
    into = static_cast<Value>(*chosen);
  } else if constexpr (std::is_same_v<Value, std::string>) {
    if (!row.choices.empty() && !choice_in(row, text)) return not_a_choice(row, text);
    into = text;
  } else if constexpr (std::is_same_v<Value, std::vector<uint32_t>>) {
    auto cpus = base::parse_cpu_list(text);
    if (!cpus) {
      return fmt::format("'{}' is not a list of CPUs below {} (0-3,6)", text, base::cpus_max);
    }
    into = std::move(*cpus);
  } else if constexpr (std::is_same_v<Value, std::optional<endpoint>>) {
    return read_address(text, into);
  } else {
    return read_list(text, into);
  }
  return {};
}

template <class Value>
std::string text_from(const row& row, const Value& value) {
  if constexpr (std::is_same_v<Value, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_integral_v<Value>) {
    return fmt::format("{}", value);
  } else if constexpr (std::is_enum_v<Value>) {
    return std::string(row.choices[static_cast<size_t>(value)]);
  } else if constexpr (std::is_same_v<Value, std::string>) {
    return value;
  } else if constexpr (std::is_same_v<Value, std::vector<uint32_t>>) {
    return fmt::format("{}", fmt::join(value, ","));
  } else if constexpr (std::is_same_v<Value, std::optional<endpoint>>) {
    return address_text(value.value());
  } else {
    return list_text(value);
  }
}

template <class Value>
bool is_zero(const Value& value) {
  return value == Value{};
}

}  // namespace

std::optional<std::string> read_value(const row& row, std::string_view text, config& into) {
  return std::visit(
      [&](auto member) -> problem {
        auto& value = into.*member;
        if (!row.word.empty() && text == row.word) {
          value = {};
          return {};
        }
        return read_into(row, text, value);
      },
      row.where);
}

std::string value_text(const row& row, const config& from) {
  return std::visit(
      [&](auto member) {
        const auto& value = from.*member;
        if (!row.word.empty() && is_zero(value)) return std::string(row.word);
        return text_from(row, value);
      },
      row.where);
}

int8_t kafka_type(const row& row) {
  // Kafka takes several policies at a time.
  if (row.name == "log.cleanup.policy") return 7;
  if (row.name == "log.cleaner.min.cleanable.ratio") return 6;  // double
  return std::visit(
      []<class Value>(Value config::*) -> int8_t {
        if constexpr (std::is_same_v<Value, bool>) {
          return 1;
        } else if constexpr (std::is_same_v<Value, int32_t>) {
          return 3;
        } else if constexpr (std::is_same_v<Value, int64_t>) {
          return 5;
        } else if constexpr (std::is_same_v<Value, std::vector<endpoint>> || std::is_same_v<Value, std::vector<placement>>) {
          return 7;
        } else {
          return 2;
        }
      },
      row.where);
}

std::vector<topic_default> topic_defaults(const config& from) {
  std::vector<topic_default> all;
  for (const row& row : config_rows()) {
    if (row.topic_key.empty()) continue;
    all.push_back({.topic_key = row.topic_key, .broker_key = row.name, .text = value_text(row, from)});
  }
  return all;
}

}  // namespace millrace::server
