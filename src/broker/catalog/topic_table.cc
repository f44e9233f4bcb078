#include "broker/catalog/topic_table.hh"

#include <algorithm>

#include "base/assert.hh"

namespace millrace::broker {

// ---- looking

const topic_table::row* topic_table::find(std::string_view kafka_name) const {
  const row* found = find(split_topic_name(kafka_name));
  return found == nullptr || found->info->kafka_name != kafka_name ? nullptr : found;
}

const topic_table::row* topic_table::find(stream_and_topic names) const {
  const stream_row* stream = find_stream(names.stream);
  if (stream == nullptr) return nullptr;
  const auto found = stream->topics.find(names.topic);
  return found == stream->topics.end() ? nullptr : &found->second;
}

const topic_table::row* topic_table::find(const base::uuid& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

const topic_table::stream_row* topic_table::find_stream(std::string_view name) const {
  const auto found = streams_.find(name);
  return found == streams_.end() ? nullptr : &found->second;
}

const topic_table::stream_row* topic_table::find_stream(const base::uuid& id) const {
  const auto found = streams_by_id_.find(id);
  return found == streams_by_id_.end() ? nullptr : found->second;
}

const std::string* topic_table::colliding(std::string_view kafka_name) const {
  const auto [begin, end] = collisions_.equal_range(collision_name(kafka_name));
  const auto other = std::find_if(begin, end, [&](const auto& c) { return c.second != kafka_name; });
  return other == end ? nullptr : &other->second;
}

// ---- streams

void topic_table::insert_stream(stored_stream stream) {
  const base::uuid id = stream.id;
  next_stream_number_ = std::max(next_stream_number_, stream.number + 1);
  std::string name = stream.name;
  auto stored = std::make_unique<const stored_stream>(std::move(stream));
  const auto [at, is_new] = streams_.try_emplace(std::move(name), stream_row{.stored = std::move(stored), .topics = {}});
  const bool id_is_new = streams_by_id_.emplace(id, &at->second).second;
  ASSERT(is_new && id_is_new);
}

std::unique_ptr<const stored_stream> topic_table::take_stream(const base::uuid& id) {
  const auto by_id = streams_by_id_.find(id);
  ASSERT(by_id != streams_by_id_.end() && by_id->second->topics.empty());
  auto gone = std::move(by_id->second->stored);
  streams_by_id_.erase(by_id);
  streams_.erase(gone->name);
  return gone;
}

topic_table::stream_row& topic_table::stream_of(const stored_topic& topic) {
  const auto found = streams_by_id_.find(topic.stream);
  ASSERT(found != streams_by_id_.end());
  return *found->second;
}

// ---- topics

void topic_table::insert(stored_topic topic) {
  stream_row& stream = stream_of(topic);
  const base::uuid id = topic.id;
  stream.next_topic_number = std::max(stream.next_topic_number, topic.number + 1);
  auto info = make_info(topic, *stream.stored);
  std::string name = topic.name;
  const auto [at, is_new] = stream.topics.try_emplace(std::move(name), row{std::move(topic), std::move(info)});
  const bool id_is_new = by_id_.emplace(id, &at->second).second;
  ASSERT(is_new && id_is_new);
  note_names(at->second);
}

std::unique_ptr<const topic_info> topic_table::replace(stored_topic topic) {
  stream_row& stream = stream_of(topic);
  const auto at = stream.topics.find(topic.name);
  ASSERT(at != stream.topics.end() && at->second.stored.id == topic.id);
  forget_names(at->second);
  auto old = std::move(at->second.info);
  at->second.info = make_info(topic, *stream.stored);
  at->second.stored = std::move(topic);
  note_names(at->second);
  return old;
}

topic_table::row topic_table::take(const base::uuid& id) {
  const auto by_id = by_id_.find(id);
  ASSERT(by_id != by_id_.end());
  auto& topics = stream_of(by_id->second->stored).topics;
  const auto at = topics.find(by_id->second->stored.name);
  row gone = std::move(at->second);
  by_id_.erase(by_id);
  topics.erase(at);
  forget_names(gone);
  return gone;
}

void topic_table::note_names(const row& topic) {
  const std::string& name = topic.info->kafka_name;
  if (!name.empty()) collisions_.emplace(collision_name(name), name);
  for (const std::string& directory : topic.stored.directories) directories_.insert(directory);
}

void topic_table::forget_names(const row& topic) {
  const auto [begin, end] = collisions_.equal_range(collision_name(topic.info->kafka_name));
  const auto own = std::find_if(begin, end, [&](const auto& c) { return c.second == topic.info->kafka_name; });
  if (own != end) collisions_.erase(own);
  for (const std::string& directory : topic.stored.directories) directories_.erase(directory);
}

/// A Kafka name may spell another topic's id, so that what goes by an id can be taken too.
std::string topic_table::free_directory(const stored_topic& topic, int32_t partition) const {
  const std::string id(base::as_view(topic.id.to_text()));
  std::string directory = partition_directory(topic.stem, partition);
  for (unsigned more = 0; directories_.contains(directory) || leftovers_.contains(directory); ++more) {
    const std::string stem = more == 0 ? id : id + "." + std::to_string(more);
    directory = partition_directory(stem, partition);
  }
  return directory;
}

// ---- what is shown

std::unique_ptr<snapshot> topic_table::make_snapshot(const std::string& cluster_id) const {
  auto made = std::make_unique<snapshot>();
  made->cluster_id = cluster_id;
  made->topics.reserve(by_id_.size());
  made->by_kafka_name.reserve(by_id_.size());
  made->by_id.reserve(by_id_.size());
  made->streams.reserve(streams_.size());
  for (const auto& [stream_name, stream] : streams_) {
    stream_view& view = made->streams.emplace_back();
    view.stream = stream.stored.get();
    view.topics.reserve(stream.topics.size());
    for (const auto& [name, row] : stream.topics) {
      const topic_info* info = row.info.get();
      view.topics.push_back(info);
      made->by_id.emplace(info->id, info);
      if (info->kafka_name.empty()) continue;
      made->topics.push_back(info);
      made->by_kafka_name.emplace(info->kafka_name, info);
    }
  }
  std::ranges::sort(made->topics, {}, &topic_info::kafka_name);
  return made;
}

std::unique_ptr<const topic_info> topic_table::make_info(const stored_topic& topic, const stored_stream& stream) const {
  auto info = std::make_unique<topic_info>();
  info->id = topic.id;
  info->stream = &stream;
  info->topic_name = topic.name;
  info->kafka_name = kafka_name_of({stream.name, topic.name});
  info->internal = is_internal_topic(info->kafka_name);
  info->number = topic.number;
  info->created = topic.created;
  info->partitions.reserve(topic.directories.size());
  for (size_t i = 0; i < topic.directories.size(); ++i) {
    const auto partition = static_cast<int32_t>(i);
    info->partitions.push_back(
        {.id = {topic.id, partition}, .owner = where_.owner_of(topic.id, info->kafka_name, partition)});
  }
  info->config = make_topic_config(topic.overrides, settings_);
  return info;
}

}  // namespace millrace::broker
