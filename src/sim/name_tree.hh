#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/prng.hh"
#include "sim/counted.hh"
#include "sim/file_image.hh"

/// The names of a disk twice: as lookups see them now, and as a power cut would find them
/// (faults.hh, 2 and 5). Paths are cut at slashes; empty and "." parts are skipped, so "data" and
/// "/data/" are one.

namespace millrace::sim {

struct inode : counted {
  using entries = std::map<std::string, ref<inode>, std::less<>>;
  bool is_directory = false;
  bool locked = false;   ///< by backend::lock, for the life of the process
  uint32_t names = 0;    ///< entries that point here now
  uint32_t handles = 0;  ///< open ones
  file_image image;      ///< files
  entries now;           ///< directories
  entries durable;
};

class name_tree {
 public:
  name_tree();

  /// Errors as negative errno: ENOENT, ENOTDIR, EEXIST, EISDIR, ENOTEMPTY, EINVAL, EBUSY.
  int find(std::string_view path, ref<inode>& found) const;
  int create_file(std::string_view path, uint64_t stamp, ref<inode>& made);
  int make_directory(std::string_view path, uint64_t stamp);
  /// `left`: the file that lost its name, so that its space can be given back once nobody has it
  /// open.
  int remove_file(std::string_view path, uint64_t stamp, ref<inode>& left);
  int remove_directory(std::string_view path, uint64_t stamp);
  /// `replaced`: what the target's name stood for, if anything.
  int rename(std::string_view source, std::string_view target, uint64_t stamp, ref<inode>& replaced);
  /// Changes of names in the directory up to `stamp` become durable.
  void sync(const ref<inode>& directory, uint64_t stamp);
  void sync_failed(const ref<inode>& directory, uint64_t stamp, base::prng& random);
  /// Each volatile change is kept or lost; then what is durable is all there is. Files are settled
  /// by the caller.
  void crash(base::prng& random, double keep);

  /// Calls visit(file image owner) for every file that has a name, in the order of paths.
  template <class Visit>
  void for_each_file(Visit&& visit) {
    walk(root_, visit);
  }
  size_t volatile_changes() const noexcept { return pending_.size(); }

 private:
  struct edit {
    ref<inode> directory;
    std::string name;
    ref<inode> target;  ///< none: the name goes
  };
  struct change {
    uint64_t stamp;
    std::vector<edit> edits;
  };
  struct place {
    ref<inode> directory;
    std::string name;
  };

  int find_parent(std::string_view path, place& found) const;
  void apply(change c);
  void make_durable(const std::vector<bool>& chosen);
  void take_along(std::vector<bool>& chosen) const;
  static bool meet(const change& a, const change& b);
  static void set(inode::entries& entries, const edit& e);
  void restore(const ref<inode>& directory);
  template <class Visit>
  static void walk(const ref<inode>& directory, Visit& visit) {
    for (auto& [name, child] : directory->now) {
      if (child->is_directory) {
        walk(child, visit);
      } else {
        visit(child);
      }
    }
  }

  ref<inode> root_;
  std::vector<change> pending_;  // by stamp
};

}  // namespace millrace::sim
