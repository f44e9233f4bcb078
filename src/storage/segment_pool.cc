#include "storage/segment_pool.hh"

#include <algorithm>
#include <utility>

#include "base/mutant.hh"
#include "reactor/file.hh"
#include "storage/layout.hh"

namespace millrace::storage {

using base::errc;
using base::field;
using base::result;
using reactor::task;

segment_pool::segment_pool(reactor::core& on, std::string data_dir, pool_options options)
    : core_(on), data_dir_(std::move(data_dir)), directory_(layout::pool_directory(data_dir_)), options_(options) {}

result<void> segment_pool::open() {
  const auto entries = core_.effects().list(directory_);
  if (!entries && entries.error().code == errc::not_found) return {};
  if (!entries) return entries.failure();
  const uint32_t self = core_.id().value();
  for (const reactor::directory_entry& e : *entries) {
    const auto name = layout::parse_pool_file(e.name);
    // Each file has one core to look after it, however many there were when it was named.
    if (!name || name->core % core_.core_count() != self) continue;
    if (name->core == self) next_number_ = std::max(next_number_, name->number + 1);
    std::string path = directory_ + "/" + e.name;
    if (!is_for(e.size) || bytes_ + e.size > options_.bytes_max) {
      surplus_.push_back(std::move(path));
      continue;
    }
    bytes_ += e.size;
    files_.push_back({std::move(path), e.size});
  }
  std::ranges::sort(files_, {}, &pooled_file::bytes);
  return {};
}

task<void> segment_pool::remove_surplus() {
  std::vector<std::string> paths = std::exchange(surplus_, {});
  for (std::string& path : paths) co_await unlink(std::move(path));
}

task<void> segment_pool::unlink(std::string path) {
  const std::string shown = path;
  const result<void> removed = co_await reactor::remove(core_, std::move(path));
  if (!removed && removed.error().code != errc::not_found) {
    core_.log().warn("storage", "file not removed", field("path", shown), field("error", removed.error()));
  }
}

task<std::vector<std::string>> segment_pool::put(std::vector<pooled_file> files, std::string directory) {
  std::vector<std::string> left;
  std::vector<pooled_file> moved;
  for (pooled_file& f : files) {
    if (!is_for(f.bytes) || bytes_ + f.bytes > options_.bytes_max) {
      left.push_back(std::move(f.path));
      continue;
    }
    bytes_ += f.bytes;  // here already: others may come meanwhile
    std::string target = layout::pool_file(data_dir_, {core_.id().value(), next_number_++});
    std::string from = f.path;
    std::string to = target;
    const result<void> renamed = co_await reactor::rename(core_, std::move(from), std::move(to));
    if (renamed) {
      moved.push_back({std::move(target), f.bytes});
    } else {
      bytes_ -= f.bytes;
      left.push_back(std::move(f.path));
    }
  }
  if (moved.empty()) co_return std::move(left);
  // A crash before this finds them under either name, and useless under both.
  const result<void> durable = co_await sync_names(std::move(directory));
  if (!durable) {
    // Given to another log they might one day be found under their old names again.
    core_.log().warn("storage", "files do not enter the pool", field("files", moved.size()),
                     field("error", durable.error()));
  }
  for (pooled_file& f : moved) {
    if (durable) {
      const auto at = std::ranges::upper_bound(files_, f.bytes, {}, &pooled_file::bytes);
      files_.insert(at, std::move(f));
    } else {
      bytes_ -= f.bytes;
      co_await unlink(std::move(f.path));
    }
  }
  co_return std::move(left);
}

/// The pool's names, and those of the directory that files left.
task<result<void>> segment_pool::sync_names(std::string directory) {
  std::string own = directory_;
  const result<void> synced = co_await reactor::sync_directory(core_, std::move(own));
  if (!synced) co_return synced;
  const result<void> left = co_await reactor::sync_directory(core_, std::move(directory));
  co_return left;
}

task<result<bool>> segment_pool::take(std::string path, std::string directory, uint64_t bytes_max) {
  // The largest that need not be cut: a cut of written blocks costs as much as an unlink.
  const auto behind = std::ranges::upper_bound(files_, bytes_max, {}, &pooled_file::bytes);
  if (behind == files_.begin()) co_return false;
  pooled_file chosen = std::move(*std::prev(behind));
  files_.erase(std::prev(behind));
  bytes_ -= chosen.bytes;
  std::string argument = chosen.path;
  const result<void> renamed = co_await reactor::rename(core_, std::move(argument), std::move(path));
  if (!renamed) {
    core_.log().warn("storage", "file cannot leave the pool", field("path", chosen.path), field("error", renamed.error()));
    co_return false;  // the next start finds it
  }
  if (base::mutated(base::mutant::write_before_rename_durable)) co_return true;
  const result<void> named = co_await reactor::sync_directory(core_, std::move(directory));
  if (!named) co_return named.failure();
  argument = directory_;
  const result<void> left = co_await reactor::sync_directory(core_, std::move(argument));
  if (!left) co_return left.failure();
  ++taken_;
  co_return true;
}

task<void> segment_pool::give_up() {
  std::vector<pooled_file> all = std::exchange(files_, {});
  for (pooled_file& f : all) {
    bytes_ -= f.bytes;
    co_await unlink(std::move(f.path));
  }
}

}  // namespace millrace::storage
