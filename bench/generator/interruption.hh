#pragma once

#include <csignal>

/// SIGINT, SIGTERM and SIGHUP while a load runs: the first ends it early, so that what was measured is shown and the run's
/// own topic is removed; the second ends the process as it always would. What is ignored stays so.

namespace millrace::generator {

class interruption {
 public:
  interruption() = default;
  ~interruption();
  interruption(const interruption&) = delete;
  interruption& operator=(const interruption&) = delete;

  /// From here on they are held back, in this thread and those that it starts. Again: nothing more.
  void hold();
  /// The signal that came since hold(), 0 without one. From the thread that called hold(); a system call where none came
  /// yet.
  int came();

 private:
  void let_go();

  bool held_ = false;
  int which_ = 0;
  sigset_t held_back_{};
  sigset_t before_{};
};

}  // namespace millrace::generator
