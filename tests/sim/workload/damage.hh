#pragma once

#include <string>

#include "base/prng.hh"
#include "sim/sim_disk.hh"
#include "workload/model.hh"

/// Damage at rest, within the budget of sim/faults.hh: one place of one node, and of that the records of one batch.

namespace millrace::swarm {

/// Notes which segments no recovery looks at again: those before the newest one of a log when a start is through. What is
/// newer may be in the commit log's last group, where damage is not to be told from a write that was cut off.
void note_settled(const sim::sim_disk& disk, model& m);

/// Harms the records of one batch that lies in such a segment, while no process is there, and tells the model which one.
/// What was done, for the log; nothing where there is no such batch. Topics that are compacted are left alone: what becomes
/// of a batch there nobody can name.
std::string harm_one_batch(sim::sim_disk& disk, model& m, base::prng& random);

}  // namespace millrace::swarm
