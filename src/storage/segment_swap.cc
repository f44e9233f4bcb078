#include "storage/segment_swap.hh"

#include <algorithm>
#include <vector>

#include "reactor/file.hh"

namespace millrace::storage {

using base::field;
using base::result;
using reactor::task;

namespace {

/// The names of what leaves in step 3.
result<std::vector<std::string>> covered_files(reactor::core& on, const std::string& directory, layout::swap_name name) {
  TRY(const std::vector<reactor::directory_entry> entries, on.effects().list(directory));
  std::vector<std::string> covered;
  for (const reactor::directory_entry& e : entries) {
    const auto base = layout::parse_segment_file(e.name);
    if (!base || *base < name.base || *base >= name.next) continue;
    if (*base == name.base && layout::parse_log_file(e.name)) continue;  // the rename takes its name
    covered.push_back(e.name);
  }
  return covered;
}

task<result<void>> remove_if_there(reactor::core& on, std::string path) {
  const result<void> removed = co_await reactor::remove(on, std::move(path));
  if (!removed && removed.error().code == base::errc::not_found) co_return result<void>();
  co_return removed;
}

bool has_swap_file(reactor::core& on, const std::string& directory, layout::swap_name name) {
  const auto entries = on.effects().list(directory);
  const std::string wanted = layout::swap_file(name.base, name.next);
  return entries && std::ranges::any_of(*entries, [&](const auto& e) { return e.name == wanted; });
}

}  // namespace

task<result<void>> begin_swap(reactor::core& on, std::string log_directory, layout::swap_name name) {
  std::string from = log_directory + "/" + layout::cleaned_file(name.base);
  std::string to = log_directory + "/" + layout::swap_file(name.base, name.next);
  const result<void> renamed = co_await reactor::rename(on, std::move(from), std::move(to));
  // An earlier try may have failed behind it.
  const bool was_renamed =
      !renamed && renamed.error().code == base::errc::not_found && has_swap_file(on, log_directory, name);
  if (!renamed && !was_renamed) co_return renamed;
  const result<void> synced = co_await reactor::sync_directory(on, std::move(log_directory));
  co_return synced;
}

task<result<void>> finish_swap(reactor::core& on, std::string log_directory, layout::swap_name name) {
  const auto covered = covered_files(on, log_directory, name);
  if (!covered) co_return covered.failure();
  for (const std::string& file : *covered) {
    std::string path = log_directory + "/" + file;
    const result<void> removed = co_await remove_if_there(on, std::move(path));
    if (!removed) co_return removed;
  }
  std::string directory = log_directory;
  const result<void> gone = co_await reactor::sync_directory(on, std::move(directory));
  if (!gone) co_return gone;
  std::string from = log_directory + "/" + layout::swap_file(name.base, name.next);
  std::string to = log_directory + "/" + layout::log_file(name.base);
  const result<void> renamed = co_await reactor::rename(on, std::move(from), std::move(to));
  // An earlier try may have failed behind it.
  if (!renamed && renamed.error().code != base::errc::not_found) co_return renamed;
  const result<void> named = co_await reactor::sync_directory(on, std::move(log_directory));
  co_return named;
}

bool is_of_compaction(std::string_view file_name) {
  return layout::parse_cleaned_file(file_name) || layout::parse_swap_file(file_name);
}

task<result<void>> tidy_compaction(reactor::core& on, std::string log_directory) {
  const auto entries = on.effects().list(log_directory);
  if (!entries) co_return entries.failure();
  for (const reactor::directory_entry& e : *entries) {
    result<void> done;
    if (layout::parse_cleaned_file(e.name)) {
      std::string path = log_directory + "/" + e.name;
      done = co_await remove_if_there(on, std::move(path));
    } else if (const auto name = layout::parse_swap_file(e.name)) {
      std::string directory = log_directory;
      done = co_await finish_swap(on, std::move(directory), *name);
    }
    if (!done) {
      on.log().error("storage", "what a compaction left cannot be put in order", field("path", log_directory + "/" + e.name),
                     field("error", done.error()));
      co_return done;
    }
  }
  co_return result<void>();
}

}  // namespace millrace::storage
