#include "generator/load_program.hh"

#include <algorithm>

#include "reactor/wait.hh"

namespace millrace::generator {

using reactor::task;

struct load_program::core_part {
  core_part(reactor::core& on, control& run)
      : core(on), counts(run.measured), out(on, run, counts), in(on, run, counts), tasks(on) {}
  reactor::core& core;
  meter counts;
  produce_load out;
  consume_load in;
  bool done = false;
  reactor::scope tasks;
};

namespace {

task<void> run_readers(consume_load* in) { co_await in->run(); }

}  // namespace

load_program::load_program(control& run, unsigned cores) : run_(run), parts_(cores) {}
load_program::~load_program() = default;

void load_program::start(reactor::core& on) {
  auto& part = parts_[on.id().value()];
  part = std::make_unique<core_part>(on, run_);
  part->tasks.spawn(live(part.get()), "load");
}

/// What lives on the core goes with it; what it measured stays.
void load_program::finish(reactor::core& on) {
  auto& part = parts_[on.id().value()];
  const std::lock_guard hold(lock_);
  sum_.add(part->counts.sum);
  part->out.add_acknowledged(acknowledged_);
  part.reset();
}

task<void> load_program::live(core_part* part) {
  if (run_.what.produces()) co_await part->out.prepare();
  if (run_.what.consumes() && !run_.failed()) co_await part->in.prepare();
  run_.ready.fetch_add(1);
  while (run_.begin_ns.load() == 0 && !run_.failed()) co_await reactor::sleep(part->core, base::milliseconds(1));
  while (!run_.failed() && part->core.now().ns < run_.begin_ns.load()) {
    const base::duration early = base::instant{run_.begin_ns.load()} - part->core.now();
    co_await reactor::sleep(part->core, std::min(early, base::milliseconds(100)));
  }
  if (!run_.failed()) {
    reactor::scope beside(part->core);
    reactor::scope ticking(part->core);
    ticking.spawn(tick(part), "seconds");
    if (run_.what.consumes()) beside.spawn(run_readers(&part->in), "readers");
    if (run_.what.produces()) co_await part->out.run();
    run_.produced.fetch_add(1);
    co_await beside.close();
    while (!run_.readers_stop.load() && !run_.failed()) co_await reactor::sleep(part->core, base::milliseconds(5));
    part->done = true;
    co_await ticking.close();
  }
  if (run_.what.produces()) co_await part->out.close();
  if (run_.what.consumes()) co_await part->in.close();
  run_.closed.fetch_add(1);
}

/// Hands over each second of this core.
task<void> load_program::tick(core_part* part) {
  for (size_t second = 0; !part->done; ++second) {
    const base::instant end = run_.second_end(second);
    while (!part->done && part->core.now() < end) {
      const base::duration left = end - part->core.now();
      co_await reactor::sleep(part->core, std::min(left, base::milliseconds(20)));
    }
    part->counts.now.trouble = part->out.trouble();
    if (part->counts.now.trouble.empty()) part->counts.now.trouble = part->in.trouble();
    run_.seconds.put(second, part->counts.now);
    part->counts.now.reset();
  }
}

std::vector<uint64_t> load_program::acknowledged(size_t partition) const {
  if (!run_.what.produces()) return {};
  std::vector<uint64_t> all(run_.what.connections, 0);
  for (const auto& [producer, records] : acknowledged_) {
    if (partition < records.size()) all[producer] = records[partition];
  }
  return all;
}

}  // namespace millrace::generator
