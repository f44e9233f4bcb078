#include "broker/catalog/topic_table.hh"

#include "base/assert.hh"
#include "broker/catalog/names.hh"

namespace millrace::broker {

const topic_table::row* topic_table::find(std::string_view name) const {
  const auto found = rows_.find(name);
  return found == rows_.end() ? nullptr : &found->second;
}

const topic_table::row* topic_table::find(const base::uuid& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

const std::string* topic_table::colliding(std::string_view name) const {
  const auto found = collisions_.find(collision_name(name));
  return found == collisions_.end() || found->second == name ? nullptr : &found->second;
}

void topic_table::insert(stored_topic topic) {
  auto info = make_info(topic);
  const base::uuid id = topic.id;
  collisions_.emplace(collision_name(topic.name), topic.name);
  for (const std::string& directory : topic.directories) directories_.insert(directory);
  std::string name = topic.name;
  const auto [at, is_new] =
      rows_.try_emplace(std::move(name), row{std::move(topic), std::move(info)});
  const bool id_is_new = by_id_.emplace(id, &at->second).second;
  ASSERT(is_new && id_is_new);
}

std::unique_ptr<const topic_info> topic_table::replace(stored_topic topic) {
  const auto at = rows_.find(topic.name);
  ASSERT(at != rows_.end() && at->second.stored.id == topic.id);
  forget_names(at->second.stored);
  collisions_.emplace(collision_name(topic.name), topic.name);
  for (const std::string& directory : topic.directories) directories_.insert(directory);
  auto old = std::move(at->second.info);
  at->second.info = make_info(topic);
  at->second.stored = std::move(topic);
  return old;
}

topic_table::row topic_table::take(std::string_view name) {
  const auto at = rows_.find(name);
  ASSERT(at != rows_.end());
  row gone = std::move(at->second);
  rows_.erase(at);
  by_id_.erase(gone.stored.id);
  forget_names(gone.stored);
  return gone;
}

void topic_table::forget_names(const stored_topic& topic) {
  collisions_.erase(collision_name(topic.name));
  for (const std::string& directory : topic.directories) directories_.erase(directory);
}

std::string topic_table::free_directory(std::string_view name, const base::uuid& id,
                                        int32_t partition) const {
  std::string usual = partition_directory(name, partition);
  if (!directories_.contains(usual) && !leftovers_.contains(usual)) return usual;
  return partition_directory(base::as_view(id.to_text()), partition);
}

std::unique_ptr<snapshot> topic_table::make_snapshot(const std::string& cluster_id) const {
  auto made = std::make_unique<snapshot>();
  made->cluster_id = cluster_id;
  made->topics.reserve(rows_.size());
  made->by_name.reserve(rows_.size());
  made->by_id.reserve(rows_.size());
  for (const auto& [name, row] : rows_) made->add(*row.info);
  return made;
}

std::unique_ptr<const topic_info> topic_table::make_info(const stored_topic& topic) const {
  auto info = std::make_unique<topic_info>();
  info->id = topic.id;
  info->name = topic.name;
  info->partitions.reserve(topic.directories.size());
  for (size_t i = 0; i < topic.directories.size(); ++i) {
    const auto partition = static_cast<int32_t>(i);
    info->partitions.push_back(
        {.id = {topic.id, partition}, .owner = where_.owner_of(topic.id, topic.name, partition)});
  }
  info->config = make_topic_config(topic.overrides, settings_);
  return info;
}

}  // namespace millrace::broker
