#include "storage/scan_recovery.hh"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/limits.hh"
#include "reactor/file.hh"
#include "storage/checkpoint.hh"
#include "storage/compaction_mark.hh"
#include "storage/layout.hh"
#include "storage/partition_metadata.hh"
#include "storage/segment_check.hh"
#include "storage/segment_swap.hh"

namespace millrace::storage {

using base::errc;
using base::fail;
using base::field;
using base::result;
using reactor::task;

namespace {

constexpr std::string_view aside_suffix = ".before-scan";

/// A log as its segments tell it, and what is to be done with its files.
struct scanned_log {
  log_state state;
  std::string path;  ///< of its directory
  struct cut {
    base::offset segment;
    uint64_t position;
    uint64_t size;
    bool keep;  ///< bytes that are not zeros are cut off
  };
  std::vector<cut> cuts;
  std::vector<base::offset> left_out;  ///< segments behind the end
  uint64_t batches = 0;
  segment_end end = segment_end::file;
  base::offset gaps_to{0};  ///< compaction has left gaps below it
};

/// What checkpoints that can still be read say about a log.
struct said {
  base::offset log_start{0};
  base::offset next{0};  ///< offsets below it were durable
};

struct scanner {
  reactor::core& on;
  std::string data_dir;
  std::map<log_id, said> said_before;
  std::vector<scanned_log> logs;
  recovered found;

  base::failure report(std::string_view what, const std::string& path, base::error why) const {
    on.log().error("storage", what, field("path", path), field("error", why));
    return base::failure{why};
  }

  // ---- what is left of checkpoints

  void take_word(const checkpoint& c) {
    found.start_number = std::max(found.start_number, c.start_number);
    for (const log_state& l : c.logs) {
      said& s = said_before[l.id];
      s.log_start = std::max(s.log_start, l.log_start);
      s.next = std::max(s.next, l.end.next);
    }
  }

  task<result<void>> read_checkpoints() {
    const auto entries = on.effects().list(layout::commit_directory(data_dir));
    if (!entries && entries.error().code == errc::not_found) co_return result<void>();
    if (!entries) co_return report("commit logs cannot be listed", layout::commit_directory(data_dir), entries.error());
    for (const reactor::directory_entry& e : *entries) {
      std::string path = layout::commit_directory(data_dir) + "/" + e.name;
      if (!layout::parse_checkpoint_file(e.name) && path != layout::recovered_file(data_dir)) continue;
      const result<checkpoint> read = co_await read_checkpoint(on, std::move(path));
      if (read) take_word(*read);
    }
    co_return result<void>();
  }

  // ---- logs

  task<result<void>> scan_all() {
    const auto entries = on.effects().list(data_dir);
    if (!entries) co_return report("data directory cannot be read", data_dir, entries.error());
    std::set<log_id> ids;
    for (const reactor::directory_entry& e : *entries) {
      if (!e.is_directory) continue;
      if (layout::is_deleted_directory(e.name)) {
        found.deleted.push_back(e.name);
        continue;
      }
      if (!layout::parse_log_directory(e.name)) continue;
      std::string name = e.name;
      const result<void> scanned = co_await scan_directory(std::move(name));
      if (!scanned) co_return scanned;
      if (logs.empty() || logs.back().state.directory != e.name) continue;
      if (!ids.insert(logs.back().state.id).second) {
        co_return report("two directories hold the same log", logs.back().path, fail(errc::corrupt).what);
      }
    }
    co_return result<void>();
  }

