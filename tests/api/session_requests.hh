#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "requests.hh"

/// Fetches within sessions (KIP-227) of a node, and what they are answered, as text.

namespace millrace::api::kafka::test {

struct wanted {
  std::string topic;
  int32_t index = 0;
  int64_t from = 0;
  int32_t bytes_max = 1 << 20;
};

struct asking {
  int32_t id = 0;
  int32_t epoch = 0;
  std::vector<wanted> parts;
  std::vector<std::pair<std::string, int32_t>> forgotten;
  int32_t min_bytes = 0;
  int32_t max_wait_ms = 0;
  int32_t max_bytes = 50 << 20;
};

struct told {
  int16_t error = 0;
  int32_t id = 0;
  std::string text;  ///< of each partition: topic, index, ':', high watermark, '+' where it has records; or 'e', error
  size_t count = 0;  ///< of partitions
  size_t topics = 0;
};

/// A node, and topics that are named as the version has it.
struct with_sessions {
  /// Without `listening` all cores' doors are open.
  explicit with_sessions(uint64_t seed, door_options options = {}, unsigned cores = 1, std::optional<unsigned> listening = 0,
                         std::optional<broker::placement> where = {}, sim::world_options how = {})
      : k(seed, cores, {}, options, where, how) {
    if (listening) {
      k.listen(*listening);
    } else {
      k.open_doors();
    }
  }
  void create(const std::string& name, int32_t partitions) {
    k.create(name, partitions);
    ids[name] = k.b.seen().find(name)->id;
  }
  void append(const std::string& topic, size_t partition, size_t records = 1) {
    k.append(topic, partition, std::vector<int64_t>(records, 1'700'000'000'000));
  }

  frame encoded(const asking& a, int32_t correlation = 1) const {
    std::map<std::string, std::vector<wire::kafka::fetch_request_partition>> parts;
    std::vector<std::string> order;
    for (const wanted& w : a.parts) {
      if (!parts.contains(w.topic)) order.push_back(w.topic);
      wire::kafka::fetch_request_partition& p = parts[w.topic].emplace_back();
      p.partition = w.index;
      p.fetch_offset = w.from;
      p.partition_max_bytes = w.bytes_max;
    }
    std::vector<wire::kafka::fetch_request_topic> topics;
    for (const std::string& name : order) {
      topics.push_back({.topic = name, .topic_id = id_of(name), .partitions = list(parts[name])});
    }
    std::vector<wire::kafka::fetch_request_forgotten_topic> forgotten;
    auto indexes = a.forgotten;
    for (auto& [name, index] : indexes) {
      forgotten.push_back({.topic = name, .topic_id = id_of(name), .partitions = {&index, 1}});
    }
    wire::kafka::fetch_request body;
    body.max_wait_ms = a.max_wait_ms;
    body.min_bytes = a.min_bytes;
    body.max_bytes = a.max_bytes;
    body.session_id = a.id;
    body.session_epoch = a.epoch;
    body.topics = list(topics);
    body.forgotten_topics_data = list(forgotten);
    return frame_of(body, version, correlation);
  }
  told decoded(const frame& answer) const {
    wire::kafka::arena memory(64 << 20);
    wire::kafka::reader in(answer);
    ASSERT(wire::kafka::decode<wire::kafka::response_header>(
        in, wire::kafka::response_header_version(wire::kafka::fetch_request::api_key, version), memory));
    const auto body = wire::kafka::decode<wire::kafka::fetch_response>(in, version, memory);
    ASSERT(body);
    told t{.error = body->error_code, .id = body->session_id, .topics = body->responses.size()};
    for (const auto& topic : body->responses) {
      std::string name(topic.topic);
      for (const auto& [known, id] : ids) {
        if (version >= 13 && id == topic.topic_id) name = known;
      }
      for (const auto& p : topic.partitions) {
        ++t.count;
        if (t.count > 50) continue;
        if (!t.text.empty()) t.text += ' ';
        t.text += name;
        t.text += std::to_string(p.partition_index);
        t.text += p.error_code != 0 ? 'e' : ':';
        t.text += std::to_string(p.error_code != 0 ? p.error_code : p.high_watermark);
        if (p.records && !p.records->empty()) t.text += '+';
      }
    }
    return t;
  }
  told fetch(kafka_client& c, const asking& a) const {
    c.send({encoded(a)});
    const auto got = c.receive();
    ASSERT(got);
    return decoded(*got);
  }
  base::uuid id_of(const std::string& name) const {
    const auto found = ids.find(name);
    return found == ids.end() ? base::uuid::from_random(1, 2) : found->second;
  }

  kafka_node k;
  int16_t version = 12;
  std::map<std::string, base::uuid> ids;
};

}  // namespace millrace::api::kafka::test
