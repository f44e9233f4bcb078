#include "api/kafka/fetch_session.hh"

namespace millrace::api::kafka {

namespace {
/// Of a map's element, beside itself: colour and three links, and what an allocator adds and rounds.
constexpr size_t node_bytes = 48;
}  // namespace

void fetch_session::partition::ask(const wire::kafka::fetch_request_partition& asked) noexcept {
  bytes_max = asked.partition_max_bytes;
  fetch_offset = asked.fetch_offset;
  current_leader_epoch = asked.current_leader_epoch;
  last_fetched_epoch = asked.last_fetched_epoch;
}

/// As Kafka: an error is told each time, and what comes after it is new whatever it is.
bool fetch_session::partition::tell(const finding& found) noexcept {
  if (found.failed) {
    high_watermark = log_start = -1;
    return true;
  }
  const bool moved = found.high_watermark != high_watermark || found.log_start != log_start;
  high_watermark = found.high_watermark;
  log_start = found.log_start;
  return moved || found.diverged || found.bytes > 0;
}

size_t fetch_session::own_bytes() noexcept {
  constexpr size_t cache_nodes = 2;  // where it is found by its id, and by its size
  return sizeof(fetch_session) + node_bytes + cache_nodes * node_bytes;
}

size_t fetch_session::topic_bytes(std::string_view key) noexcept {
  return sizeof(decltype(topics_)::value_type) + node_bytes + key.size() + 1;
}

size_t fetch_session::partition_bytes() noexcept { return sizeof(decltype(topic::partitions)::value_type) + node_bytes; }

fetch_session::partition* fetch_session::find(std::string_view key, int32_t index) {
  const auto t = topics_.find(key);
  if (t == topics_.end()) return nullptr;
  const auto p = t->second.partitions.find(index);
  return p == t->second.partitions.end() ? nullptr : &p->second;
}

size_t fetch_session::bytes_to_add(std::string_view key, int32_t index) const {
  const auto t = topics_.find(key);
  if (t == topics_.end()) return topic_bytes(key) + partition_bytes();
  return t->second.partitions.contains(index) ? 0 : partition_bytes();
}

fetch_session::partition& fetch_session::add(std::string_view key, int32_t index) {
  bytes_ += bytes_to_add(key, index);
  auto t = topics_.find(key);
  if (t == topics_.end()) {
    t = topics_.try_emplace(std::string(key)).first;
    t->second.key = t->first;
  }
  const auto [p, is_new] = t->second.partitions.try_emplace(index);
  if (is_new) {
    p->second.of = &t->second;
    p->second.index = index;
    order_.push_back(p->second);
    ++partition_count_;
  }
  return p->second;
}

void fetch_session::forget(std::string_view key, int32_t index) {
  const auto t = topics_.find(key);
  if (t == topics_.end() || t->second.partitions.erase(index) == 0) return;
  --partition_count_;
  bytes_ -= partition_bytes();
  if (!t->second.partitions.empty()) return;
  bytes_ -= topic_bytes(key);
  topics_.erase(t);
}

void fetch_session::move_to_end(partition& p) {
  static_cast<base::list_hook<session_order_tag>&>(p).unlink();
  order_.push_back(p);
}

}  // namespace millrace::api::kafka
