#pragma once

#include <functional>
#include <string>

/// A run in a process of its own, which may end in any way.

namespace millrace::swarm {

struct child_end {
  int code = 0;         ///< as the program's exit codes; a signal or a sanitizer is a crash
  std::string checker;  ///< by its line "FAILED <checker>"; empty where it passed
};

/// `work` ends the process by itself. What it prints is read, and not shown.
child_end run_in_child(const std::function<void()>& work);

}  // namespace millrace::swarm
