#include <string>
#include <utility>
#include <vector>

#include "storage/segment.hh"

/// The end of writing: a file cut to its last batch, and its indexes beside it.

namespace millrace::storage {

using base::result;
using reactor::task;

task<result<void>> segment::close_cleanly() {
  const result<void> finished = co_await finish_file();
  if (finished) state = segment_state::closed;
  co_return finished;
}

task<result<void>> segment::park() {
  const result<void> finished = co_await finish_file();
  co_return finished;
}

task<result<void>> segment::finish_file() {
  ASSERT(indexes_complete);
  const result<void> opened = co_await open_for_write();
  if (!opened) co_return opened;
  // Indexes first: a file that is cut has them.
  const result<void> indexed = co_await write_indexes();
  if (!indexed) co_return indexed;
  const result<void> done = co_await cut();
  co_return done;
}

task<result<void>> segment::cut() {
  const result<void> opened = co_await open_for_write();
  if (!opened) co_return opened;
  const result<void> shorter = co_await file_.truncate(size);
  if (!shorter) co_return shorter;
  allocated = block_floor(size);
  const result<void> synced = co_await file_.sync();
  co_return synced;
}

/// Written beside their names and synced, then renamed. In place they could be found cut or empty after a crash, and an
/// index that is too short looks like any other; and where an earlier sync failed, another one of the same bytes would say
/// nothing of what that one lost.
task<result<void>> segment::write_indexes() {
  const std::pair<std::string, std::vector<uint8_t>> files[] = {{index_path(), offsets.encode()},
                                                                {time_index_path(), times.encode()}};
  for (const auto& [path, contents] : files) {
    std::string beside = path + ".new";
    const result<void> written = co_await reactor::write_file(core_, std::move(beside), contents);
    if (!written) co_return written;
  }
  for (const auto& [path, contents] : files) {
    std::string beside = path + ".new";
    std::string name = path;
    const result<void> renamed = co_await reactor::rename(core_, std::move(beside), std::move(name));
    if (!renamed) co_return renamed;
  }
  std::string directory = directory_;
  const result<void> named = co_await reactor::sync_directory(core_, std::move(directory));
  co_return named;
}

}  // namespace millrace::storage
