#include "storage/survey.hh"

#include <algorithm>
#include <set>

#include "storage/commit_file.hh"
#include "storage/commit_record.hh"
#include "storage/layout.hh"
#include "storage/partition_metadata.hh"

namespace millrace::storage {

using base::errc;
using base::fail;
using base::field;
using base::result;
using reactor::task;

namespace {

/// The survey while it is made.
struct surveyor {
  reactor::core& on;
  std::string data_dir;
  survey found;
  std::vector<checkpoint> checkpoints;  ///< those that count
  std::set<uint32_t> commit_files;
  std::set<std::string> directories;    ///< of logs, by their form
  std::set<std::string> deleted_names;  ///< names that deleted directories had

  base::failure refuse(errc code, std::string_view why, const std::string& path) const {
    on.log().error("storage", why, field("path", path));
    return fail(code);
  }
};

/// Whether a commit log holds no record: then a checkpoint that is missing beside it was never written, since a core writes
/// its first checkpoint before its first record, and the ring begins with zeros.
task<result<bool>> is_unused(reactor::core& on, std::string path) {
  std::string name = path;
  const result<uint64_t> size = on.effects().size_of(name);
  if (!size && size.error().code == errc::not_found) co_return true;
  if (!size) co_return size.failure();
  if (*size < commit_ring_begin + block_bytes) co_return true;
  result<reactor::file> opened = co_await reactor::file::open(on, std::move(path), reactor::open_direct);
  if (!opened) co_return opened.failure();
  const reactor::chunk memory = on.memory().allocate(block_bytes);
  result<size_t> read = fail(errc::no_memory);
  if (memory) {
    const base::mutable_bytes target = memory.bytes();
    const result<size_t> got = co_await opened->read(commit_ring_begin, target);
    read = got;
  }
  const result<void> closed = co_await opened->close();
  if (!read) co_return read.failure();
  if (!closed) co_return closed.failure();
  co_return !peek_record(base::bytes(memory.bytes()).first(*read));
}

result<void> list_commit_files(surveyor& s) {
  const auto entries = s.on.effects().list(layout::commit_directory(s.data_dir));
  if (!entries && entries.error().code == errc::not_found) return {};
  if (!entries) return entries.failure();
  std::set<uint32_t> cores;
  for (const reactor::directory_entry& e : *entries) {
    if (const auto core = layout::parse_commit_file(e.name)) {
      s.commit_files.insert(*core);
      cores.insert(*core);
    }
    if (const auto core = layout::parse_checkpoint_file(e.name)) cores.insert(*core);
  }
  s.found.cores.assign(cores.begin(), cores.end());
  return {};
}

/// What an earlier recovery found, if its checkpoint is still there: it stands for every checkpoint that is older.
task<result<void>> read_recovered(surveyor* s) {
  std::string path = layout::recovered_file(s->data_dir);
  result<checkpoint> read = co_await read_checkpoint(s->on, std::move(path));
  if (!read && read.error().code == errc::not_found) co_return result<void>();
  if (!read) {
    s->on.log().error("storage", "checkpoint of an earlier recovery cannot be used",
                      field("path", layout::recovered_file(s->data_dir)), field("error", read.error()));
    co_return read.failure();
  }
  s->checkpoints.push_back(std::move(*read));
  co_return result<void>();
}

task<result<void>> read_core(surveyor* s, uint32_t core) {
  std::string data_dir = s->data_dir;
  result<newest_checkpoint> newest = co_await read_newest_checkpoint(s->on, std::move(data_dir), core);
  std::string path = layout::commit_file(s->data_dir, core);
  if (!newest) {
    const errc code = newest.error().code;
    if (code != errc::not_found && code != errc::corrupt && code != errc::foreign) co_return newest.failure();
    const result<bool> unused = co_await is_unused(s->on, std::move(path));
    if (!unused) co_return unused.failure();
    if (*unused) co_return result<void>();
    co_return s->refuse(code == errc::foreign ? code : errc::corrupt,
                        "no valid checkpoint of a core that has a commit log (see --recover-by-scan)",
                        layout::checkpoint_file(s->data_dir, core, 0));
  }
  checkpoint& seen = newest->content;
  s->found.start_number = std::max(s->found.start_number, seen.start_number);
  const bool is_superseded =
      !s->checkpoints.empty() && s->checkpoints[0].core == recovered_core && !is_newer(seen, s->checkpoints[0]);
  if (is_superseded) co_return result<void>();
  if (!seen.clean && !s->commit_files.contains(core)) {
    co_return s->refuse(errc::corrupt, "commit log missing (see --recover-by-scan)", path);
  }
  s->checkpoints.push_back(std::move(seen));
  co_return result<void>();
}

/// Of the checkpoints that name a log the newest is believed.
void choose_logs(surveyor& s) {
  std::map<log_id, const checkpoint*> believed;
  for (checkpoint& c : s.checkpoints) {
    s.found.any_checkpoint = true;
    s.found.clean = s.found.clean && c.clean;
    s.found.start_number = std::max(s.found.start_number, c.start_number);
    for (log_state& l : c.logs) {
      const checkpoint*& by = believed[l.id];
      if (by != nullptr && !is_newer(c, *by)) continue;
      by = &c;
      surveyed_log& log = s.found.logs[l.id];
      log.core = c.core == recovered_core ? std::nullopt : std::optional(c.core);
      log.state = std::move(l);
    }
  }
  for (checkpoint& c : s.checkpoints) {
    c.logs.clear();
    if (c.core != recovered_core && !c.clean) s.found.to_redo.push_back(std::move(c));
  }
}

result<void> list_directories(surveyor& s) {
  TRY(const std::vector<reactor::directory_entry> entries, s.on.effects().list(s.data_dir));
  for (const reactor::directory_entry& e : entries) {
    if (!e.is_directory) continue;
    if (layout::is_deleted_directory(e.name)) {
      s.found.deleted.push_back(e.name);
      s.deleted_names.emplace(layout::name_before_deletion(e.name));
    } else if (layout::parse_log_directory(e.name)) {
      s.directories.insert(e.name);
    }
  }
  return {};
}

/// Drops logs that were deleted after their checkpoint: the directory was renamed, and its name may be another log's by now.
/// A deleted directory stays until a checkpoint without the log is durable, so a missing one with no such trace is a loss.
task<result<void>> match_directories(surveyor* s) {
  std::map<std::string, unsigned> claims;
  for (const auto& [id, log] : s->found.logs) ++claims[log.state.directory];
  std::vector<log_id> gone;
  for (const auto& [id, log] : s->found.logs) {
    const std::string& name = log.state.directory;
    const bool was_deleted = s->deleted_names.contains(name);
    std::string path = layout::log_directory(s->data_dir, name);
    if (!s->directories.contains(name)) {
      if (!was_deleted) co_return s->refuse(errc::corrupt, "directory of a log missing", path);
      gone.push_back(id);
      continue;
    }
    if (!was_deleted && claims[name] == 1) continue;
    const result<base::uuid> topic = co_await read_partition_metadata(s->on, std::move(path));
    const bool missing = !topic && topic.error().code == errc::not_found;
    if (!topic && !missing) co_return topic.failure();
    if (missing || *topic != id.topic) gone.push_back(id);
  }
  for (const log_id& id : gone) s->found.logs.erase(id);
  co_return result<void>();
}

result<bool> holds_segment_bytes(surveyor& s, const std::string& path) {
  TRY(const std::vector<reactor::directory_entry> entries, s.on.effects().list(path));
  return std::any_of(entries.begin(), entries.end(),
                     [](const reactor::directory_entry& e) { return layout::parse_log_file(e.name) && e.size > 0; });
}

/// A directory that no checkpoint names: a log made after them, or what was left of the making of one.
task<result<void>> add_new_log(surveyor* s, std::string directory) {
  const std::string path = layout::log_directory(s->data_dir, directory);
  std::string argument = path;
  const result<base::uuid> topic = co_await read_partition_metadata(s->on, std::move(argument));
  const bool missing = !topic && topic.error().code == errc::not_found;
  if (!topic && !missing) co_return topic.failure();
  const result<bool> holds_bytes = holds_segment_bytes(*s, path);
  if (!holds_bytes) co_return holds_bytes.failure();
  if (missing) {
    if (*holds_bytes) co_return s->refuse(errc::foreign, "directory with segments, and nothing says whose they are", path);
    co_return result<void>();
  }
  if (*holds_bytes && !s->found.any_checkpoint) {
    co_return s->refuse(errc::corrupt, "directory with segments, and no checkpoint (see --recover-by-scan)", path);
  }
  const log_id id{*topic, *layout::parse_log_directory(directory)};
  if (s->found.logs.contains(id)) co_return s->refuse(errc::corrupt, "two directories hold the same log", path);
  surveyed_log& log = s->found.logs[id];
  log.state.id = id;
  log.state.directory = std::move(directory);
  co_return result<void>();
}

/// The bytes that the checkpoint speaks of are there.
result<void> check_end(surveyor& s, surveyed_log& log) {
  const log_point& end = log.state.end;
  if (end.position == 0) return {};
  const std::string path = layout::log_directory(s.data_dir, log.state.directory) + "/" + layout::log_file(end.segment);
  const result<uint64_t> size = s.on.effects().size_of(path);
  if (!size && size.error().code != errc::not_found) return size.failure();
  if (size && *size >= end.position) return {};
  if (!size && end.next <= log.state.log_start) {
    log.removed_segment = true;
    return {};
  }
  return s.refuse(errc::corrupt, size ? "segment shorter than its log" : "segment missing", path);
}

task<result<void>> survey_all(surveyor* s) {
  CO_TRY_CHECK(list_commit_files(*s));
  const result<void> recovered = co_await read_recovered(s);
  if (!recovered) co_return recovered;
  for (const uint32_t core : s->found.cores) {
    const result<void> read = co_await read_core(s, core);
    if (!read) co_return read;
  }
  choose_logs(*s);
  CO_TRY_CHECK(list_directories(*s));
  const result<void> matched = co_await match_directories(s);
  if (!matched) co_return matched;
  for (const auto& [id, log] : s->found.logs) s->directories.erase(log.state.directory);
  while (!s->directories.empty()) {
    std::string directory = std::move(s->directories.extract(s->directories.begin()).value());
    const result<void> added = co_await add_new_log(s, std::move(directory));
    if (!added) co_return added;
  }
  for (auto& [id, log] : s->found.logs) {
    const result<void> checked = check_end(*s, log);
    if (!checked) co_return checked;
  }
  co_return result<void>();
}

}  // namespace

task<result<survey>> take_survey(reactor::core& on, std::string data_dir) {
  surveyor s{on, std::move(data_dir), {}, {}, {}, {}, {}};
  const result<void> done = co_await survey_all(&s);
  if (!done) co_return done.failure();
  co_return std::move(s.found);
}

}  // namespace millrace::storage
