#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/name_tree.hh"

/// The open files, sockets and listeners of a node: shared by its cores, as those of a process are.

namespace millrace::sim {

struct endpoint;
struct listener;

struct open_handle {
  ref<inode> file;
  uint32_t flags = 0;  ///< reactor::open_flags
  std::string path;
  endpoint* socket = nullptr;
  listener* listening = nullptr;
  bool used = false;
};

class handle_table {
 public:
  static constexpr int first = 3;

  /// The lowest free number, as the kernel gives it.
  int add(open_handle what);
  /// Null where nothing is open under that number.
  open_handle* find(int handle);
  void remove(int handle);
  /// In order of handles.
  std::vector<open_handle>& all() noexcept { return handles_; }
  size_t count() const noexcept;

 private:
  std::vector<open_handle> handles_;
};

}  // namespace millrace::sim
