#include "wire/kafka/messages/create_topics.hh"
#include "wire/kafka/messages/delete_topics.hh"
#include "wire/kafka/messages/incremental_alter_configs.hh"
#include "workload/workers.hh"

namespace millrace::swarm {

using reactor::task;

/// Where the outcome of a change stays unknown, its name is not used again.
task<bool> admin::create(std::string name) {
  const auto version = static_cast<int16_t>(random_.between(2, 6));
  const auto partitions = static_cast<int32_t>(random_.between(1, options_.partitions_most));
  const std::string bytes = std::to_string(options_.segment_bytes);
  topic_retention retention;
  const kept_bounds kept = draw_bounds();
  if (options_.retention) retention.ask(kept);
  retention.answered(kept);
  const std::string ms = std::to_string(kept.ms);
  const std::string kept_bytes = std::to_string(kept.bytes);
  std::vector<wire::kafka::create_topics_request_creatable_topic_config> configs{
      {.name = "segment.bytes", .value = bytes},
      {.name = "retention.ms", .value = ms},
      {.name = "retention.bytes", .value = kept_bytes}};
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
      model_.add(name, partitions, retention);
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
      good = co_await alter(std::move(t));
    }
    if (!good) co_await link_.drop();
    const bool making = model_.topics.size() < options_.topics;
    co_await pause_up_to(base::milliseconds(making ? 5 : 200));
  }
  co_await link_.drop();
}

}  // namespace millrace::swarm
