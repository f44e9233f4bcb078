#include "broker/group/committed_offsets.hh"

#include <algorithm>
#include <utility>

#include "base/assert.hh"
#include "broker/group/java_string.hh"

namespace millrace::broker {

namespace {

size_t metadata_bytes(const std::optional<committed_offset>& commit) { return commit ? commit->metadata.size() : 0; }

/// Whether `time` is that long after `since`. Times come from clients and old records: what is too far away to count does
/// not make anything expire.
bool has_passed(base::unix_ms since, expiry_time time) {
  int64_t age = 0;
  return !__builtin_sub_overflow(time.now, since, &age) && age >= time.retention_ms;
}

/// Whether offsets of the group may expire at all.
bool may_expire(const expiring_group& group) {
  if (!group.has_protocol_type || group.in == expiring_group::state::empty) return true;
  return group.in == expiring_group::state::stable && group.subscribed;
}

/// Whether the members still want the topic's offsets. An empty group has no members, and nobody knows those of a simple
/// one.
bool keeps(const expiring_group& group, std::string_view topic) {
  if (!group.has_protocol_type || group.in == expiring_group::state::empty) return false;
  return std::ranges::binary_search(*group.subscribed, topic);
}

bool has_expired(const expiring_group& group, const committed_offset& commit, expiry_time time) {
  if (commit.expire_timestamp != record::no_timestamp) return time.now >= commit.expire_timestamp;
  const bool counts_from_empty =
      group.has_protocol_type && group.in == expiring_group::state::empty && group.empty_since != record::no_timestamp;
  return has_passed(counts_from_empty ? group.empty_since : commit.commit_timestamp, time);
}

}  // namespace

committed_offset from_stored(const stored_commit& commit) {
  return {.offset = commit.offset,
          .leader_epoch = commit.leader_epoch,
          .metadata = std::string(commit.metadata),
          .commit_timestamp = commit.commit_timestamp,
          .expire_timestamp = commit.expire_timestamp,
          .topic_id = commit.topic_id};
}

stored_commit to_stored(const committed_offset& commit) {
  return {.offset = commit.offset,
          .leader_epoch = commit.leader_epoch,
          .metadata = commit.metadata,
          .commit_timestamp = commit.commit_timestamp,
          .expire_timestamp = commit.expire_timestamp,
          .topic_id = commit.topic_id};
}

base::result<void> check_offset_metadata(std::string_view metadata, int32_t length_max) {
  if (metadata.size() <= static_cast<size_t>(std::max(length_max, 0))) return {};
  const int32_t length = java_length(metadata);
  if (length > length_max) return base::fail(base::errc::offset_metadata_too_large, length);
  return {};
}

// ---- what is there

const committed_offsets::slot* committed_offsets::find_slot(std::string_view topic, int32_t partition) const {
  const auto t = topics_.find(topic);
  if (t == topics_.end()) return nullptr;
  const auto p = t->second.find(partition);
  return p == t->second.end() ? nullptr : &p->second;
}

const committed_offset* committed_offsets::find(std::string_view topic, int32_t partition) const {
  const slot* const s = find_slot(topic, partition);
  return s == nullptr || !s->seen ? nullptr : &*s->seen;
}

bool committed_offsets::has_pending(std::string_view topic, int32_t partition) const {
  const slot* const s = find_slot(topic, partition);
  return s != nullptr && s->pending > 0;
}

size_t committed_offsets::bytes_most(std::string_view topic, std::string_view metadata) noexcept {
  return topic_bytes + topic.size() + slot_bytes + change_bytes + metadata.size();
}

committed_offsets::place committed_offsets::place_of(std::string_view topic, int32_t partition) {
  auto t = topics_.find(topic);
  if (t == topics_.end()) {
    t = topics_.emplace(topic, partition_map()).first;
    bytes_ += topic_bytes + topic.size();
  }
  const auto [p, is_new] = t->second.try_emplace(partition);
  if (is_new) bytes_ += slot_bytes;
  return {t, p};
}

void committed_offsets::drop_if_unused(place of) {
  const slot& s = of.partition->second;
  if (s.seen || s.pending > 0) return;
  of.topic->second.erase(of.partition);
  bytes_ -= slot_bytes;
  if (!of.topic->second.empty()) return;
  bytes_ -= topic_bytes + of.topic->first.size();
  topics_.erase(of.topic);
}

/// The record at `at` is durable.
void committed_offsets::apply(base::offset at, place of, std::optional<committed_offset> commit) {
  slot& s = of.partition->second;
  if (at <= s.last) return;
  s.last = at;
  count_ -= s.seen ? 1 : 0;
  bytes_ -= metadata_bytes(s.seen);
  s.seen = std::move(commit);
  count_ += s.seen ? 1 : 0;
  bytes_ += metadata_bytes(s.seen);
}

// ---- on the way to the disk

void committed_offsets::begin(base::offset at, std::string_view topic, int32_t partition,
                              std::optional<committed_offset> commit) {
  const place of = place_of(topic, partition);
  ++of.partition->second.pending;
  bytes_ += change_bytes + metadata_bytes(commit);
  const bool is_new = pending_.try_emplace(at, change{of, std::move(commit)}).second;
  ASSERT(is_new);
}

void committed_offsets::begin_put(base::offset at, std::string_view topic, int32_t partition, committed_offset commit) {
  begin(at, topic, partition, std::move(commit));
}

void committed_offsets::begin_remove(base::offset at, std::string_view topic, int32_t partition) {
  begin(at, topic, partition, std::nullopt);
}

/// Takes what is at `p` out of those on their way, and steps on.
committed_offsets::change committed_offsets::take(pending_map::iterator& p) {
  change taken = std::move(p->second);
  p = pending_.erase(p);
  bytes_ -= change_bytes + metadata_bytes(taken.commit);
  --taken.of.partition->second.pending;
  return taken;
}

void committed_offsets::durable(offsets_range range) {
  for (auto p = pending_.lower_bound(range.begin); p != pending_.end() && p->first < range.limit;) {
    const base::offset at = p->first;
    change done = take(p);
    apply(at, done.of, std::move(done.commit));
    drop_if_unused(done.of);
  }
}

void committed_offsets::failed(offsets_range range) {
  for (auto p = pending_.lower_bound(range.begin); p != pending_.end() && p->first < range.limit;) {
    drop_if_unused(take(p).of);
  }
}

// ---- read from the log

void committed_offsets::put(base::offset at, std::string_view topic, int32_t partition, committed_offset commit) {
  apply(at, place_of(topic, partition), std::move(commit));
}

void committed_offsets::remove(base::offset at, std::string_view topic, int32_t partition) {
  const place of = place_of(topic, partition);
  apply(at, of, std::nullopt);
  drop_if_unused(of);
}

// ---- leaving

std::vector<offset_key> committed_offsets::keys() const {
  std::vector<offset_key> out;
  for (const auto& [topic, partitions] : topics_) {
    for (const auto& [partition, s] : partitions) out.push_back({topic, partition});
  }
  return out;
}

std::vector<std::string> committed_offsets::topics() const {
  std::vector<std::string> out;
  for (const auto& [topic, partitions] : topics_) out.push_back(topic);
  return out;
}

std::vector<int32_t> committed_offsets::partitions_of(std::string_view topic) const {
  std::vector<int32_t> out;
  const auto t = topics_.find(topic);
  if (t == topics_.end()) return out;
  out.reserve(t->second.size());
  for (const auto& [partition, s] : t->second) out.push_back(partition);
  return out;
}

void committed_offsets::remove_topic(std::string_view topic) {
  const auto t = topics_.find(topic);
  if (t == topics_.end()) return;
  for (auto p = pending_.begin(); p != pending_.end();) {
    if (p->second.of.topic == t) {
      take(p);
    } else {
      ++p;
    }
  }
  for (const auto& [partition, s] : t->second) {
    count_ -= s.seen ? 1 : 0;
    bytes_ -= slot_bytes + metadata_bytes(s.seen);
  }
  bytes_ -= topic_bytes + t->first.size();
  topics_.erase(t);
}

std::vector<offset_key> committed_offsets::expired(const expiring_group& group, expiry_time time, size_t most) const {
  std::vector<offset_key> out;
  if (!may_expire(group)) return out;
  for (const auto& [topic, partitions] : topics_) {
    if (keeps(group, topic)) continue;
    for (const auto& [partition, s] : partitions) {
      if (!s.seen || s.pending > 0 || !has_expired(group, *s.seen, time)) continue;
      if (out.size() == most) return out;
      out.push_back({topic, partition});
    }
  }
  return out;
}

}  // namespace millrace::broker
