#include <algorithm>

#include "workload/group_remover.hh"
#include "workload/member.hh"
#include "workload/offsets_auditor.hh"
#include "workload/run.hh"

/// A run's consumer groups.

namespace millrace::swarm {

using base::milliseconds;

void run::hire_members() {
  if (options_.groups.count == 0) return;
  base::prng sizes = world_.stream("groups");
  members_until_ = world_.now() + options_.groups.lasts;
  unsigned hired = 0;
  for (unsigned g = 0; g < options_.groups.count; ++g) {
    model_.groups.push_back(std::make_unique<group_model>());
    group_model& group = *model_.groups.back();
    group.name = "group" + std::to_string(g);
    const auto members = static_cast<unsigned>(sizes.between(1, options_.groups.members_most));
    for (unsigned m = 0; m < members; ++m) {
      auto one = std::make_unique<member>(clients_.core(), model_, options_, world_.stream("member").split(hired++),
                                          server_.node().address());
      one->be_of(group, m);
      jobs_.push_back({std::move(one), nullptr, true});
    }
  }
}

/// Whoever still is in a group finds a place in it; then all go.
void run::settle_groups() {
  if (model_.groups.empty()) return;
  say("groups settle");
  const base::instant since = world_.now();
  const base::instant limit = since + groups_settle::bound;
  const std::set<std::string> partitions = model_.live_partitions();
  const auto is_stable = [&](const auto& g) { return g->standing.stable(since, partitions); };
  while (!model_.found.any() && world_.now() < limit && !std::ranges::all_of(model_.groups, is_stable)) {
    (void)advance([] { return false; }, milliseconds(200));
  }
  for (const auto& g : model_.groups) {
    if (model_.found.any() || is_stable(g)) continue;
    model_.found.report(broken::liveness, "progress",
                        g->name + " does not become stable after the faults: " + g->standing.describe());
  }
  model_.groups_over = true;
  const auto all_gone = [&] { return std::ranges::all_of(jobs_, [](const job& j) { return j.task->done(); }); };
  const bool ended = advance(all_gone, progress::bound * 2);
  if (!ended && !model_.found.any()) model_.found.report(broken::liveness, "progress", "members of groups do not end");
  if (!model_.found.any() && random_.chance(0.4)) delete_group();
}

void run::delete_group() {
  auto one = std::make_unique<group_remover>(clients_.core(), model_, options_, world_.stream("group_remover"),
                                             server_.node().address());
  one->take(*model_.groups.front());
  say("delete of " + model_.groups.front()->name);
  finish(std::move(one));
}

void run::audit_offsets() {
  if (model_.groups.empty()) return;
  finish(std::make_unique<offsets_auditor>(clients_.core(), model_, options_, random_.split(world_.now().ns),
                                           server_.node().address()));
}

}  // namespace millrace::swarm
