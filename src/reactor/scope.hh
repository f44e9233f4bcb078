#pragma once

#include "base/intrusive_list.hh"
#include "reactor/core.hh"
#include "reactor/task.hh"
#include "reactor/wait.hh"

/// A scope owns background tasks of one core. An object that spawns tasks which use it has a scope as its last
/// member and awaits close() before it dies: then no task outlives what it uses.

namespace millrace::reactor {

class scope {
 public:
  explicit scope(core& on) : core_(on), idle_(on) {}
  scope(const scope&) = delete;
  scope& operator=(const scope&) = delete;
  /// All tasks have ended or abandon() was called.
  ~scope();

  /// Starts `work` in its own root frame, from the ready queue. Its errors are its own to handle: a spawned task
  /// returns nothing. Refused (the task is dropped unstarted) once close() was called.
  /// `what`: its word in the stall log, when it starts; a literal.
  void spawn(task<void> work, const char* what = "spawned task");
  /// Whether tasks should come to an end.
  bool closing() const noexcept { return closing_; }
  /// Marks closing and waits until the last task ended. The owner makes its tasks notice.
  task<void> close();
  /// Destroys all frames where they stand. Legal only when their ops are forgotten: the world's crash.
  void abandon() noexcept;
  size_t running() const noexcept { return count_; }

 private:
  struct root;
  core& core_;
  wait_list idle_;
  base::intrusive_list<root> roots_;
  size_t count_ = 0;
  bool closing_ = false;
};

}  // namespace millrace::reactor
