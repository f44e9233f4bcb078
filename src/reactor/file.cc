#include "reactor/file.hh"

#include <cerrno>
#include <climits>
#include <vector>

#include "base/assert.hh"
#include "reactor/wait.hh"

namespace millrace::reactor {

namespace {

constexpr size_t block_bytes = 4096;
constexpr size_t pieces_max = IOV_MAX;
static_assert(pieces_max == 1024);

base::result<void> outcome(int64_t result) {
  if (result < 0) return base::fail_errno(static_cast<int>(-result));
  return {};
}

size_t total(std::span<const iovec> pieces) {
  size_t bytes = 0;
  for (const iovec& piece : pieces) bytes += piece.iov_len;
  return bytes;
}

/// What is left of `pieces` after their first `skip` bytes.
std::vector<iovec> after(std::span<const iovec> pieces, size_t skip) {
  std::vector<iovec> rest;
  for (const iovec& piece : pieces) {
    if (skip >= piece.iov_len) {
      skip -= piece.iov_len;
      continue;
    }
    rest.push_back({static_cast<uint8_t*>(piece.iov_base) + skip, piece.iov_len - skip});
    skip = 0;
  }
  return rest;
}

/// An op that needs one path and answers with 0 or an errno.
task<base::result<void>> on_path(core& on, op_kind kind, std::string path) {
  awaited_op change(on, kind);
  change.path = path.c_str();
  const int64_t result = co_await change;
  co_return outcome(result);
}

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

file::file(file&& other) noexcept : core_(other.core_), handle_(std::exchange(other.handle_, -1)), direct_(other.direct_) {}

file& file::operator=(file&& other) noexcept {
  if (this == &other) return *this;
  ASSERT(handle_ < 0);
  core_ = other.core_;
  handle_ = std::exchange(other.handle_, -1);
  direct_ = other.direct_;
  return *this;
}

file::~file() { ASSERT(handle_ < 0 || core_->abandoned()); }

task<base::result<file>> file::open(core& on, std::string path, uint32_t flags) {
  awaited_op opening(on, op_kind::open);
  opening.path = path.c_str();
  opening.flags = flags;
  const int64_t handle = co_await opening;
  if (handle < 0) co_return base::fail_errno(static_cast<int>(-handle));
  co_return file(on, static_cast<int>(handle), (flags & open_direct) != 0);
}

task<base::result<size_t>> file::read(uint64_t position, base::mutable_bytes target) {
  size_t have = 0;
  while (have < target.size()) {
    iovec piece{target.data() + have, target.size() - have};
    awaited_op reading(*core_, op_kind::read);
    reading.handle = handle_;
    reading.iov = &piece;
    reading.iov_count = 1;
    reading.position = position + have;
    const int64_t n = co_await reading;
    if (n < 0) co_return base::fail_errno(static_cast<int>(-n));
    have += static_cast<size_t>(n);
    // The kernel's page-unaligned end of a direct read is the end of the file; it could not be read
    // on from there.
    if (n == 0 || (direct_ && have % block_bytes != 0)) break;
  }
  co_return have;
}

task<base::result<void>> file::write(uint64_t position, base::bytes source, bool durable) {
  const iovec piece{const_cast<uint8_t*>(source.data()), source.size()};
  const std::span<const iovec> pieces(&piece, 1);
  const base::result<void> written = co_await write(position, pieces, durable);
  co_return written;
}

task<base::result<void>> file::write(uint64_t position, std::span<const iovec> pieces, bool durable) {
  if (pieces.empty()) co_return base::result<void>();
  if (pieces.size() > pieces_max) co_return base::fail(base::errc::too_large, static_cast<int32_t>(pieces.size()));
  const size_t whole = total(pieces);
  size_t done = 0;
  std::vector<iovec> rest;
  for (int attempt = 0; attempt < 2; ++attempt) {
    awaited_op writing(*core_, op_kind::write);
    writing.handle = handle_;
    writing.iov = pieces.data();
    writing.iov_count = static_cast<uint32_t>(pieces.size());
    writing.position = position + done;
    writing.durable = durable;
    const int64_t n = co_await writing;
    if (n < 0) co_return base::fail_errno(static_cast<int>(-n));
    const size_t reached = done + static_cast<size_t>(n);
    if (reached >= whole) co_return base::result<void>();
    // From the last whole block of the file: a block that was cut is written again in full.
    const uint64_t end = (position + reached) / block_bytes * block_bytes;
    const size_t resume = end > position ? static_cast<size_t>(end - position) : 0;
    rest = after(pieces, resume - done);
    pieces = rest;
    done = resume;
  }
  co_return base::fail(base::errc::io,
                       EIO);  // short twice: the device takes no more and says no why
}

task<base::result<void>> file::sync() {
  awaited_op syncing(*core_, op_kind::sync);
  syncing.handle = handle_;
  const int64_t result = co_await syncing;
  co_return outcome(result);
}

task<base::result<void>> file::allocate(uint64_t position, uint64_t length) {
  awaited_op allocating(*core_, op_kind::allocate);
  allocating.handle = handle_;
  allocating.position = position;
  allocating.length = length;
  const int64_t result = co_await allocating;
  co_return outcome(result);
}

task<base::result<void>> file::truncate(uint64_t length) {
  awaited_op truncating(*core_, op_kind::truncate);
  truncating.handle = handle_;
  truncating.length = length;
  const int64_t result = co_await truncating;
  co_return outcome(result);
}

task<base::result<void>> file::close() {
  if (handle_ < 0) co_return base::result<void>();
  awaited_op closing(*core_, op_kind::close);
  closing.handle = std::exchange(handle_, -1);
  const int64_t result = co_await closing;
  co_return outcome(result);
}

task<base::result<void>> rename(core& on, std::string source, std::string target) {
  awaited_op renaming(on, op_kind::rename);
  renaming.path = source.c_str();
  renaming.path2 = target.c_str();
  const int64_t result = co_await renaming;
  co_return outcome(result);
}

task<base::result<void>> remove(core& on, std::string path) { return on_path(on, op_kind::remove, std::move(path)); }
task<base::result<void>> make_directory(core& on, std::string path) {
  return on_path(on, op_kind::make_dir, std::move(path));
}
task<base::result<void>> remove_directory(core& on, std::string path) {
  return on_path(on, op_kind::remove_dir, std::move(path));
}
task<base::result<void>> sync_directory(core& on, std::string path) {
  return on_path(on, op_kind::sync_dir, std::move(path));
}

task<base::result<std::string>> read_file(core& on, std::string path, size_t bytes_max) {
  base::result<uint64_t> size = on.effects().size_of(path);
  if (!size) co_return size.failure();
  if (*size > bytes_max) co_return base::fail(base::errc::too_large);
  base::result<file> opened = co_await file::open(on, std::move(path), open_read);
  if (!opened) co_return opened.failure();
  std::string contents(static_cast<size_t>(*size), '\0');
  const base::mutable_bytes target(reinterpret_cast<uint8_t*>(contents.data()), contents.size());
  const base::result<size_t> read = co_await opened->read(0, target);
  const base::result<void> closed = co_await opened->close();
  if (!read) co_return read.failure();
  if (!closed) co_return closed.failure();
  contents.resize(*read);
  co_return contents;
}

task<base::result<void>> write_file(core& on, std::string path, base::bytes contents) {
  base::result<file> opened = co_await file::open(on, std::move(path), open_write | open_create);
  if (!opened) co_return opened.failure();
  base::result<void> done = co_await opened->truncate(0);
  if (done && !contents.empty()) {
    base::result<void> written = co_await opened->write(0, contents, false);
    done = written;
  }
  if (done) {
    base::result<void> synced = co_await opened->sync();
    done = synced;
  }
  const base::result<void> closed = co_await opened->close();
  if (done && !closed) done = closed;
  co_return done;
}

task<base::result<void>> replace_file(core& on, std::string path, std::string contents) {
  std::string beside = path + ".new";
  std::string directory = directory_of(path);
  std::string target = beside;
  const base::bytes source = base::as_bytes(contents);
  const base::result<void> written = co_await write_file(on, std::move(target), source);
  if (!written) co_return written;
  const base::result<void> renamed = co_await rename(on, std::move(beside), std::move(path));
  if (!renamed) co_return renamed;
  const base::result<void> synced = co_await sync_directory(on, std::move(directory));
  co_return synced;
}

}  // namespace millrace::reactor
