#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/hash.hh"
#include "broker/catalog/broker_settings.hh"
#include "broker/catalog/placement.hh"
#include "broker/catalog/snapshot.hh"
#include "broker/catalog/stored_topic.hh"

/// The topics as the controller knows them, on core 0: what is stored of each and what the
/// snapshots show of it, with the names that are taken. Nothing here waits or writes.

namespace millrace::broker {

class topic_table {
 public:
  topic_table(const broker_settings& settings, const placement& where)
      : settings_(settings), where_(where) {}

  struct row {
    stored_topic stored;
    std::unique_ptr<const topic_info> info;
  };

  const row* find(std::string_view name) const;
  const row* find(const base::uuid& id) const;
  /// A topic whose name differs from this one by '.' and '_' only; null where there is none.
  const std::string* colliding(std::string_view name) const;
  size_t size() const noexcept { return rows_.size(); }
  const std::map<std::string, row, std::less<>>& rows() const noexcept { return rows_; }

  /// A new topic; its name and id are free.
  void insert(stored_topic topic);
  /// Replaces what is stored of a topic of this name and id; the old info is the caller's, until no
  /// core shows it.
  std::unique_ptr<const topic_info> replace(stored_topic topic);
  /// Takes a topic out.
  row take(std::string_view name);

  /// A directory for a partition: the usual one, or one by the topic's id where that is taken.
  std::string free_directory(std::string_view name, const base::uuid& id, int32_t partition) const;
  /// A directory that no topic of ours has is there nevertheless.
  void note_leftover(std::string directory) { leftovers_.insert(std::move(directory)); }
  bool has_directory(const std::string& name) const { return directories_.contains(name); }

  std::unique_ptr<snapshot> make_snapshot(const std::string& cluster_id) const;

 private:
  std::unique_ptr<const topic_info> make_info(const stored_topic& topic) const;
  void forget_names(const stored_topic& topic);

  const broker_settings& settings_;
  const placement& where_;
  std::map<std::string, row, std::less<>> rows_;
  std::unordered_map<base::uuid, const row*> by_id_;
  std::unordered_map<std::string, std::string> collisions_;  ///< topic by its collision_name()
  std::unordered_set<std::string> directories_;
  std::unordered_set<std::string> leftovers_;
};

}  // namespace millrace::broker
