#include <algorithm>
#include <map>
#include <optional>

#include "reactor/file.hh"
#include "storage/checkpoint.hh"
#include "storage/layout.hh"
#include "storage/recovery.hh"

/// After recovery: what new checkpoints have made useless goes.

namespace millrace::storage {

using base::errc;
using base::field;
using base::result;
using reactor::task;

namespace {

std::string_view name_of_file(const std::string& path) { return std::string_view(path).substr(path.rfind('/') + 1); }

std::optional<uint32_t> core_of(const std::string& path) {
  const std::string_view name = name_of_file(path);
  const auto core = layout::parse_commit_file(name);
  return core ? core : layout::parse_checkpoint_file(name);
}

task<result<void>> remove_if_there(reactor::core& on, std::string path) {
  const result<void> removed = co_await reactor::remove(on, std::move(path));
  if (!removed && removed.error().code == errc::not_found) co_return result<void>();
  co_return removed;
}

/// The commit logs go before the checkpoints, and what stands for them last, each kind when the one before is surely gone:
/// at each point a recovery finds its way.
enum class kind : uint8_t { commit_log, checkpoint, recovered };

kind kind_of(const std::string& path) {
  const std::string_view name = name_of_file(path);
  if (layout::parse_commit_file(name)) return kind::commit_log;
  return layout::parse_checkpoint_file(name) ? kind::checkpoint : kind::recovered;
}

task<result<void>> sync_names(reactor::core& on, std::string data_dir) {
  std::string directory = layout::commit_directory(data_dir);
  const result<void> synced = co_await reactor::sync_directory(on, std::move(directory));
  co_return synced;
}

/// Whether this is how a core's checkpoint files look when none was ever completed: missing, or the very first one torn.
/// Recovery has refused such files already where the core's commit log holds a record.
bool is_without_checkpoint(errc code) { return code == errc::not_found || code == errc::corrupt || code == errc::foreign; }

/// The start number of each core's newest checkpoint; cores without one have no files that matter.
task<result<std::map<uint32_t, base::leader_epoch>>> read_starts(reactor::core& on, std::string data_dir,
                                                                 std::vector<uint32_t> cores) {
  std::map<uint32_t, base::leader_epoch> starts;
  for (const uint32_t core : cores) {
    std::string argument = data_dir;
    const result<newest_checkpoint> newest = co_await read_newest_checkpoint(on, std::move(argument), core);
    if (newest) starts[core] = newest->content.start_number;
    // A core that runs now has written one: its must be readable.
    const bool runs = core < on.core_count();
    const errc why = newest ? errc::not_found : newest.error().code;
    if (!newest && why != errc::not_found && (runs || !is_without_checkpoint(why))) co_return newest.failure();
  }
  co_return std::move(starts);
}

}  // namespace

task<result<void>> retire(reactor::core& on, std::string data_dir, std::vector<std::string> files) {
  const auto entries = on.effects().list(layout::commit_directory(data_dir));
  if (!entries) co_return entries.failure();
  std::vector<uint32_t> cores;
  for (const reactor::directory_entry& e : *entries) {
    const auto core = core_of(e.name);
    if (core && std::find(cores.begin(), cores.end(), *core) == cores.end()) cores.push_back(*core);
  }
  std::string argument = data_dir;
  const auto starts = co_await read_starts(on, std::move(argument), std::move(cores));
  if (!starts) co_return starts.failure();
  base::leader_epoch newest{0};
  for (const auto& [core, start] : *starts) newest = std::max(newest, start);

  std::ranges::stable_sort(files, {}, kind_of);
  kind at = kind::commit_log;
  for (const std::string& file : files) {
    const auto core = core_of(file);
    const auto start = core ? starts->find(*core) : starts->end();
    const bool lives = core && start != starts->end() && start->second == newest;
    if (lives) continue;
    if (kind_of(file) != at) {
      at = kind_of(file);
      argument = data_dir;
      const result<void> synced = co_await sync_names(on, std::move(argument));
      if (!synced) co_return synced;
    }
    std::string path = file;
    const result<void> removed = co_await remove_if_there(on, std::move(path));
    if (!removed) co_return removed;
  }
  const result<void> synced = co_await sync_names(on, std::move(data_dir));
  co_return synced;
}

namespace {

bool closing(const reactor::scope* in) { return in != nullptr && in->closing(); }

task<result<void>> remove_directory_with_files(reactor::core& on, std::string path, const reactor::scope* in) {
  const auto entries = on.effects().list(path);
  if (!entries) co_return entries.failure();
  for (const reactor::directory_entry& e : *entries) {
    if (closing(in)) co_return result<void>();
    std::string file = path + "/" + e.name;
    const result<void> removed = co_await remove_if_there(on, std::move(file));
    if (!removed) co_return removed;
  }
  const result<void> removed = co_await reactor::remove_directory(on, std::move(path));
  co_return removed;
}

}  // namespace

task<void> remove_deleted(reactor::core& on, std::string data_dir, std::vector<std::string> directories,
                          const reactor::scope* in) {
  for (const std::string& directory : directories) {
    if (closing(in)) co_return;
    std::string path = layout::log_directory(data_dir, directory);
    const std::string name = path;
    const result<void> removed = co_await remove_directory_with_files(on, std::move(path), in);
    if (!removed) {
      on.log().warn("storage", "deleted log not removed", field("path", name), field("error", removed.error()));
    }
  }
}

}  // namespace millrace::storage
