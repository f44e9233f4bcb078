#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.hh"
#include "base/result.hh"
#include "reactor/backend.hh"
#include "sim/faults.hh"
#include "sim/name_tree.hh"

/// The disk of one node. It survives crashes of the node, in the way that faults.hh states.
/// Everything here happens at once; disk_port gives it time and errors.

namespace millrace::sim {

class sim_disk {
 public:
  sim_disk(base::prng random, disk_faults options);

  /// May be changed at any time: a disk that turns slow, full or faulty, or is healed.
  disk_faults faults;
  /// Adds a rule; clear_rules() heals.
  void add_rule(disk_rule rule) { rules_.push_back({std::move(rule), 0}); }
  void clear_rules() { rules_.clear(); }
  /// Operations that the last rule met since it was added, also where it struck none of them.
  uint64_t met_by_last_rule() const { return rules_.back().seen; }

  // What tests ask and do from outside of the program.
  bool exists(std::string_view path) const;
  /// What a read of the whole file gives now, and what a cut that drops everything volatile would
  /// leave of it.
  base::result<std::vector<uint8_t>> contents(std::string_view path) const;
  base::result<std::vector<uint8_t>> durable_contents(std::string_view path) const;
  base::result<std::vector<reactor::directory_entry>> list(std::string_view directory) const;
  /// Makes a directory and those above it, durable.
  void make_directories(std::string_view path);
  /// Puts a file there, durable with its name.
  void put(std::string_view path, base::bytes contents);
  /// Damage at rest. Errors: not_found, out_of_range.
  base::result<void> corrupt(std::string_view path, uint64_t position, uint64_t length, damage how);
  base::result<void> misdirect(std::string_view path, uint64_t source, uint64_t target, uint64_t length);
  uint64_t used_bytes() const noexcept { return used_blocks_ * block_bytes; }
  uint64_t free_bytes() const noexcept;
  /// Pieces of names and files that a power cut could lose.
  size_t volatile_changes();

  // The verbs of the seam: 0 or more, or a negative errno.
  int64_t open(std::string_view path, uint32_t flags, ref<inode>& opened);
  void close(const ref<inode>& file);
  int64_t write(const ref<inode>& file, uint64_t position, std::span<const iovec> pieces, uint64_t length, bool durable);
  void write_torn(const ref<inode>& file, uint64_t position, std::span<const iovec> pieces, uint64_t length);
  int64_t allocate(const ref<inode>& file, uint64_t position, uint64_t length);
  int64_t truncate(const ref<inode>& file, uint64_t length);
  int64_t rename(std::string_view source, std::string_view target);
  int64_t remove(std::string_view path);
  int64_t make_directory(std::string_view path);
  int64_t remove_directory(std::string_view path);
  int64_t lock(std::string_view path);
  int find(std::string_view path, ref<inode>& found) const { return names_.find(path, found); }
  /// The newest change so far: what a sync submitted now covers.
  uint64_t stamp() const noexcept { return stamp_; }
  void sync(const ref<inode>& file, uint64_t stamp) { file->image.sync(stamp); }
  void sync_directory(const ref<inode>& directory, uint64_t stamp) { names_.sync(directory, stamp); }
  void sync_failed(const ref<inode>& file_or_directory, uint64_t stamp);

  /// The first rule that strikes this operation, or null. Counts it.
  const disk_rule* strike(reactor::op_kind kind, std::string_view path);
  base::prng& random() noexcept { return random_; }

  /// The block at `position` holds garbage after the crash that comes now.
  void destroy_at_crash(const ref<inode>& file, uint64_t position) { destroyed_.emplace_back(file, position); }
  /// The node is gone: handles and locks with it. Power: volatile pieces are kept or lost.
  void crash(const crash_options& how);

 private:
  struct counted_rule {
    disk_rule rule;
    uint64_t seen;
  };
  void let_go(const ref<inode>& file);
  uint64_t blocks_free() const noexcept;

  base::prng random_;
  name_tree names_;
  uint64_t stamp_ = 0;
  uint64_t used_blocks_ = 0;
  std::vector<counted_rule> rules_;
  std::vector<std::pair<ref<inode>, uint64_t>> destroyed_;
};

}  // namespace millrace::sim
