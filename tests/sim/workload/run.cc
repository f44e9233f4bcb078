#include "workload/run.hh"

#include <algorithm>
#include <type_traits>

#include <fmt/format.h>

#include "workload/damage.hh"
#include "workload/session_consumer.hh"

namespace millrace::swarm {

using base::milliseconds;
using base::seconds;

namespace {
/// A client that waits for its requests to be taken reads nothing meanwhile: what comes lies in lent buffers, and where a
/// few such clients had all of them, none would ever go on.
sim::node& add_clients(sim::world& w) {
  sim::network_faults& faults = w.network().faults;
  const sim::network_faults drawn = faults;
  faults.receive_buffers_least = faults.receive_buffers_most = 1024;
  faults.receive_buffer_bytes_least = 4096;
  sim::node& made = w.add_node(1);
  faults = drawn;
  return made;
}

/// Batches of all live topics.
size_t acknowledged(const model& m) {
  size_t all = 0;
  for (const topic_ref& t : m.topics) {
    for (const partition_model& p : t->partitions) all += p.acked.count();
  }
  return all;
}
}  // namespace

run::run(uint64_t seed, run_options options, narrator say)
    : options_(options),
      say_(say),
      world_(seed, options_.world),
      server_(world_, world_.add_node(1), options_.server),
      clients_(add_clients(world_)),
      random_(world_.stream("run")) {
  server_.on_recovered([this] {
    recovered_ = true;
    const size_t before = acknowledged(model_);
    model_.logs_found(server_.ends_of_logs());
    if (const size_t lost = before - acknowledged(model_); lost > 0)
      this->say(fmt::format("lost {} acknowledged from memory", lost));
    note_settled(server_.node().disk(), model_);
  });
}

run_outcome run::go() {
  start_server();
  work_through_faults();
  if (!model_.found.any()) make_peace();
  if (!model_.found.any()) probe_all();
  if (!model_.found.any()) audit();
  if (!model_.found.any() && options_.retention) wait_for_retention();
  if (!model_.found.any() && options_.compaction.on()) wait_for_compaction();
  if (!model_.found.any()) restart_another_way();
  if (!model_.found.any()) audit();
  if (!model_.found.any()) probe_all();
  if (!model_.found.any()) last_stop();
  run_outcome out;
  if (model_.found.any()) out.found = model_.found.first();
  out.schedule_hash = world_.schedule_hash();
  out.events = world_.events();
  out.virtual_time = world_.now();
  out.summary = fmt::format(
      "acked={} read={} commits={} compacted_away={} refused={} damage_met={} lost_connections={} starts={} topics={}",
      model_.acked_batches, model_.read_batches_count, model_.acked_commits, model_.compacted_away, model_.refused,
      model_.damage_met, model_.lost_connections, server_.node().starts() - 1, model_.names);
  return out;
}

void run::say(const std::string& what) {
  if (say_ != nullptr) say_(fmt::format("{:.6f} {}", static_cast<double>(world_.now().ns) / 1e9, what));
}

// ---- the main line

void run::work_through_faults() {
  hire();
  const base::instant limit = world_.now() + options_.faults_last;
  base::instant next = world_.now();
  const auto draw_next = [&] { next = world_.now() + base::nanoseconds(random_.between(0, options_.faults.gap_most.ns)); };
  draw_next();
  while (!model_.found.any() && !jobs_done() && world_.now() < limit) {
    base::instant until = options_.faults.any() ? std::min(next, limit) : limit;
    for (const trouble& t : troubles_) until = std::min(until, t.ends);
    advance([&] { return jobs_done(); }, std::max(until - world_.now(), base::nanoseconds(1)));
    end_troubles(false);
    if (options_.faults.any() && world_.now() >= next) {
      strike();
      draw_next();
    }
  }
}

/// Faults stop; what the clients still have to do must come to its end.
void run::make_peace() {
  say("peace");
  peace_ = true;
  end_troubles(true);
  world_.network().heal();
  sim::network_faults& network = world_.network().faults;
  network.vanish = 0;
  network.reset = 0;
  network.silence = sim::network_faults{}.silence;
  network.release = sim::network_faults{}.release;
  network.window_bytes_least = 64 << 10;  // what there is has to be read in a time that is bounded
  model_.watch.disturbed(world_.now());
  model_.groups_calm = true;
  members_until_ = world_.now();
  bring_up();
  const bool ended = advance([&] { return jobs_done(); }, seconds(400));
  if (!ended && !model_.found.any()) {
    model_.found.report(broken::liveness, "progress", "clients do not come to their end after the faults");
  }
  if (!model_.found.any()) settle_groups();
  if (model_.found.any()) let_go_of_clients();
  jobs_.clear();
}

/// What clients stand in may be destroyed once their node is gone.
void run::let_go_of_clients() {
  if (clients_.running()) world_.crash(clients_, {.kind = sim::crash_kind::process});
}

void run::probe_all() {
  const std::vector<topic_ref> topics = model_.topics;
  for (const topic_ref& t : topics) {
    for (size_t p = 0; p < t->partitions.size() && !model_.found.any(); ++p) {
      producer one(clients_.core(), model_, options_, random_.split(world_.now().ns), server_.node().address());
      auto probing = world_.start(clients_, 0, one.probe(t, static_cast<int32_t>(p)));
      const bool ended = advance([&] { return probing->done(); }, progress::bound * 2);
      const bool good = ended && probing->take();
      if (!ended) let_go_of_clients();
      if (!good)
        model_.found.report(broken::liveness, "progress", t->partitions[p].name + " accepts nothing after the faults");
    }
  }
}

void run::audit() {
  say("audit");
  model_.producers_left = 1;
  finish(std::make_unique<auditor>(clients_.core(), model_, options_, random_.split(world_.now().ns),
                                   server_.node().address()));
  if (!model_.found.any()) audit_offsets();
}

/// Nobody appends any more: what is too old, or too much, must go. Segments below a log start leave within a few looks.
void run::wait_for_retention() {
  say("waiting for retention");
  int64_t longest_ms = 0;
  for (const topic_ref& t : model_.topics) longest_ms = std::max(longest_ms, t->retention.in_force.ms);
  // The broker's wall clock may be two minutes behind, and times of records two seconds before the clients'.
  const base::duration wait = milliseconds(longest_ms) + seconds(125) + options_.server.retention.check_interval * 5;
  advance([] { return false; }, wait);
  for (unsigned core = 0; core < server_.cores(); ++core) {
    if (!model_.found.any() && server_.trimming(core)) {
      model_.found.report(broken::liveness, "log_start", "segments below a log start do not leave");
    }
  }
  model_.retention_settled = true;
}

/// What has to be compacted by its age is: a pass that its pace makes slow takes a while, and little memory some passes.
void run::wait_for_compaction() {
  say("waiting for compaction");
  int64_t longest_ms = 0;
  for (const topic_ref& t : model_.topics) {
    if (t->compaction.on && t->compaction.max_lag_ms != INT64_MAX)
      longest_ms = std::max(longest_ms, t->compaction.max_lag_ms);
  }
  if (longest_ms == 0) return;
  const base::duration wait = milliseconds(longest_ms) + seconds(425) + options_.server.compaction.interval * 5;
  advance([] { return false; }, wait);
  model_.compaction_settled = true;
}

void run::restart_another_way() {
  const uint64_t way = random_.below(3);
  if (way == 2) {
    stop_server();
  } else {
    crash_server(way == 0 ? sim::crash_kind::power : sim::crash_kind::process);
  }
  bring_up();
}

void run::last_stop() {
  server_.stop();
  const bool ended = world_.run_until([&] { return server_.state() != server_state::stopping; }, seconds(60));
  if (!ended) return model_.found.report(broken::liveness, "progress", "a clean stop does not end");
  if (server_.state() == server_state::failed) return model_.safety("stops_clean", server_.problem());
  const size_t held = server_.leave();
  if (held != 0) model_.safety("memory_returned", std::to_string(held) + " bytes of core memory are still lent at the end");
}

// ---- steps

void run::hire() {
  const std::string& server = server_.node().address();
  reactor::core& on = clients_.core();
  base::prng numbering = world_.stream("idempotent");
  const auto add = [&](auto tag, std::string_view name, unsigned number) {
    using kind = typename decltype(tag)::type;
    auto one = std::make_unique<kind>(on, model_, options_, world_.stream(name).split(number), server);
    if constexpr (std::is_same_v<kind, producer>) {
      if (options_.idempotent && numbering.chance(0.7)) one->be_idempotent();
    }
    jobs_.push_back({std::move(one), nullptr, false});
  };
  add(std::type_identity<admin>{}, "admin", 0);
  for (unsigned i = 0; i < options_.producers; ++i) add(std::type_identity<producer>{}, "producer", i);
  for (unsigned i = 0; i < options_.consumers; ++i) add(std::type_identity<consumer>{}, "consumer", i);
  for (unsigned i = 0; i < options_.session_consumers; ++i) {
    add(std::type_identity<session_consumer>{}, "session consumer", i);
  }
  if (options_.deletes) add(std::type_identity<deleter>{}, "deleter", 0);
  model_.producers_left = options_.producers;
  hire_members();
  for (job& j : jobs_) j.task = world_.start(clients_, 0, j.by->run());
}

bool run::jobs_done() {
  return world_.now() >= members_until_ &&
         std::all_of(jobs_.begin(), jobs_.end(), [](const job& j) { return j.is_member || j.task->done(); });
}

void run::finish(std::unique_ptr<worker> one) {
  auto task = world_.start(clients_, 0, one->run());
  const bool ended = advance([&] { return task->done(); }, seconds(600));
  if (!ended && !model_.found.any()) model_.found.report(broken::liveness, "progress", "the audit does not end");
  if (!ended) let_go_of_clients();
}

bool run::advance(const std::function<bool()>& done, base::duration limit) {
  const base::instant horizon = world_.now() + limit;
  while (!model_.found.any() && !done() && world_.now() < horizon) {
    const server_state before = server_.state();
    base::instant until = horizon;
    if (before == server_state::down) until = std::min(until, restart_at_);
    (void)world_.run_until(
        [&] {
          look_at_memory();
          return model_.found.any() || done() || server_.state() != before;
        },
        until - world_.now());
    look_after_server();
  }
  return done();
}

void run::look_at_memory() {
  for (unsigned core = 0; core < server_.cores(); ++core) memory_within::look(model_.found, core, server_.memory_of(core));
}

void run::look_after_server() {
  switch (server_.state()) {
    case server_state::down:
      if (world_.now() >= restart_at_) start_server();
      break;
    case server_state::serving:
      if (down_) {
        down_ = false;
        say("serving");
        model_.watch.end_trouble(world_.now());
      }
      break;
    case server_state::stopped: {
      model_.process_ended(recovered_, world_.now());
      const size_t held = server_.leave();
      if (held != 0)
        model_.safety("memory_returned", std::to_string(held) + " bytes of core memory are still lent after a stop");
      restart_at_ = world_.now() + milliseconds(random_.between(0, 300));
      say("stopped");
      break;
    }
    case server_state::failed:
      say("failed: " + server_.problem());
      if (!excused_) model_.safety("starts_and_stops", server_.problem());
      crash_server(sim::crash_kind::process);
      break;
    case server_state::starting:
    case server_state::stopping:
      break;
  }
}

void run::start_server() {
  const auto cores = static_cast<unsigned>(random_.between(1, options_.cores_most));
  say(fmt::format("start on {} cores", cores));
  if (!down_) model_.watch.begin_trouble();
  down_ = true;
  if (troubles_.empty()) excused_ = false;
  harm_what_is_at_rest(peace_ ? 1 : 0.3);
  ++model_.process;
  recovered_ = false;
  server_.start(cores);
}

/// A clean one, of a start under way too.
void run::stop_server() {
  say("stop");
  if (!down_) model_.watch.begin_trouble();
  down_ = true;
  server_.stop();
}

void run::crash_server(sim::crash_kind kind) {
  say(kind == sim::crash_kind::power ? "power cut" : "kill");
  model_.process_ended(false, world_.now());
  if (!down_) model_.watch.begin_trouble();
  down_ = true;
  server_.crash({.kind = kind});
  restart_at_ = world_.now() + milliseconds(random_.between(0, 300));
}

/// A power cut at an instant in which much is half done: while, or shortly after, an operation of a kind is carried out.
void run::cut_at_operation() {
  using reactor::op_kind;
  const std::pair<op_kind, const char*> sensitive[] = {
      {op_kind::rename, "/data/pool/"}, {op_kind::rename, "/data/"},       {op_kind::write, "/data/topic"},
      {op_kind::write, "checkpoint"},   {op_kind::write, "/data/commit/"}, {op_kind::truncate, "/data/topic"},
  };
  // The steps of storage/segment_swap.
  const std::pair<op_kind, const char*> of_compaction[] = {{op_kind::write, ".cleaned"},
                                                           {op_kind::sync, ".cleaned"},
                                                           {op_kind::rename, ".cleaned"},
                                                           {op_kind::remove, "/data/topic"},
                                                           {op_kind::rename, ".swap"}};
  const bool compacts = options_.compaction.on() && random_.chance(0.5);
  const bool recycles = options_.even > 0 && random_.chance(0.5);
  // What a group commits goes into the commit log, and mostly by itself.
  const bool commits = options_.groups.count > 0 && random_.chance(0.5);
  const auto& [kind, path] = compacts ? of_compaction[random_.below(std::size(of_compaction))]
                                      : sensitive[recycles  ? 0
                                                  : commits ? 4
                                                            : random_.below(std::size(sensitive))];
  sim::sim_disk& disk = server_.node().disk();
  disk.add_rule({.kind = kind, .path_part = path, .count = 0});
  advance([&] { return jobs_done() || disk.met_by_last_rule() > 0; }, milliseconds(recycles || compacts ? 2000 : 300));
  disk.clear_rules();
  // Within 4 us to 4 ms; a file that was taken from the pool gets its batches a little later.
  const int64_t behind = recycles ? milliseconds(50).ns : int64_t{1} << random_.between(12, 22);
  advance([&] { return jobs_done(); }, base::nanoseconds(random_.between(0, behind)));
  const server_state state = server_.state();
  const bool lives = state == server_state::starting || state == server_state::serving || state == server_state::stopping;
  if (lives && !model_.found.any()) crash_server(sim::crash_kind::power);
}

void run::bring_up() {
  const bool up = advance([&] { return server_.state() == server_state::serving && !down_; }, progress::bound);
  if (!up && !model_.found.any()) model_.found.report(broken::liveness, "progress", "the broker does not come up");
}

}  // namespace millrace::swarm
