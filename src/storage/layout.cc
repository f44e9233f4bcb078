#include "storage/layout.hh"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace millrace::storage::layout {
namespace {

constexpr size_t base_digits = 20;
constexpr std::string_view deleted_suffix = "-delete";

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// A decimal number without sign, spaces or leading zeros: each number has one name.
template <class Int>
std::optional<Int> parse_number(std::string_view text) {
  if (text.empty() || !all_digits(text) || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  Int value{};
  const auto [rest, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || rest != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<base::offset> parse_with_suffix(std::string_view name, std::string_view suffix) {
  if (name.size() != base_digits + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  const std::string_view digits = name.substr(0, base_digits);
  if (!all_digits(digits)) return std::nullopt;
  int64_t value = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (parsed.ec != std::errc{}) return std::nullopt;
  return base::offset(value);
}

}  // namespace

std::string log_file(base::offset base) { return fmt::format("{:020}.log", base.value()); }
std::string index_file(base::offset base) { return fmt::format("{:020}.index", base.value()); }
std::string time_index_file(base::offset base) { return fmt::format("{:020}.timeindex", base.value()); }

std::optional<base::offset> parse_log_file(std::string_view name) { return parse_with_suffix(name, ".log"); }

std::optional<base::offset> parse_segment_file(std::string_view name) {
  for (const std::string_view suffix : {".log", ".index", ".timeindex"}) {
    if (const auto base = parse_with_suffix(name, suffix)) return base;
  }
  return std::nullopt;
}

std::string cleaned_file(base::offset base) { return fmt::format("{:020}.log.cleaned", base.value()); }
std::string swap_file(base::offset base, base::offset next) {
  return fmt::format("{:020}-{:020}.swap", base.value(), next.value());
}

std::optional<base::offset> parse_cleaned_file(std::string_view name) { return parse_with_suffix(name, ".log.cleaned"); }

std::optional<swap_name> parse_swap_file(std::string_view name) {
  if (name.size() <= base_digits || name[base_digits] != '-') return std::nullopt;
  const auto base = parse_with_suffix(name.substr(0, base_digits), "");
  const auto next = parse_with_suffix(name.substr(base_digits + 1), ".swap");
  if (!base || !next || *next <= *base) return std::nullopt;
  return swap_name{*base, *next};
}

std::string compaction_mark_file(const std::string& log_directory) { return log_directory + "/compaction.mark"; }

std::string log_directory(const std::string& data_dir, const std::string& directory) { return data_dir + "/" + directory; }
std::string partition_metadata_file(const std::string& log_directory) { return log_directory + "/partition.metadata"; }

std::string producers_file(const std::string& log_directory) { return log_directory + "/producers.snapshot"; }

std::optional<int32_t> parse_log_directory(std::string_view name) {
  const size_t dash = name.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return std::nullopt;
  return parse_number<int32_t>(name.substr(dash + 1));
}

std::string commit_directory(const std::string& data_dir) { return data_dir + "/commit"; }
std::string commit_file(const std::string& data_dir, uint32_t core) {
  return fmt::format("{}/commit/{}.log", data_dir, core);
}
std::string checkpoint_file(const std::string& data_dir, uint32_t core, unsigned slot) {
  return fmt::format("{}/commit/{}.checkpoint.{}", data_dir, core, slot);
}
std::string recovered_file(const std::string& data_dir) { return data_dir + "/commit/recovered"; }

std::optional<uint32_t> parse_commit_file(std::string_view name) {
  constexpr std::string_view suffix = ".log";
  if (!name.ends_with(suffix)) return std::nullopt;
  return parse_number<uint32_t>(name.substr(0, name.size() - suffix.size()));
}

std::optional<uint32_t> parse_checkpoint_file(std::string_view name) {
  for (const std::string_view suffix : {".checkpoint.0", ".checkpoint.1"}) {
    if (name.ends_with(suffix)) return parse_number<uint32_t>(name.substr(0, name.size() - suffix.size()));
  }
  return std::nullopt;
}

std::string pool_directory(const std::string& data_dir) { return data_dir + "/pool"; }
std::string pool_file(const std::string& data_dir, pool_name name) {
  return fmt::format("{}/pool/{}-{}", data_dir, name.core, name.number);
}

std::optional<pool_name> parse_pool_file(std::string_view name) {
  const size_t dash = name.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto core = parse_number<uint32_t>(name.substr(0, dash));
  const auto number = parse_number<uint64_t>(name.substr(dash + 1));
  if (!core || !number) return std::nullopt;
  return pool_name{*core, *number};
}

std::string meta_directory(const std::string& data_dir) { return data_dir + "/meta"; }
std::string start_file(const std::string& data_dir) { return data_dir + "/meta/start"; }
std::string version_file(const std::string& data_dir) { return data_dir + "/version"; }
std::string lock_file(const std::string& data_dir) { return data_dir + "/lock"; }

std::string deleted_directory(std::string_view directory, uint64_t unique) {
  return fmt::format("{}.{:016x}{}", directory, unique, deleted_suffix);
}

std::string_view name_before_deletion(std::string_view name) {
  constexpr size_t id_digits = 16;
  constexpr size_t behind = 1 + id_digits + deleted_suffix.size();
  if (name.size() <= behind || !name.ends_with(deleted_suffix)) return {};
  const std::string_view before = name.substr(0, name.size() - behind);
  const std::string_view id = name.substr(before.size() + 1, id_digits);
  const bool is_hex =
      std::all_of(id.begin(), id.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (name[before.size()] != '.' || !is_hex) return {};
  return before;
}

bool is_deleted_directory(std::string_view name) { return !name_before_deletion(name).empty(); }

}  // namespace millrace::storage::layout