  task<result<void>> scan_directory(std::string name) {
    scanned_log log;
    log.path = layout::log_directory(data_dir, name);
    std::string argument = log.path;
    const result<void> tidied = co_await tidy_compaction(on, std::move(argument));
    if (!tidied) co_return tidied;
    argument = log.path;
    const result<compaction_mark> mark = co_await read_compaction_mark(on, std::move(argument));
    if (mark) log.gaps_to = mark->gaps_to;  // else it was said that it cannot be read
    const auto entries = on.effects().list(log.path);
    if (!entries) co_return report("directory of a log cannot be read", log.path, entries.error());
    std::vector<base::offset> segments;
    bool holds_bytes = false;
    for (const reactor::directory_entry& e : *entries) {
      const auto base = layout::parse_log_file(e.name);
      if (!base) continue;
      segments.push_back(*base);
      holds_bytes = holds_bytes || e.size > 0;
    }
    argument = log.path;
    const result<base::uuid> topic = co_await read_partition_metadata(on, std::move(argument));
    if (!topic && topic.error().code == errc::not_found) {
      if (!holds_bytes) co_return result<void>();  // what was left of the making of a log
      co_return report("segments, and nothing says whose: put partition.metadata back or move the directory away", log.path,
                       fail(errc::foreign).what);
    }
    if (!topic) co_return topic.failure();
    log.state.id = {*topic, *layout::parse_log_directory(name)};
    log.state.directory = std::move(name);
    std::ranges::sort(segments);
    const result<void> scanned = co_await scan_segments(&log, std::move(segments));
    if (!scanned) co_return scanned;
    logs.push_back(std::move(log));
    co_return result<void>();
  }

  /// Follows the segments as far as they continue each other.
  task<result<void>> scan_segments(scanned_log* log, std::vector<base::offset> segments) {
    log_state& state = log->state;
    if (!segments.empty()) state.log_start = state.end.segment = state.end.next = segments[0];
    for (size_t i = 0; i < segments.size(); ++i) {
      if (i > 0 && log->end != segment_end::next_segment) {
        log->left_out.push_back(segments[i]);
        continue;
      }
      std::optional<base::offset> limit;
      if (i + 1 < segments.size()) limit = segments[i + 1];
      const base::leader_epoch epoch = state.epochs.empty() ? base::leader_epoch(0) : state.epochs.back().epoch;
      const base::offset begin = segments[i];
      const std::string path = log->path + "/" + layout::log_file(begin);
      std::string argument = path;
      const result<checked_segment> checked =
          co_await check_segment(on, std::move(argument), begin, limit, epoch, log->gaps_to);
      if (!checked) co_return report("segment cannot be read", path, checked.error());
      state.end = {begin, checked->position, checked->next};
      state.epochs.insert(state.epochs.end(), checked->epochs.begin(), checked->epochs.end());
      log->batches += checked->batches;
      log->end = checked->end;
      if (checked->end == segment_end::next_segment && checked->position == checked->size) continue;
      log->cuts.push_back({begin, checked->position, checked->size, checked->bytes_behind});
    }
    if (const auto word = said_before.find(state.id); word != said_before.end()) {
      state.log_start = std::clamp(word->second.log_start, state.log_start, state.end.next);
    }
    if (!state.epochs.empty()) found.start_number = std::max(found.start_number, state.epochs.back().epoch);
    co_return result<void>();
  }

  void say(const scanned_log& log) const {
    const log_state& state = log.state;
    const auto word = said_before.find(state.id);
    const base::offset durable = word == said_before.end() ? base::offset(0) : word->second.next;
    const bool bytes_behind = !log.cuts.empty() && log.cuts.back().keep;
    on.log().warn("storage", "log taken from its segments", field("path", log.path), field("batches", log.batches),
                  field("start", state.log_start), field("next", state.end.next), field("segment", state.end.segment),
                  field("position", state.end.position), field("ended", name_of(log.end)));
    for (const base::offset segment : log.left_out) {
      on.log().error("storage", "segment left out: it does not continue its log",
                     field("path", log.path + "/" + layout::log_file(segment)), field("next", state.end.next));
    }
    if (state.end.next < durable) {
      on.log().error("storage", "acknowledged batches are lost", field("path", log.path), field("first", state.end.next),
                     field("next", durable));
    } else if (bytes_behind || !log.left_out.empty()) {
      on.log().error("storage", "not proven: that nothing acknowledged lay behind the end", field("path", log.path),
                     field("first", state.end.next));
    } else {
      on.log().warn("storage",
                    "not proven: that no commit log held more, and that the last batches were acknowledged, not leftovers",
                    field("path", log.path), field("next", state.end.next));
    }
  }

