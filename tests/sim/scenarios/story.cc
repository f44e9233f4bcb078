#include "story.hh"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "storage/commit_file.hh"
#include "storage/layout.hh"
#include "wire/kafka/messages/create_topics.hh"
#include "wire/kafka/messages/delete_topics.hh"
#include "wire/kafka/messages/fetch.hh"
#include "wire/kafka/messages/list_offsets.hh"
#include "wire/kafka/messages/produce.hh"

namespace millrace::swarm {

using reactor::task;

namespace {

constexpr base::duration patience = base::seconds(120);

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

template <class Response, class Request>
task<std::optional<answer<Response>>> exchange(client* link, const Request* request, int16_t version, const char* what) {
  const bool connected = co_await link->connect();
  if (!connected) co_return std::nullopt;
  std::vector<uint8_t> out = link->frame_of(*request, version);
  const bool sent = co_await link->send(std::move(out));
  if (!sent) co_return std::nullopt;
  auto frame = co_await link->receive(what);
  if (!frame) co_return std::nullopt;
  co_return link->read<Response>(std::move(*frame), version);
}

/// A fetch of one partition, with what its views look at.
struct one_fetch {
  one_fetch(const std::string& topic, int32_t partition, int64_t offset, int32_t bytes_max)
      : part{.partition = partition, .fetch_offset = offset, .partition_max_bytes = bytes_max},
        named{.topic = topic, .topic_id = {}, .partitions = {&part, 1}},
        body{.max_wait_ms = 0, .min_bytes = 0, .max_bytes = bytes_max, .topics = {&named, 1}} {}
  one_fetch(const one_fetch&) = delete;
  one_fetch& operator=(const one_fetch&) = delete;
  static constexpr int16_t version = 11;
  wire::kafka::fetch_request_partition part;
  wire::kafka::fetch_request_topic named;
  wire::kafka::fetch_request body;
};

task<bool> send_only(client* link, std::string topic, int32_t partition, int64_t offset, int32_t bytes_max, unsigned times) {
  const one_fetch asked(topic, partition, offset, bytes_max);
  const bool connected = co_await link->connect();
  for (unsigned i = 0; connected && i < times; ++i) {
    std::vector<uint8_t> out = link->frame_of(asked.body, one_fetch::version);
    const bool sent = co_await link->send(std::move(out));
    if (!sent) co_return false;
  }
  co_return connected;
}

}  // namespace

std::string segment_path(const std::string& topic, int32_t partition, int64_t base) {
  return "/data/" + topic + "-" + std::to_string(partition) + "/" + storage::layout::log_file(base::offset(base));
}

server_options story_options::smallest() {
  server_options s;
  s.commits = {.file_bytes = storage::commit_file_bytes_min, .inline_bytes_max = 16 << 10, .groups_in_flight = 2};
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

// ---- one client

template <class T>
T story::wait_for(std::unique_ptr<sim::started<T>> task) {
  const bool ended = run_until([&] { return task->done(); }, patience);
  if (!ended) world.crash(clients, {.kind = sim::crash_kind::process});
  REQUIRE(ended);
  return task->take();
}

template <class Response, class Request>
answer<Response> story::ask(const Request& request, int16_t version, const char* what) {
  auto got = wait_for(world.start(clients, 0, exchange<Response>(link_.get(), &request, version, what)));
  look();
  REQUIRE_MESSAGE(got.has_value(), what);
  return std::move(*got);
}

topic_ref story::topic_of(const std::string& name) const {
  const auto found = std::find_if(seen.topics.begin(), seen.topics.end(), [&](const topic_ref& t) { return t->name == name; });
  REQUIRE(found != seen.topics.end());
  return *found;
}

task<stored> story::create_task(client* link, std::string topic, int32_t partitions, int32_t segment_bytes) {
  const std::string bytes = std::to_string(segment_bytes);
  wire::kafka::create_topics_request_creatable_topic_config config{.name = "segment.bytes", .value = bytes};
  wire::kafka::create_topics_request_creatable_topic one{
      .name = topic, .num_partitions = partitions, .replication_factor = 1, .assignments = {}, .configs = {&config, 1}};
  const wire::kafka::create_topics_request body{.topics = {&one, 1}, .timeout_ms = 30000};
  const auto got = co_await exchange<wire::kafka::create_topics_response>(link, &body, 5, "create topics");
  if (!got) co_return stored{};
  const int16_t code = got->body.topics[0].error_code;
  if (code == none) seen.add(topic, partitions);
  co_return stored{code, -1};
}

int16_t story::create(const std::string& topic, int32_t partitions, int32_t segment_bytes) {
  const stored got = wait_for(world.start(clients, 0, create_task(link_.get(), topic, partitions, segment_bytes)));
  look();
  return got.code;
}

int16_t story::remove(const std::string& topic) {
  std::string_view name = topic;
  const wire::kafka::delete_topics_request body{.topics = {}, .topic_names = {&name, 1}, .timeout_ms = 30000};
  const auto got = ask<wire::kafka::delete_topics_response>(body, 5, "delete topics");
  REQUIRE(got.body.responses.size() == 1);
  const int16_t code = got.body.responses[0].error_code;
  if (code == none) seen.retire(topic_of(topic));
  return code;
}

/// The model hears of what is sent, and of an acknowledgement when it comes.
task<stored> story::produce_task(client* link, topic_ref t, int32_t partition, made_batch b) {
  partition_model& p = t->partitions[static_cast<size_t>(partition)];
  seen.sent.sent(p.name, b.body, b.times);
  wire::kafka::produce_request_partition_data part{.index = partition, .records = base::bytes(b.bytes)};
  wire::kafka::produce_request_topic_data topic{.name = t->name, .topic_id = {}, .partition_data = {&part, 1}};
  const wire::kafka::produce_request body{
      .transactional_id = {}, .acks = -1, .timeout_ms = 30000, .topic_data = {&topic, 1}};
  const auto got = co_await exchange<wire::kafka::produce_response>(link, &body, 9, "produce");
  if (!got) co_return stored{};
  const auto& answered = got->body.responses[0].partition_responses[0];
  if (answered.error_code == none) {
    const int64_t next = answered.base_offset + static_cast<int64_t>(b.times.size());
    p.acked.acknowledged(seen.found, p.name, answered.base_offset, next, b.body);
    p.watermark.acknowledged(next);
  }
  co_return stored{answered.error_code, answered.base_offset};
}

stored story::produce(const std::string& topic, int32_t partition, const made_batch& batch) {
  const stored got = wait_for(world.start(clients, 0, produce_task(link_.get(), topic_of(topic), partition, batch)));
  look();
  return got;
}

int64_t story::keep(const std::string& topic, int32_t partition, size_t bytes) {
  const stored got = produce(topic, partition, batch(bytes));
  REQUIRE(got.code == none);
  return got.offset;
}

fetched story::fetch(const std::string& topic, int32_t partition, int64_t offset, int32_t bytes_max) {
  const one_fetch asked(topic, partition, offset, bytes_max);
  const auto got = ask<wire::kafka::fetch_response>(asked.body, one_fetch::version, "fetch");
  const auto& p = got.body.responses[0].partitions[0];
  fetched out{p.error_code, p.high_watermark, {}};
  if (p.error_code != none) return out;
  partition_model& m = topic_of(topic)->partitions[static_cast<size_t>(partition)];
  if (p.records) REQUIRE(take_apart(*p.records, out.batches));
  seen.read(m, offset, p.high_watermark, out.batches);
  m.watermark.shown(seen.found, m.name, m.watermark.floor(), p.high_watermark);
  look();
  return out;
}

task<stored> story::list_task(client* link, std::string topic, int32_t partition, int64_t time) {
  wire::kafka::list_offsets_request_partition part{.partition_index = partition, .timestamp = time};
  wire::kafka::list_offsets_request_topic named{.name = topic, .partitions = {&part, 1}};
  const wire::kafka::list_offsets_request body{.replica_id = -1, .topics = {&named, 1}};
  const auto got = co_await exchange<wire::kafka::list_offsets_response>(link, &body, 5, "list offsets");
  if (!got) co_return stored{};
  co_return stored{got->body.topics[0].partitions[0].error_code, got->body.topics[0].partitions[0].offset};
}

int64_t story::end_of(const std::string& topic, int32_t partition) {
  constexpr int64_t latest = -1;
  const stored got = wait_for(world.start(clients, 0, list_task(link_.get(), topic, partition, latest)));
  look();
  REQUIRE(got.code == none);
  return got.offset;
}

// ---- others

story::offer& story::new_offer() {
  offers_.push_back(std::make_unique<offer>());
  offers_.back()->link = std::make_unique<client>(clients.core(), seen, server.node().address());
  return *offers_.back();
}

story::offer& story::send(const std::string& topic, int32_t partition, const made_batch& batch) {
  offer& one = new_offer();
  one.task = world.start(clients, 0, produce_task(one.link.get(), topic_of(topic), partition, batch));
  return one;
}

story::offer& story::send_create(const std::string& topic) {
  offer& one = new_offer();
  one.task = world.start(clients, 0, create_task(one.link.get(), topic, 1, 1 << 20));
  return one;
}

story::offer& story::send_time(const std::string& topic, int32_t partition, int64_t time) {
  offer& one = new_offer();
  one.task = world.start(clients, 0, list_task(one.link.get(), topic, partition, time));
  return one;
}

void story::read_nothing(const std::string& topic, int32_t partition, int64_t offset, int32_t bytes_max, unsigned times) {
  idle_reader one;
  one.link = std::make_unique<client>(clients.core(), seen, server.node().address());
  one.task = world.start(clients, 0, send_only(one.link.get(), topic, partition, offset, bytes_max, times));
  idle_readers_.push_back(std::move(one));
}

void story::hire(unsigned producers, const run_options& work) {
  ASSERT(jobs_.empty());
  work_ = work;
  work_.world = world.options();
  seen.producers_left = producers;
  for (unsigned i = 0; i < producers; ++i) {
    auto one = std::make_unique<producer>(clients.core(), seen, work_, world.stream("producer").split(i),
                                          server.node().address());
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
