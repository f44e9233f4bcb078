#include <algorithm>

#include "story.hh"
#include "wire/kafka/messages/create_topics.hh"
#include "wire/kafka/messages/delete_records.hh"
#include "wire/kafka/messages/delete_topics.hh"
#include "wire/kafka/messages/fetch.hh"
#include "wire/kafka/messages/list_offsets.hh"
#include "wire/kafka/messages/produce.hh"

/// What a story's clients ask the broker.

namespace millrace::swarm {

using reactor::task;

namespace {

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
  const auto found =
      std::find_if(seen.topics.begin(), seen.topics.end(), [&](const topic_ref& t) { return t->name == name; });
  REQUIRE(found != seen.topics.end());
  return *found;
}

task<stored> story::create_task(client* link, std::string topic, int32_t partitions, int32_t segment_bytes,
                                kept_bounds kept) {
  const std::string bytes = std::to_string(segment_bytes);
  const std::string kept_ms = std::to_string(kept.ms);
  const std::string kept_bytes = std::to_string(kept.bytes);
  std::vector<wire::kafka::create_topics_request_creatable_topic_config> configs{
      {.name = "segment.bytes", .value = bytes},
      {.name = "retention.ms", .value = kept_ms},
      {.name = "retention.bytes", .value = kept_bytes}};
  wire::kafka::create_topics_request_creatable_topic one{
      .name = topic, .num_partitions = partitions, .replication_factor = 1, .assignments = {}, .configs = configs};
  const wire::kafka::create_topics_request body{.topics = {&one, 1}, .timeout_ms = 30000};
  const auto got = co_await exchange<wire::kafka::create_topics_response>(link, &body, 5, "create topics");
  if (!got) co_return stored{};
  const int16_t code = got->body.topics[0].error_code;
  topic_retention retention;
  retention.ask(kept);
  retention.answered(kept);
  if (code == none) seen.add(topic, partitions, retention);
  co_return stored{code, -1};
}

int16_t story::create(const std::string& topic, int32_t partitions, int32_t segment_bytes, kept_bounds kept) {
  const stored got = wait_for(world.start(clients, 0, create_task(link_.get(), topic, partitions, segment_bytes, kept)));
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
  seen.sent.sent(p.name, b.body, b.bytes.size(), b.times, seen.process, false);
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
  seen.shown(m, m.watermark.floor(), p.high_watermark, link_->process());
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

int64_t story::start_of(const std::string& topic, int32_t partition) {
  constexpr int64_t earliest = -2;
  partition_model& m = topic_of(topic)->partitions[static_cast<size_t>(partition)];
  const int64_t floor = m.start.floor();
  const stored got = wait_for(world.start(clients, 0, list_task(link_.get(), topic, partition, earliest)));
  REQUIRE(got.code == none);
  seen.started(*topic_of(topic), m, floor, got.offset, clients.core().wall_clock());
  look();
  return got.offset;
}

/// The model hears of what is asked for, and of the start when it comes.
task<stored> story::delete_task(client* link, topic_ref t, int32_t partition, int64_t before) {
  partition_model& m = t->partitions[static_cast<size_t>(partition)];
  deletions& asked = seen.deleted[m.name];
  asked.before = std::max(asked.before, before);
  wire::kafka::delete_records_request_partition part{.partition_index = partition, .offset = before};
  wire::kafka::delete_records_request_topic topic{.name = t->name, .partitions = {&part, 1}};
  const wire::kafka::delete_records_request body{.topics = {&topic, 1}, .timeout_ms = 30000};
  const auto got = co_await exchange<wire::kafka::delete_records_response>(link, &body, 2, "delete records");
  if (!got) co_return stored{};
  const auto& answered = got->body.topics[0].partitions[0];
  if (answered.error_code == none) seen.started(*t, m, before, answered.low_watermark, clients.core().wall_clock());
  co_return stored{answered.error_code, answered.low_watermark};
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
  one.task = world.start(clients, 0, create_task(one.link.get(), topic, 1, 1 << 20, {}));
  return one;
}

story::offer& story::send_deletion(const std::string& topic, int32_t partition, int64_t before) {
  offer& one = new_offer();
  one.task = world.start(clients, 0, delete_task(one.link.get(), topic_of(topic), partition, before));
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

}  // namespace millrace::swarm
