#include "workload/offsets_auditor.hh"

#include "workload/offset_question.hh"

namespace millrace::swarm {

using reactor::task;

namespace {
constexpr int16_t load_in_progress = 14;
constexpr int16_t not_coordinator = 16;
}  // namespace

/// A broker that has just begun to serve is still reading its groups, and one in which no member ever asked for its
/// coordinator has none.
task<bool> offsets_auditor::look_at(group_model* group) {
  std::vector<asked_offset> asked;
  bool has_committed = false;
  for (const topic_ref& t : model_.topics) {
    for (size_t p = 0; p < t->partitions.size(); ++p) {
      asked.push_back({.topic = t, .partition = static_cast<int32_t>(p)});
      asked.back().floor = group->commits.floor(asked.back().of());
      has_committed = has_committed || asked.back().floor >= 0;
    }
  }
  const base::instant limit = on_.now() + progress::bound;
  while (on_.now() < limit) {
    const auto told = co_await ask_offsets(&link_, &group->name, &asked, &random_);
    if (!told) co_return false;
    if (told->code == not_coordinator && !has_committed) co_return true;
    if (told->code == load_in_progress) {
      co_await reactor::sleep(on_, base::milliseconds(100));
      continue;
    }
    if (told->code != 0) refused("offset fetch of the audit", group->name, told->code, on_.now());
    for (size_t i = 0; i < asked.size() && !model_.found.any(); ++i) {
      group->commits.fetched(model_.found, group->name, asked[i].of(), asked[i].floor, told->offsets[i]);
    }
    co_return !model_.found.any();
  }
  co_return false;
}

task<void> offsets_auditor::run() {
  bool good = co_await link_.connect();
  for (size_t i = 0; good && i < model_.groups.size(); ++i) good = co_await look_at(model_.groups[i].get());
  co_await link_.drop();
  if (!good) model_.found.report(broken::liveness, "progress", "the audit of offsets got no answer");
}

}  // namespace millrace::swarm
