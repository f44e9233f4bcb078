#pragma once

#include <span>
#include <string>

#include "base/bytes.hh"
#include "base/result.hh"
#include "reactor/core.hh"
#include "reactor/task.hh"

/// Files, as tasks. A file is a resource: close() it before it dies (the destructor asserts), or let a crash of the
/// world abandon it. Paths are copied into the frame.

namespace millrace::reactor {

class file {
 public:
  file() = default;
  file(file&& other) noexcept;
  file& operator=(file&& other) noexcept;
  ~file();

  static task<base::result<file>> open(core& on, std::string path, uint32_t flags);
  bool is_open() const noexcept { return handle_ >= 0; }
  int handle() const noexcept { return handle_; }

  /// Reads until `target` is full or the file ends; bytes read.
  task<base::result<size_t>> read(uint64_t position, base::mutable_bytes target);
  /// Writes all of `source` (a short write is resumed once, from its last whole 4 KiB block). `durable`: returns
  /// when it is on stable storage. Errors: no_space, io.
  task<base::result<void>> write(uint64_t position, base::bytes source, bool durable);
  /// As above from several pieces; `pieces` and what they name live until it returns. At most 1,024 pieces.
  task<base::result<void>> write(uint64_t position, std::span<const iovec> pieces, bool durable);
  task<base::result<void>> sync();
  /// Space for [position, position + length), size set, zeros, extents unwritten.
  task<base::result<void>> allocate(uint64_t position, uint64_t length);
  task<base::result<void>> truncate(uint64_t length);
  task<base::result<void>> close();
  /// Forgets the handle without closing it: the world's crash.
  void abandon() noexcept { handle_ = -1; }

 private:
  file(core& on, int handle, bool direct) : core_(&on), handle_(handle), direct_(direct) {}
  core* core_ = nullptr;
  int handle_ = -1;
  bool direct_ = false;
};

/// Names. rename and remove become durable by sync_directory of the directory.
task<base::result<void>> rename(core& on, std::string source, std::string target);
task<base::result<void>> remove(core& on, std::string path);
task<base::result<void>> make_directory(core& on, std::string path);
task<base::result<void>> remove_directory(core& on, std::string path);
task<base::result<void>> sync_directory(core& on, std::string path);

/// A small file whole: read into a string (not_found, too_large); written anew and synced, where a crash may leave less
/// (`contents` live until it returns); or replaced atomically (written beside it, synced, renamed over it, directory
/// synced), so that a crash leaves the old or the new.
task<base::result<std::string>> read_file(core& on, std::string path, size_t bytes_max);
task<base::result<void>> write_file(core& on, std::string path, base::bytes contents);
task<base::result<void>> replace_file(core& on, std::string path, std::string contents);

}  // namespace millrace::reactor
