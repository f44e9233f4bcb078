#include "story.hh"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "storage/commit_file.hh"
#include "storage/layout.hh"

namespace millrace::swarm {

namespace {

sim::world_options world_of(const story_options& o) {
  sim::world_options w;
  w.core_memory_bytes = o.core_memory;
  w.network.vanish = 0;
  // MILLRACE_TEST_LOG=1 shows what the broker says.
  if (std::getenv("MILLRACE_TEST_LOG") != nullptr) {
    w.log_level = base::log_level::info;
    w.log_sink = [](void*, std::string_view line) {
      std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
    };
  }
  return w;
}

}  // namespace

std::string segment_path(const std::string& topic, int32_t partition, int64_t base) {
  return "/data/" + topic + "-" + std::to_string(partition) + "/" + storage::layout::log_file(base::offset(base));
}

server_options story_options::smallest() {
  server_options s;
  s.commits = {.file_bytes = storage::commit_file_bytes_min, .inline_bytes_max = 16 << 10};
  s.pool = {.bytes_max = 64 << 20, .file_bytes_least = 256 << 10};
  s.door.auto_create_topics = false;
  return s;
}

story::story(uint64_t seed, story_options o)
    : world(seed, world_of(o)),
      server(world, world.add_node(1), o.server),
      clients(world.add_node(1)),
      random_(world.stream("story")) {
  work_.world = world.options();
  seen.watch.begin_trouble();
  link_ = std::make_unique<client>(clients.core(), seen, server.node().address());
}

story::~story() {
  if (clients.running()) world.crash(clients, {.kind = sim::crash_kind::process});
}

// ---- the broker

bool story::try_start(unsigned cores) {
  ++seen.process;
  server.start(cores);
  const bool ended = run_until([&] { return server.state() != server_state::starting; }, patience);
  REQUIRE(ended);
  if (server.state() == server_state::failed) {
    server.crash({.kind = sim::crash_kind::process});
    return false;
  }
  down_ = false;
  seen.watch.end_trouble(world.now());
  return true;
}

void story::start(unsigned cores) {
  const bool serves = try_start(cores);
  REQUIRE_MESSAGE(serves, server.problem());
}

std::string story::start_in_vain() {
  const bool serves = try_start(1);
  REQUIRE(!serves);
  return server.problem();
}

void story::goes_down() {
  if (!down_) seen.watch.begin_trouble();
  down_ = true;
}

void story::crash(sim::crash_options how) {
  goes_down();
  server.crash(how);
  hang_up();
}

void story::stop() {
  goes_down();
  server.stop();
  const bool ended = run_until([&] { return server.state() != server_state::stopping; }, patience);
  REQUIRE(ended);
  REQUIRE_MESSAGE(server.state() == server_state::stopped, server.problem());
  CHECK(server.leave() == 0);
  hang_up();
}

void story::hang_up() { world.run(clients, 0, link_->drop()); }

// ---- others

void story::hire(unsigned producers, const run_options& work) {
  ASSERT(jobs_.empty());
  work_ = work;
  work_.world = world.options();
  seen.producers_left = producers;
  for (unsigned i = 0; i < producers; ++i) {
    auto one =
        std::make_unique<producer>(clients.core(), seen, work_, world.stream("producer").split(i), server.node().address());
    jobs_.push_back({std::move(one), nullptr});
  }
  for (job& j : jobs_) j.task = world.start(clients, 0, j.by->run());
}

bool story::hired_done() const {
  return std::all_of(jobs_.begin(), jobs_.end(), [](const job& j) { return j.task->done(); });
}

void story::finish() {
  const bool ended = run_until([&] { return hired_done(); }, base::seconds(600));
  REQUIRE(ended);
  jobs_.clear();
}

// ---- the judgement

void story::look_at_memory() {
  for (unsigned core = 0; core < server.cores(); ++core) memory_within::look(seen.found, core, server.memory_of(core));
}

/// The clients go first, so that what they stand in may be destroyed.

void story::look() {
  if (!seen.found.any()) return;
  if (clients.running()) world.crash(clients, {.kind = sim::crash_kind::process});
  const finding& first = seen.found.first();
  FAIL(first.checker << ": " << first.what);
}

void story::audit() {
  seen.producers_left = 1;
  auditor one(clients.core(), seen, work_, random_.split(world.now().ns), server.node().address());
  auto task = world.start(clients, 0, one.run());
  const bool ended = run_until([&] { return task->done(); }, base::seconds(600));
  if (!ended) world.crash(clients, {.kind = sim::crash_kind::process});
  REQUIRE(ended);
}

std::set<int64_t> story::damaged_offsets(const std::string& topic, int32_t partition) {
  std::set<int64_t> refused;
  const int64_t end = end_of(topic, partition);
  for (int64_t at = 0; at < end;) {
    const fetched got = fetch(topic, partition, at);
    if (got.code != none) {
      CHECK(got.code == kafka_storage_error);
      refused.insert(at++);
      continue;
    }
    REQUIRE(!got.batches.empty());
    at = got.batches.back().next;
  }
  return refused;
}

void story::goes_on() {
  const std::vector<topic_ref> topics = seen.topics;
  for (const topic_ref& t : topics) {
    for (size_t p = 0; p < t->partitions.size(); ++p) {
      const auto partition = static_cast<int32_t>(p);
      const int64_t offset = keep(t->name, partition, 1000);
      const fetched got = fetch(t->name, partition, offset);
      REQUIRE(got.code == none);
      REQUIRE(got.batches.size() == 1);
      CHECK(got.batches[0].base == offset);
    }
  }
}

}  // namespace millrace::swarm
