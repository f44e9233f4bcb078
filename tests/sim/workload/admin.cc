#include "wire/kafka/messages/create_topics.hh"
#include "wire/kafka/messages/delete_topics.hh"
#include "wire/kafka/messages/incremental_alter_configs.hh"
#include "workload/workers.hh"

namespace millrace::swarm {

using reactor::task;

namespace {
using settings_text = std::vector<std::pair<std::string, std::string>>;

settings_text text_of(const topic_compaction& c) {
  return {{"cleanup.policy", c.deletes ? "compact,delete" : "compact"},
          {"delete.retention.ms", std::to_string(c.delete_retention_ms)},
          {"min.cleanable.dirty.ratio", std::to_string(c.dirty_ratio)},
          {"segment.ms", std::to_string(c.segment_ms)},
          {"min.compaction.lag.ms", std::to_string(c.min_lag_ms)},
          {"max.compaction.lag.ms", std::to_string(c.max_lag_ms)}};
}
}  // namespace

/// Where the outcome of a change stays unknown, its name is not used again.
task<bool> admin::create(std::string name) {
  const auto version = static_cast<int16_t>(random_.between(2, 6));
  const auto partitions = static_cast<int32_t>(random_.between(1, options_.partitions_most));
  const std::string bytes = std::to_string(options_.segment_bytes);
  const topic_compaction compaction = draw_compaction();
  topic_retention retention;
  kept_bounds kept = draw_bounds();
  // What a compacted log keeps by size nobody knows.
  if (compaction.on) kept = {.ms = compaction.deletes ? kept.ms : -1, .bytes = -1};
  if (options_.retention) retention.ask(kept);
  retention.answered(kept);
  const std::string ms = std::to_string(kept.ms);
  const std::string kept_bytes = std::to_string(kept.bytes);
  std::vector<wire::kafka::create_topics_request_creatable_topic_config> configs{
      {.name = "segment.bytes", .value = bytes},
      {.name = "retention.ms", .value = ms},
      {.name = "retention.bytes", .value = kept_bytes}};
  const settings_text words = text_of(compaction);
  if (compaction.on) {
    for (const auto& [key, value] : words) configs.push_back({.name = key, .value = value});
  }
  const flushing flush = draw_flushing(compaction.on);
  if (flush.from_memory) configs.push_back({.name = "millrace.ack", .value = "memory"});
  if (flush.preallocate) configs.push_back({.name = "preallocate", .value = "true"});
  wire::kafka::create_topics_request_creatable_topic topic{
      .name = name, .num_partitions = partitions, .replication_factor = 1, .assignments = {}, .configs = configs};
  const wire::kafka::create_topics_request body{.topics = {&topic, 1}, .timeout_ms = 30000};
  const base::instant since = on_.now();
  std::vector<uint8_t> out = link_.frame_of(body, version);
  const bool sent = co_await link_.send(std::move(out));
  if (!sent) co_return false;
  auto frame = co_await link_.receive("create topics");
  if (!frame) co_return false;
  const auto got = link_.read<wire::kafka::create_topics_response>(std::move(*frame), version);
  if (!got) co_return false;
  for (const auto& t : got->body.topics) {
    if (t.error_code == 0) {
      topic_model& made = model_.add(name, partitions, retention, compaction);
      if (flush.from_memory) made.answer_from_memory();
    } else {
      refused("create", name, t.error_code, since);
    }
  }
  co_return true;
}

task<bool> admin::remove(topic_ref t) {
  model_.retire(t);
  const auto version = static_cast<int16_t>(random_.between(1, 5));
  std::string_view name = t->name;
  const wire::kafka::delete_topics_request body{.topics = {}, .topic_names = {&name, 1}, .timeout_ms = 30000};
  const base::instant since = on_.now();
  std::vector<uint8_t> out = link_.frame_of(body, version);
  const bool sent = co_await link_.send(std::move(out));
  if (!sent) co_return false;
  auto frame = co_await link_.receive("delete topics");
  if (!frame) co_return false;
  const auto got = link_.read<wire::kafka::delete_topics_response>(std::move(*frame), version);
  if (!got) co_return false;
  for (const auto& r : got->body.responses) {
    if (r.error_code == 0) {
      free_names_.push_back(t->name);
    } else {
      refused("delete", t->name, r.error_code, since);
    }
  }
  co_return true;
}

/// A draw of its own for each topic that is made: it shifts no other.
topic_compaction admin::draw_compaction() {
  topic_compaction made;
  base::prng random = random_.split("compaction").split(model_.topics_made);
  made.on = random.chance(options_.compaction.topics);
  if (!made.on) return made;
  made.deletes = random.chance(options_.retention ? 0.5 : 0.2);
  made.delete_retention_ms = random.chance(0.3) ? 0 : random.chance(0.5) ? random.between(1, 10'000) : 86'400'000;
  made.dirty_ratio = random.chance(0.5) ? 0 : random.unit() / 2;
  made.segment_ms = 1 + random.between(0, options_.compaction.segment_ms_most.ms());
  if (random.chance(0.2)) made.min_lag_ms = random.between(1, 5'000);
  if (random.chance(0.5)) made.max_lag_ms = made.min_lag_ms + random.between(100, 5'000);
  return made;
}

admin::flushing admin::draw_flushing(bool compacted) {
  base::prng random = random_.split("flush").split(model_.topics_made);
  const bool from_memory = random.chance(options_.flush.from_memory);
  return {.from_memory = from_memory && !compacted, .preallocate = random.chance(options_.flush.preallocate)};
}

kept_bounds admin::draw_bounds() {
  kept_bounds kept;
  if (!options_.retention) return kept;
  if (random_.chance(0.5)) kept.bytes = random_.chance(0.2) ? 0 : int64_t{1} << random_.between(16, 22);
  if (random_.chance(0.5)) kept.ms = random_.between(1, 100) * (random_.chance(0.3) ? 1000 : 50);
  return kept;
}

/// Where the answer is lost, either of the two may hold.
task<bool> admin::alter(topic_ref t) {
  const kept_bounds kept = draw_bounds();
  const std::string ms = std::to_string(kept.ms);
  const std::string bytes = std::to_string(kept.bytes);
  std::vector<wire::kafka::incremental_alter_configs_request_alterable_config> configs{
      {.name = "retention.ms", .config_operation = 0, .value = ms},
      {.name = "retention.bytes", .config_operation = 0, .value = bytes}};
  wire::kafka::incremental_alter_configs_request_alter_configs_resource resource{
      .resource_type = 2, .resource_name = t->name, .configs = configs};
  const wire::kafka::incremental_alter_configs_request body{.resources = {&resource, 1}};
  const base::instant since = on_.now();
  t->retention.ask(kept);
  std::vector<uint8_t> out = link_.frame_of(body, 1);
  const bool sent = co_await link_.send(std::move(out));
  if (!sent) co_return false;
  auto frame = co_await link_.receive("alter configs");
  if (!frame) co_return false;
  const auto got = link_.read<wire::kafka::incremental_alter_configs_response>(std::move(*frame), 1);
  if (!got || got->body.responses.size() != 1) co_return false;
  const int16_t code = got->body.responses[0].error_code;
  if (code == 0) {
    t->retention.answered(kept);
  } else {
    refused("alter", t->name, code, since);
  }
  co_return true;
}

task<void> admin::run() {
  while (go_on()) {
    const bool connected = co_await ready();
    if (!connected) continue;
    bool good = true;
    if (model_.topics.size() < options_.topics) {
      std::string name = "topic" + std::to_string(model_.names);
      if (!free_names_.empty()) {
        name = free_names_.back();
        free_names_.pop_back();
      } else {
        ++model_.names;
      }
      good = co_await create(std::move(name));
    } else if (options_.remakes && random_.chance(options_.remake)) {
      topic_ref t = model_.any_topic(random_);
      good = co_await remove(std::move(t));
    } else if (options_.retention && random_.chance(0.2)) {
      topic_ref t = model_.any_topic(random_);
      if (!t->compaction.on) good = co_await alter(std::move(t));
    }
    if (!good) co_await link_.drop();
    const bool making = model_.topics.size() < options_.topics;
    co_await pause_up_to(base::milliseconds(making ? 5 : 200));
  }
  co_await link_.drop();
}

}  // namespace millrace::swarm
