#include <cstring>

#include "storage/commit_file.hh"
#include "storage/commit_log.hh"
#include "storage/log_manager.hh"

/// The commit log's file: made or taken again, and written with zeros ahead of the first lap, so that every record goes
/// to extents that were written before.

namespace millrace::storage {

namespace {

constexpr uint64_t prepared_at_once = 8u << 20;
constexpr uint64_t prepare_step = 1u << 20;

/// The header of the file at `path` if it is a commit log of the wanted size whose zeros are complete.
reactor::task<base::result<bool>> is_ready(reactor::core& core, reactor::file* file, uint64_t file_bytes) {
  reactor::chunk block = core.memory().allocate(block_bytes);
  if (!block) co_return base::fail(base::errc::no_memory);
  const auto size = co_await file->read(0, block.bytes());
  if (!size) co_return size.failure();
  const auto header = decode_commit_file({block.data(), *size});
  co_return header.ok() && header->prepared && header->file_bytes == file_bytes;
}

reactor::task<base::result<void>> write_header(reactor::core& core, reactor::file* file, uint64_t file_bytes,
                                               bool prepared) {
  reactor::chunk block = core.memory().allocate(block_bytes);
  if (!block) co_return base::fail(base::errc::no_memory);
  encode_commit_file(block.bytes(), {.file_bytes = file_bytes, .prepared = prepared});
  const auto written = co_await file->write(0, base::bytes(block.bytes()), true);
  co_return written;
}

reactor::task<base::result<void>> write_zeros(reactor::core& core, reactor::file* file, uint64_t begin, uint64_t end) {
  reactor::chunk zeros = core.memory().allocate(prepare_step);
  if (!zeros) zeros = core.memory().allocate(block_bytes);
  if (!zeros) co_return base::fail(base::errc::no_memory);
  std::memset(zeros.data(), 0, zeros.size());
  while (begin < end) {
    const uint64_t size = std::min<uint64_t>(end - begin, zeros.size());
    const auto written = co_await file->write(begin, base::bytes(zeros.data(), size), false);
    if (!written) co_return written;
    begin += size;
  }
  const auto synced = co_await file->sync();
  co_return synced;
}

}  // namespace

reactor::task<base::result<void>> commit_log::open(std::string path) {
  path_ = path;
  const uint32_t flags = reactor::open_write | reactor::open_create | reactor::open_direct;
  auto opened = co_await reactor::file::open(core_, path, flags);
  if (!opened) co_return opened.failure();
  file_ = std::move(*opened);
  ring_bytes_ = options_.file_bytes - commit_ring_begin;
  while (id_ == 0) id_ = core_.effects().entropy();
  last_digest_ = id_;
  places_.reserve(ring_bytes_ / block_bytes / 4);  // then a pass is due
  if (!lend_buffers()) co_return base::fail(base::errc::no_memory);

  const auto ready = co_await is_ready(core_, &file_, options_.file_bytes);
  if (!ready) co_return ready.failure();
  if (*ready) {
    prepared_ = UINT64_MAX;
    co_return base::result<void>();
  }
  CO_TRY_CHECK(co_await file_.truncate(0));
  CO_TRY_CHECK(co_await file_.allocate(0, options_.file_bytes));
  CO_TRY_CHECK(co_await write_header(core_, &file_, options_.file_bytes, false));
  const uint64_t first = std::min(prepared_at_once, ring_bytes_);
  CO_TRY_CHECK(co_await write_zeros(core_, &file_, commit_ring_begin, commit_ring_begin + first));
  prepared_ = first;
  const std::string directory = path.substr(0, path.rfind('/'));
  CO_TRY_CHECK(co_await reactor::sync_directory(core_, directory));
  co_return base::result<void>();
}

reactor::task<void> commit_log::prepare_rest() {
  while (prepared_ < ring_bytes_ && !manager_.stopping()) {
    const uint64_t end = std::min(prepared_ + 2 * prepared_at_once, ring_bytes_);
    const auto written = co_await write_zeros(core_, &file_, commit_ring_begin + prepared_, commit_ring_begin + end);
    if (!written) {
      // The space is allocated already; without the zeros the first lap could not go on, so this is a failed device.
      fail(written.error().detail);
      co_return;
    }
    prepared_ = end;
    core_.at_turn_end(*this);
  }
  if (prepared_ < ring_bytes_) co_return;
  const auto noted = co_await write_header(core_, &file_, options_.file_bytes, true);
  if (noted) {
    prepared_ = UINT64_MAX;
  } else {
    core_.log().warn("storage", "commit log header not written", base::field("path", path_),
                     base::field("error", noted.error()));
    prepared_ = UINT64_MAX;
  }
  core_.at_turn_end(*this);
}

reactor::task<void> commit_log::close() {
  if (!file_.is_open()) co_return;
  const auto closed = co_await file_.close();
  if (!closed) core_.log().warn("storage", "commit log not closed", base::field("path", path_));
}

}  // namespace millrace::storage