  // ---- files

  /// A name beside `path` that is not taken: an earlier scan's files stay too.
  result<std::string> name_aside(const std::string& path) const {
    for (unsigned n = 1;; ++n) {
      std::string name = path + std::string(aside_suffix) + (n == 1 ? "" : "." + std::to_string(n));
      const result<uint64_t> size = on.effects().size_of(name);
      if (!size && size.error().code == errc::not_found) return name;
      if (!size) return size.failure();
    }
  }

  task<result<void>> put_aside(std::string path) {
    const std::string shown = path;
    result<std::string> target = name_aside(path);
    if (!target) co_return report("file cannot be put aside", shown, target.error());
    const result<void> renamed = co_await reactor::rename(on, std::move(path), std::move(*target));
    if (!renamed) co_return report("file cannot be put aside", shown, renamed.error());
    co_return renamed;
  }

  /// Copies what a cut takes away, from the block on in which it begins. The copy and its name are durable when it returns.
  task<result<void>> keep_rest(reactor::file* from, std::string path, uint64_t position) {
    std::string directory = path.substr(0, path.rfind('/'));
    result<std::string> target = name_aside(path);
    if (!target) co_return target.failure();
    constexpr uint32_t flags = reactor::open_write | reactor::open_create;
    result<reactor::file> made = co_await reactor::file::open(on, std::move(*target), flags);
    if (!made) co_return made.failure();
    reactor::chunk memory = on.memory().allocate(base::mib);
    if (!memory) memory = on.memory().allocate(block_bytes);
    result<void> done;
    if (!memory) done = fail(errc::no_memory);
    const uint64_t begin = block_floor(position);
    for (uint64_t copied = 0; done;) {
      const base::mutable_bytes piece = memory.bytes();
      const result<size_t> read = co_await from->read(begin + copied, piece);
      if (!read) done = read.failure();
      if (!read || *read == 0) break;
      const base::bytes source = base::bytes(piece).first(*read);
      const result<void> written = co_await made->write(copied, source, false);
      done = written;
      copied += *read;
      if (*read < piece.size()) break;  // the file's end, which need not be a block's
    }
    if (done) {
      const result<void> synced = co_await made->sync();
      done = synced;
    }
    const result<void> closed = co_await made->close();
    if (done && !closed) done = closed;
    if (!done) co_return done;
    const result<void> named = co_await reactor::sync_directory(on, std::move(directory));
    co_return named;
  }

  /// The file ends with the last batch that counts, durable, and has no index that says otherwise.
  task<result<void>> apply(const scanned_log* log, scanned_log::cut c) {
    const std::string path = log->path + "/" + layout::log_file(c.segment);
    std::string argument = path;
    result<reactor::file> opened =
        co_await reactor::file::open(on, std::move(argument), reactor::open_write | reactor::open_direct);
    if (!opened) co_return report("segment cannot be opened", path, opened.error());
    result<void> done;
    if (c.keep) {
      argument = path;
      const result<void> kept = co_await keep_rest(&*opened, std::move(argument), c.position);
      done = kept;
    }
    if (done && c.position < c.size) {
      const result<void> cut = co_await opened->truncate(c.position);
      done = cut;
    }
    if (done) {
      const result<void> synced = co_await opened->sync();
      done = synced;
    }
    const result<void> closed = co_await opened->close();
    if (done && !closed) done = closed;
    for (const std::string& index : {layout::index_file(c.segment), layout::time_index_file(c.segment)}) {
      if (!done) break;
      argument = log->path + "/" + index;
      const result<void> removed = co_await reactor::remove(on, std::move(argument));
      if (!removed && removed.error().code != errc::not_found) done = removed;
    }
    if (!done) co_return report("segment cannot be cut", path, done.error());
    co_return done;
  }

