#include <vector>

#include "storage/segment.hh"

/// The end of writing: a file cut to its last batch, and its indexes beside it.

namespace millrace::storage {

using base::result;
using reactor::task;

namespace {

std::string beside(const std::string& path) { return path + ".new"; }

/// Writes a small file beside its name and syncs it; a rename then makes it what the name means. In place it could be found
/// cut or empty after a crash, and an index that is too short looks like any other. All of it is written anew: where an
/// earlier sync failed, another one of the same bytes and the same size would say nothing of what that one lost.
task<result<void>> write_beside(reactor::core& on, std::string path, std::vector<uint8_t> contents) {
  std::string name = beside(path);
  result<reactor::file> opened =
      co_await reactor::file::open(on, std::move(name), reactor::open_write | reactor::open_create);
  if (!opened) co_return opened.failure();
  result<void> done = co_await opened->truncate(0);
  if (done && !contents.empty()) {
    const base::bytes source(contents);
    result<void> written = co_await opened->write(0, source, false);
    done = written;
  }
  if (done) {
    result<void> synced = co_await opened->sync();
    done = synced;
  }
  const result<void> closed = co_await opened->close();
  if (done && !closed) done = closed;
  co_return done;
}

task<result<void>> put_in_place(reactor::core& on, std::string path) {
  std::string source = beside(path);
  const result<void> renamed = co_await reactor::rename(on, std::move(source), std::move(path));
  co_return renamed;
}

}  // namespace

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

task<result<void>> segment::write_indexes() {
  std::string path = index_path();
  std::vector<uint8_t> contents = offsets.encode();
  const result<void> by_offset = co_await write_beside(core_, std::move(path), std::move(contents));
  if (!by_offset) co_return by_offset;
  path = time_index_path();
  contents = times.encode();
  const result<void> by_time = co_await write_beside(core_, std::move(path), std::move(contents));
  if (!by_time) co_return by_time;
  path = index_path();
  const result<void> offsets_placed = co_await put_in_place(core_, std::move(path));
  if (!offsets_placed) co_return offsets_placed;
  path = time_index_path();
  const result<void> times_placed = co_await put_in_place(core_, std::move(path));
  if (!times_placed) co_return times_placed;
  std::string directory = directory_;
  const result<void> named = co_await reactor::sync_directory(core_, std::move(directory));
  co_return named;
}

}  // namespace millrace::storage
