#include "storage/checkpoint.hh"

#include "base/assert.hh"
#include "storage/layout.hh"

namespace millrace::storage {

using reactor::task;

task<base::result<checkpoint>> read_checkpoint(reactor::core& on, std::string path) {
  const base::result<std::string> file = co_await reactor::read_file(on, std::move(path), checkpoint_bytes_max);
  if (!file) co_return file.failure();
  co_return decode_checkpoint(base::as_bytes(*file));
}

task<base::result<newest_checkpoint>> read_newest_checkpoint(reactor::core& on, std::string data_dir, uint32_t core_index) {
  base::result<newest_checkpoint> newest = base::fail(base::errc::not_found);
  base::error why{base::errc::not_found};
  for (unsigned slot = 0; slot < 2; ++slot) {
    std::string path = layout::checkpoint_file(data_dir, core_index, slot);
    const base::result<uint64_t> size = on.effects().size_of(path);
    if (!size && size.error().code != base::errc::not_found) co_return size.failure();
    // A slot that was made and not yet written: the core was about to write its first checkpoint.
    if (!size || *size == 0) continue;
    std::string name = path;
    base::result<checkpoint> read = co_await read_checkpoint(on, std::move(path));
    if (!read) {
      const base::errc code = read.error().code;
      if (code == base::errc::io || code == base::errc::no_memory) co_return read.failure();
      on.log().warn("storage", "checkpoint not valid, the other one counts", base::field("path", name),
                    base::field("error", read.error()));
      why = read.error();
      continue;
    }
    if (!newest || is_newer(*read, newest->content)) newest = newest_checkpoint{std::move(*read), slot};
  }
  if (newest || why.code == base::errc::not_found) co_return newest;
  const base::errc code = why.code == base::errc::foreign ? base::errc::foreign : base::errc::corrupt;
  co_return base::fail(code, why.detail);
}

checkpoint_files::checkpoint_files(reactor::core& on, std::string data_dir, uint32_t core_index)
    : core_(on), data_dir_(std::move(data_dir)), core_index_(core_index) {}

task<base::result<void>> checkpoint_files::open() {
  std::string data_dir = data_dir_;
  const base::result<newest_checkpoint> newest = co_await read_newest_checkpoint(core_, std::move(data_dir), core_index_);
  // Two invalid files hold nothing to keep: recovery has had its say before this.
  turn_ = newest ? 1 - newest->slot : 0;
  for (unsigned slot = 0; slot < 2; ++slot) {
    std::string path = layout::checkpoint_file(data_dir_, core_index_, slot);
    base::result<reactor::file> opened =
        co_await reactor::file::open(core_, std::move(path), reactor::open_write | reactor::open_create);
    if (!opened) {
      co_await close();
      co_return opened.failure();
    }
    files_[slot] = std::move(*opened);
  }
  std::string directory = layout::commit_directory(data_dir_);
  const base::result<void> synced = co_await reactor::sync_directory(core_, std::move(directory));
  if (!synced) co_await close();
  co_return synced;
}

task<base::result<void>> checkpoint_files::write(std::vector<uint8_t> encoded) {
  ASSERT(files_[turn_].is_open());
  const base::bytes source(encoded);
  const base::result<void> written = co_await files_[turn_].write(0, source, true);
  if (written) turn_ = 1 - turn_;
  co_return written;
}

task<void> checkpoint_files::close() {
  for (reactor::file& f : files_) {
    const base::result<void> closed = co_await f.close();
    if (!closed) core_.log().warn("storage", "close failed", base::field("error", closed.error()));
  }
}

void checkpoint_files::abandon() noexcept {
  for (reactor::file& f : files_) f.abandon();
}

}  // namespace millrace::storage
