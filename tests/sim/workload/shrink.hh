#pragma once

#include <functional>
#include <string>

#include "workload/overrides.hh"

/// A run that fails, made smaller: with fewer kinds of fault and of operation, fewer clients, a shorter workload, as long
/// as the same checker still fails. Less in a run is another schedule, so what can be taken away is found by trying.

namespace millrace::swarm {

/// Runs a seed with these overrides; the checker that failed, or nothing.
using try_run = std::function<std::string(const overrides& with)>;

struct shrunk {
  overrides with;
  unsigned tries = 0;
};

/// `drawn` failed with `checker` under `begin`. At most `tries_most` tries.
shrunk shrink(const run_options& drawn, overrides begin, const std::string& checker, const try_run& attempt,
              unsigned tries_most = 200);

}  // namespace millrace::swarm
