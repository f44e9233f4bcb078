#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/intrusive_list.hh"
#include "base/time.hh"
#include "base/uuid.hh"
#include "wire/kafka/messages/fetch.hh"

/// A fetch session (KIP-227): the partitions that a client follows, what it last asked of each, and what it was last told.
/// A fetch within it names changes only, and its answer only what is new. Kept by the fetch_session_cache of the core whose
/// connection began it; one request uses it at a time. Ordered maps, not hashes: the names are the peer's choice.

namespace millrace::api::kafka {

class fetch_session : public base::list_hook<struct session_use_tag> {
 public:
  struct topic;
  /// What a read found of a partition, as far as that decides whether its client hears of it.
  struct finding {
    bool failed = false;
    bool diverged = false;
    uint32_t bytes = 0;  ///< of records
    int64_t high_watermark = -1;
    int64_t log_start = -1;
  };
  struct partition : base::list_hook<struct session_order_tag> {
    topic* of = nullptr;
    int32_t index = 0;
    // As the client last asked.
    int32_t bytes_max = 0;
    int64_t fetch_offset = 0;
    int32_t current_leader_epoch = -1;
    int32_t last_fetched_epoch = -1;
    // As it was last told; -1: of a partition that it has not heard of, or whose last news was an error.
    int64_t high_watermark = -1;
    int64_t log_start = -1;

    void ask(const wire::kafka::fetch_request_partition& asked) noexcept;
    /// Whether there is something new; from now on it is what the client was told.
    bool tell(const finding& found) noexcept;
  };
  struct topic {
    std::string_view key;  ///< its name; in a session by ids the id's sixteen bytes
    std::map<int32_t, partition> partitions;
    size_t place = 0;  ///< among the topics of the fetch that goes on
  };

  /// `by_ids`: its topics are named by ids, as Fetch does from version 13 on, not by names.
  fetch_session(int32_t id, bool by_ids) : id_(id), by_ids_(by_ids), bytes_(own_bytes()) {}

  /// What names a topic in a session by ids; views the id.
  static std::string_view key_of(const base::uuid& topic) noexcept {
    return {reinterpret_cast<const char*>(topic.octets.data()), topic.octets.size()};
  }

  int32_t id() const noexcept { return id_; }
  bool by_ids() const noexcept { return by_ids_; }
  size_t topic_count() const noexcept { return topics_.size(); }
  size_t partition_count() const noexcept { return partition_count_; }
  /// The memory that it takes: its own, and that of each topic and each partition.
  size_t bytes() const noexcept { return bytes_; }
  static size_t own_bytes() noexcept;
  static size_t topic_bytes(std::string_view key) noexcept;
  static size_t partition_bytes() noexcept;

  /// Null where it is not in the session.
  partition* find(std::string_view key, int32_t index);
  /// The memory that add() of this partition would take; nothing where it is in the session.
  size_t bytes_to_add(std::string_view key, int32_t index) const;
  /// The partition, which comes last in the order where it is new.
  partition& add(std::string_view key, int32_t index);
  /// A topic goes with its last partition.
  void forget(std::string_view key, int32_t index);
  /// The others are read before it: it has just had records.
  void move_to_end(partition& p);

  template <class F>
  void each_topic(F&& f) {
    for (auto& [key, t] : topics_) f(t);
  }
  /// In the order in which they are read.
  base::intrusive_list<partition, session_order_tag>& partitions() noexcept { return order_; }

 private:
  friend class fetch_session_cache;

  const int32_t id_;
  const bool by_ids_;
  std::map<std::string, topic, std::less<>> topics_;
  base::intrusive_list<partition, session_order_tag> order_;
  size_t partition_count_ = 0;
  size_t bytes_;
  // The cache's.
  int32_t epoch_ = 1;  ///< of the next request
  bool in_use_ = false;
  bool removed_ = false;  ///< while in use: it ends with that
  base::instant made_{};
  base::instant last_used_{};
  bool ranked_ = false;  ///< among those that a larger one may displace, with this size
  size_t ranked_size_ = 0;
};

}  // namespace millrace::api::kafka
