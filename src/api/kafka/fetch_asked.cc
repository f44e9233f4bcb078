#include <algorithm>

#include "api/kafka/door.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/fetch_exchange.hh"
#include "api/kafka/named_once.hh"

/// What a fetch asks for: by its request alone, or by its session as the request changes it.

namespace millrace::api::kafka {

namespace {
namespace wk = wire::kafka;
/// Session epochs that ask for a full fetch, whatever the session (KIP-227).
constexpr int32_t new_session = 0;
constexpr int32_t no_session = -1;
/// Who asks in an older version does not know zstd.
constexpr int16_t zstd_since = 10;
/// The lists of a request that names more are not kept for those that name far less.
constexpr size_t kept_entries_max = 4096;
}  // namespace

base::result<void> fetch_exchange::read_request(wk::fetch_reader& in) {
  if (in.topic_count() + in.partition_count() > request_parts_max) return base::fail(base::errc::too_large);
  wk::fetch_topic topic;
  wk::fetch_request_partition partition;
  make_lists(in.topic_count(), in.partition_count());
  while (in.next_topic(topic)) {
    topic_entry& t = topics_[topic_count_];
    t.memory.assign(topic.topic);
    t.name = t.memory;
    t.id = topic.topic_id;
    find_topic(t);
    while (in.next_partition(partition)) {
      entries_.push_back({.topic = topic_count_, .index = partition.partition, .asked = partition});
    }
    ++topic_count_;
  }
  name_once(topics_, topic_count_, entries_, order_, [](entry& first, const entry& last) { first.asked = last.asked; });
  for (entry& e : entries_) hand_over(e);
  return {};
}

/// A full fetch ends the session that it names, and may begin another.
bool fetch_exchange::within_session(const wk::fetch_request& asked) {
  if (top_error_ != 0) return false;
  if (asked.session_epoch != new_session && asked.session_epoch != no_session) return true;
  if (asked.session_id != 0) door_.sessions().remove(asked.session_id);
  begins_session_ = asked.session_epoch == new_session;
  return false;
}

base::result<void> fetch_exchange::read_session(wk::fetch_reader& in) {
  const uint64_t changes =
      in.topic_count() + in.partition_count() + in.forgotten_topic_count() + in.forgotten_partition_count();
  if (changes > request_parts_max) return base::fail(base::errc::too_large);
  const wk::fetch_request& asked = in.settings();
  const auto taken = door_.sessions().use(asked.session_id, asked.session_epoch, by_ids(), door_.on().now());
  if (taken.error != 0) {
    top_error_ = taken.error;
    return {};
  }
  session_ = taken.session;
  change_session(in);
  make_lists(session_->topic_count(), session_->partition_count());
  session_->each_topic([&](fetch_session::topic& kept) {
    kept.place = topic_count_;
    topic_entry& t = topics_[topic_count_++];
    t.name = by_ids() ? std::string_view{} : kept.key;
    t.id = by_ids() ? base::uuid::load(base::as_bytes(kept.key).data()) : base::uuid{};
    find_topic(t);
  });
  for (fetch_session::partition& p : session_->partitions()) {
    entry& e = entries_.emplace_back();
    e.topic = p.of->place;
    e.index = p.index;
    e.asked.partition = p.index;
    e.asked.fetch_offset = p.fetch_offset;
    e.asked.partition_max_bytes = p.bytes_max;
    e.asked.current_leader_epoch = p.current_leader_epoch;
    e.asked.last_fetched_epoch = p.last_fetched_epoch;
    e.kept = &p;
    hand_over(e);
  }
  return {};
}

/// What the request adds and alters, then what it takes out, as Kafka. A session of nothing ends.
void fetch_exchange::change_session(wk::fetch_reader& in) {
  fetch_session_cache& all = door_.sessions();
  wk::fetch_topic topic;
  wk::fetch_request_partition partition;
  while (in.next_topic(topic)) {
    const std::string_view key = by_ids() ? fetch_session::key_of(topic.topic_id) : topic.topic;
    while (in.next_partition(partition)) all.add(*session_, key, partition.partition).ask(partition);
  }
  int32_t index = 0;
  while (in.next_forgotten_topic(topic)) {
    const std::string_view key = by_ids() ? fetch_session::key_of(topic.topic_id) : topic.topic;
    while (in.next_forgotten_partition(index)) all.forget(*session_, key, index);
  }
  if (session_->partition_count() == 0) all.remove(*session_);
  ends_session_ = fetch_session_cache::removed(*session_);
}

/// Room for what is asked for. What an unusually large request before made this grow to is given back where far less is.
void fetch_exchange::make_lists(size_t topics, size_t partitions) {
  const size_t room = std::max(entries_.capacity(), topics_.size());
  if (room > kept_entries_max && std::max(topics, partitions) < room / 4) {
    // {} would keep their memory.
    entries_ = decltype(entries_)();
    order_ = decltype(order_)();
    topics_ = decltype(topics_)();
    works_.clear();
  }
  entries_.reserve(partitions);
  if (topics_.size() < topics) topics_.resize(topics);
}

void fetch_exchange::find_topic(topic_entry& t) const {
  t.info = by_ids() ? door_.topics().find(t.id) : door_.topics().find(t.name);
}

void fetch_exchange::hand_over(entry& e) {
  const topic_entry& topic = topics_[e.topic];
  const wk::fetch_request_partition& asked = e.asked;
  if (top_error_ != 0) {
    e.error = top_error_;
    return;
  }
  const broker::topic_info* info = topic.info;
  if (info == nullptr || asked.partition < 0 || static_cast<size_t>(asked.partition) >= info->partitions.size()) {
    const bool by_id = by_ids() && info == nullptr;
    const base::errc why = by_id ? base::errc::unknown_topic_id : base::errc::unknown_topic_or_partition;
    e.error = error_code(why);
    return;
  }
  if (version_ < zstd_since && info->config.compression == broker::compression_type::zstd) {
    e.error = error_code(base::errc::unsupported_compression);
    return;
  }
  const broker::partition_info& where = info->partitions[static_cast<size_t>(asked.partition)];
  owner_work& w = work_for(where.owner, &e.work);
  e.part = w.count;
  broker::read_part& part = w.memory[w.count++];
  part.id = where.id;
  part.from = base::offset(asked.fetch_offset);
  part.bytes_max = static_cast<uint32_t>(std::max(asked.partition_max_bytes, 0));
  part.current_epoch = base::leader_epoch(asked.current_leader_epoch);
  part.last_fetched_epoch = base::leader_epoch(asked.last_fetched_epoch);
}

fetch_exchange::owner_work& fetch_exchange::work_for(base::core_id owner, size_t* index) {
  size_t i = 0;
  while (i < work_count_ && works_[i]->to != owner) ++i;
  *index = i;
  if (i == works_.size()) {
    works_.push_back(std::make_unique<owner_work>());
    works_.back()->of = this;
  }
  owner_work& w = *works_[i];
  if (i == work_count_) {
    ++work_count_;
    w.to = owner;
    w.count = 0;
    w.available = 0;
    if (w.capacity < entries_.capacity()) {
      w.capacity = entries_.capacity();
      w.memory = std::make_unique<broker::read_part[]>(w.capacity);
    }
  }
  return w;
}

}  // namespace millrace::api::kafka