  task<result<void>> tidy(const scanned_log* log) {
    for (const scanned_log::cut& c : log->cuts) {
      const result<void> applied = co_await apply(log, c);
      if (!applied) co_return applied;
    }
    const auto entries = on.effects().list(log->path);
    if (!entries) co_return report("directory of a log cannot be read", log->path, entries.error());
    for (const reactor::directory_entry& e : *entries) {
      const auto base = layout::parse_segment_file(e.name);
      if (!base || *base <= log->state.end.segment) continue;
      std::string path = log->path + "/" + e.name;
      const result<void> aside = co_await put_aside(std::move(path));
      if (!aside) co_return aside;
    }
    std::string directory = log->path;
    const result<void> synced = co_await reactor::sync_directory(on, std::move(directory));
    if (!synced) co_return report("directory of a log cannot be synced", log->path, synced.error());
    co_return synced;
  }

  /// The new word about all logs goes first, over an old one of an earlier recovery: it stands for every checkpoint that is
  /// still there, so that a start that finds the rest of the old ones believes none of them.
  task<result<void>> replace_checkpoints() {
    const std::string recovered_path = layout::recovered_file(data_dir);
    std::string path = recovered_path;
    result<std::string> old = co_await reactor::read_file(on, std::move(path), checkpoint_bytes_max);
    if (old) {
      result<std::string> aside = name_aside(recovered_path);
      if (!aside) co_return report("file cannot be put aside", recovered_path, aside.error());
      const result<void> copied = co_await reactor::replace_file(on, std::move(*aside), std::move(*old));
      if (!copied) co_return report("file cannot be put aside", recovered_path, copied.error());
    }
    const checkpoint all{.number = UINT64_MAX,
                         .start_number = found.start_number,
                         .core = recovered_core,
                         .clean = false,
                         .logs = found.logs};
    const std::vector<uint8_t> encoded = encode_checkpoint(all);
    std::string contents(base::as_text(encoded));
    path = recovered_path;
    const result<void> written = co_await reactor::replace_file(on, std::move(path), std::move(contents));
    if (!written) co_return report("what the scan found cannot be written", recovered_path, written.error());
    found.superseded.push_back(recovered_path);

    const std::string directory = layout::commit_directory(data_dir);
    const auto entries = on.effects().list(directory);
    if (!entries) co_return report("commit logs cannot be listed", directory, entries.error());
    for (const reactor::directory_entry& e : *entries) {
      if (!layout::parse_commit_file(e.name) && !layout::parse_checkpoint_file(e.name)) continue;
      path = directory + "/" + e.name;
      const result<void> aside = co_await put_aside(std::move(path));
      if (!aside) co_return aside;
    }
    path = directory;
    const result<void> synced = co_await reactor::sync_directory(on, std::move(path));
    if (!synced) co_return report("commit logs cannot be put aside", directory, synced.error());
    co_return synced;
  }
};

}  // namespace

task<result<recovered>> recover_by_scan(reactor::core& on, std::string data_dir) {
  scanner s{on, std::move(data_dir), {}, {}, {}};
  s.found.clean = false;
  const result<void> read = co_await s.read_checkpoints();
  if (!read) co_return read.failure();
  const result<void> scanned = co_await s.scan_all();
  if (!scanned) co_return scanned.failure();
  for (const scanned_log& log : s.logs) {
    s.say(log);
    const result<void> tidied = co_await s.tidy(&log);
    if (!tidied) co_return tidied.failure();
    s.found.logs.push_back(log.state);
  }
  std::ranges::sort(s.found.logs, {}, &log_state::id);
  const result<void> replaced = co_await s.replace_checkpoints();
  if (!replaced) co_return replaced.failure();
  on.log().warn("storage", "recovered by scan: commit logs and checkpoints were put aside as *.before-scan",
                field("path", s.data_dir), field("logs", s.found.logs.size()));
  co_return std::move(s.found);
}

}  // namespace millrace::storage
