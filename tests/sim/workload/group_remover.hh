#pragma once

#include "workload/workers.hh"

/// Deletes a group once its members are gone. From then on it has committed nothing, after restarts neither.

namespace millrace::swarm {

class group_remover final : public worker {
 public:
  using worker::worker;
  /// Before it runs.
  void take(group_model& group) { group_ = &group; }
  reactor::task<void> run() override;

 private:
  reactor::task<bool> ask(int16_t* code);

  group_model* group_ = nullptr;
};

}  // namespace millrace::swarm
