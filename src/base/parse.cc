#include "base/parse.hh"

#include <algorithm>

#include "base/limits.hh"

namespace millrace::base {
namespace {

struct number_and_unit {
  uint64_t number;
  std::string_view unit;
};

result<number_and_unit> cut_unit(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  TRY(const uint64_t number, parse_integer<uint64_t>(text.substr(0, digits)));
  return number_and_unit{number, text.substr(digits)};
}

bool same_letters(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

result<uint32_t> parse_cpu(std::string_view text) {
  TRY(const uint32_t cpu, parse_integer<uint32_t>(text));
  if (cpu >= cpus_max) return fail(errc::too_large, static_cast<int32_t>(cpus_max));
  return cpu;
}

/// "3", "0-3" or "0-6:2".
result<void> add_cpus(std::string_view text, std::vector<uint32_t>& cpus) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) {
    TRY(const uint32_t only, parse_cpu(text));
    cpus.push_back(only);
    return {};
  }
  std::string_view last_text = text.substr(dash + 1);
  uint32_t stride = 1;
  if (const size_t colon = last_text.find(':'); colon != std::string_view::npos) {
    TRY(stride, parse_integer<uint32_t>(last_text.substr(colon + 1)));
    last_text = last_text.substr(0, colon);
  }
  TRY(const uint32_t first, parse_cpu(text.substr(0, dash)));
  TRY(const uint32_t last, parse_cpu(last_text));
  if (first > last || stride == 0) return fail(errc::malformed);
  for (uint64_t cpu = first; cpu <= last; cpu += stride) cpus.push_back(static_cast<uint32_t>(cpu));
  return {};
}

}  // namespace

result<uint64_t> parse_size(std::string_view text) {
  struct unit {
    std::string_view name;
    uint64_t size;
  };
  static constexpr uint64_t k = 1000;
  static constexpr unit units[] = {
      {"", 1},
      {"b", 1},
      {"k", kib},
      {"kib", kib},
      {"kb", k},
      {"m", mib},
      {"mib", mib},
      {"mb", k * k},
      {"g", gib},
      {"gib", gib},
      {"gb", k * k * k},
      {"t", gib * kib},
      {"tib", gib * kib},
      {"tb", k * k * k * k},
  };
  TRY(const number_and_unit cut, cut_unit(text));
  for (const unit& u : units) {
    if (!same_letters(u.name, cut.unit)) continue;
    uint64_t size = 0;
    if (__builtin_mul_overflow(cut.number, u.size, &size)) return fail(errc::too_large);
    return size;
  }
  return fail(errc::malformed);
}

result<duration> parse_duration(std::string_view text) {
  struct unit {
    std::string_view name;
    duration length;
  };
  static constexpr unit units[] = {
      {"ns", nanoseconds(1)}, {"us", microseconds(1)}, {"ms", milliseconds(1)}, {"s", seconds(1)},
      {"m", seconds(60)},     {"h", seconds(3600)},    {"d", seconds(86400)},
  };
  TRY(const number_and_unit cut, cut_unit(text));
  if (cut.unit.empty() && cut.number == 0) return duration{};
  for (const unit& u : units) {
    if (u.name != cut.unit) continue;
    int64_t ns = 0;
    if (__builtin_mul_overflow(cut.number, u.length.ns, &ns)) return fail(errc::too_large);
    return duration{ns};
  }
  return fail(errc::malformed);
}

result<std::vector<uint32_t>> parse_cpu_list(std::string_view text) {
  std::vector<uint32_t> cpus;
  while (true) {
    const size_t comma = text.find(',');
    TRY_CHECK(add_cpus(text.substr(0, comma), cpus));
    // A list that names everything again and again is no list that anyone means.
    if (cpus.size() > 4 * size_t{cpus_max}) return fail(errc::too_large);
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  std::sort(cpus.begin(), cpus.end());
  cpus.erase(std::unique(cpus.begin(), cpus.end()), cpus.end());
  return cpus;
}

result<bool> parse_bool(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return fail(errc::malformed);
}

}  // namespace millrace::base
