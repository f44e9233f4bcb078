#pragma once

#include <string>

#include "base/prng.hh"
#include "sim/sim_disk.hh"
#include "workload/model.hh"

/// Damage at rest, within the budget of sim/faults.hh: one place of one node, and of that the records of one batch.

namespace millrace::swarm {

/// Harms the records of one batch that lies in a closed segment, while no process is there, and tells the model which one.
/// What was done, for the log; nothing where there is no such batch. Topics that are compacted are left alone: what becomes
/// of a batch there nobody can name.
std::string harm_one_batch(sim::sim_disk& disk, model& m, base::prng& random);

}  // namespace millrace::swarm
