#pragma once

#include <cstdint>

#include "workload/run.hh"

/// A broker with one topic that nobody asks for anything: what an idle node costs the world.

namespace millrace::swarm {

/// Ten minutes of virtual time. What comes out counts from the moment in which the topic is there.
run_outcome run_quiet(uint64_t seed);

}  // namespace millrace::swarm
