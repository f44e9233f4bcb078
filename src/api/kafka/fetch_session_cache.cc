#include "api/kafka/fetch_session_cache.hh"

#include <limits>

#include "api/kafka/errors.hh"

namespace millrace::api::kafka {

fetch_session_cache::~fetch_session_cache() {
  while (!removed_.empty()) destroy(removed_.front());
}

fetch_session_cache::taken fetch_session_cache::use(int32_t id, int32_t epoch, bool by_ids, base::instant now) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return {.error = code::fetch_session_id_not_found};
  fetch_session& s = *found->second;
  if (s.epoch_ != epoch || s.in_use_) return {.error = code::invalid_fetch_session_epoch};
  if (s.by_ids_ != by_ids) return {.error = code::fetch_session_topic_id_error};
  s.epoch_ = epoch_after(epoch);
  s.in_use_ = true;
  s.last_used_ = now;
  static_cast<base::list_hook<session_use_tag>&>(s).unlink();
  by_use_.push_back(s);
  return {.session = &s};
}

void fetch_session_cache::give_back(fetch_session& s) {
  ASSERT(s.in_use_);
  s.in_use_ = false;
  if (s.removed_) {
    destroy(s);
  } else {
    rank_again(s);
  }
}

// ---- who has a session

fetch_session* fetch_session_cache::create(bool by_ids, size_t partitions, size_t bytes, base::instant now) {
  if (!make_room(partitions, bytes, now)) return nullptr;
  const int32_t id = new_id();
  fetch_session& s = *by_id_.emplace(id, std::make_unique<fetch_session>(id, by_ids)).first->second;
  bytes_ += s.bytes();
  s.in_use_ = true;
  s.made_ = s.last_used_ = now;
  by_use_.push_back(s);
  return &s;
}

/// Memory comes only of those that are not used; a place also of one that is smaller, as in Kafka.
bool fetch_session_cache::make_room(size_t partitions, size_t bytes, base::instant now) {
  if (most_.sessions == 0 || bytes > most_.bytes) return false;
  const auto full = [&] { return by_id_.size() >= most_.sessions; };
  const auto too_much = [&] { return bytes_ + bytes > most_.bytes; };
  while ((full() || too_much()) && !by_use_.empty() && now - by_use_.front().last_used_ > most_.kept) {
    remove(by_use_.front());
  }
  if (too_much()) return false;
  return !full() || displace_smaller(partitions);
}

bool fetch_session_cache::displace_smaller(size_t partitions) {
  if (displaceable_.empty()) return false;
  const auto [size, id] = *displaceable_.begin();
  if (partitions <= size) return false;
  remove(id);
  return true;
}

int32_t fetch_session_cache::new_id() {
  const auto range = static_cast<uint32_t>(std::numeric_limits<int32_t>::max()) / ids_.count;
  while (true) {
    const auto id = static_cast<int32_t>(1 + range * ids_.index + random_.below(range));
    if (!by_id_.contains(id)) return id;
  }
}

void fetch_session_cache::remove(int32_t id) {
  const auto found = by_id_.find(id);
  if (found != by_id_.end()) remove(*found->second);
}

void fetch_session_cache::remove(fetch_session& s) {
  if (s.removed_) return;
  s.removed_ = true;
  if (s.ranked_) displaceable_.erase({s.ranked_size_, s.id_});
  static_cast<base::list_hook<session_use_tag>&>(s).unlink();
  const auto found = by_id_.find(s.id_);
  removed_.push_back(*found->second.release());
  by_id_.erase(found);
  if (!s.in_use_) destroy(s);
}

/// Of one that was removed.
void fetch_session_cache::destroy(fetch_session& s) {
  bytes_ -= s.bytes();
  delete &s;
}

/// After a use: its size may be another, and it may have come of age. A steady session costs nothing here.
void fetch_session_cache::rank_again(fetch_session& s) {
  const size_t size = s.partition_count();
  if (s.ranked_) {
    if (s.ranked_size_ == size) return;
    auto node = displaceable_.extract({s.ranked_size_, s.id_});
    node.value().first = s.ranked_size_ = size;
    displaceable_.insert(std::move(node));
  } else if (s.last_used_ - s.made_ > most_.kept) {
    s.ranked_ = true;
    s.ranked_size_ = size;
    displaceable_.emplace(size, s.id_);
  }
}

// ---- what they hold

fetch_session::partition& fetch_session_cache::add(fetch_session& s, std::string_view key, int32_t index) {
  const size_t more = s.bytes_to_add(key, index);
  const bool too_many = s.topic_count() + s.partition_count() >= most_.partitions;
  if (more > 0 && (too_many || bytes_ + more > most_.bytes)) remove(s);
  bytes_ += more;
  return s.add(key, index);
}

void fetch_session_cache::forget(fetch_session& s, std::string_view key, int32_t index) {
  const size_t before = s.bytes();
  s.forget(key, index);
  bytes_ -= before - s.bytes();
}

}  // namespace millrace::api::kafka
