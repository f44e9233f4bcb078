#pragma once

#include "workload/workers.hh"

/// After everything: each group has what was acknowledged to it.

namespace millrace::swarm {

class offsets_auditor final : public worker {
 public:
  using worker::worker;
  reactor::task<void> run() override;

 private:
  reactor::task<bool> look_at(group_model* group);
};

}  // namespace millrace::swarm
