#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>

#include "base/hash.hh"
#include "base/intrusive_list.hh"
#include "base/result.hh"
#include "base/tagged.hh"
#include "base/time.hh"
#include "record/batch_header.hh"

/// What a partition knows of its idempotent producers (KIP-98): of each the epoch and the last five batches, appended or
/// still on their way to the disk. Pure: it is told the time. Lives on the partition's core.

namespace millrace::broker {

class producer_table;
class producer_ages;
struct producer_age_tag;

/// A batch as its producer numbered it and as the log did.
struct producer_batch {
  int32_t first_sequence = 0;
  int32_t last_sequence = 0;
  base::offset first{0};
  base::offset next{0};
  base::unix_ms timestamp = record::no_timestamp;  ///< the batch's largest
};

/// One producer of one partition.
struct producer_state {
  /// Kafka: as many as a client has on the way at most (max.in.flight.requests.per.connection with idempotence).
  static constexpr size_t batches_max = 5;

  int64_t id = record::no_producer_id;
  int16_t epoch = 0;
  uint8_t count = 0;                                  ///< of batches
  base::unix_ms last_write = 0;                       ///< by our clock
  std::array<producer_batch, batches_max> batches{};  ///< the newest last

  std::span<const producer_batch> window() const noexcept { return {batches.data(), count}; }
};

struct tracked_producer : producer_state, base::list_hook<producer_age_tag> {
  producer_table* of = nullptr;
};

/// All producers of a core by age, and how many there may be.
class producer_ages {
 public:
  /// `expiration`: producer.id.expiration.ms. `seed`: of the maps' hash, so that no peer knows it.
  producer_ages(size_t count_max, base::duration expiration, uint64_t seed)
      : count_max_(count_max), expiration_(expiration), seed_(seed) {}

  size_t count() const noexcept { return count_; }
  size_t count_max() const noexcept { return count_max_; }
  /// Forgets those that wrote nothing for so long.
  void expire(base::unix_ms now);
  /// Whether there is room for one more. One that has been silent for longer than a client goes on trying is given up for
  /// it.
  bool make_room(base::unix_ms now);

 private:
  friend class producer_table;
  static constexpr base::duration spared = base::milliseconds(int64_t{15} * 60 * 1000);
  bool is_full() const noexcept { return count_ >= count_max_; }
  void drop_oldest();

  const size_t count_max_;
  const base::duration expiration_;
  const uint64_t seed_;
  size_t count_ = 0;
  base::intrusive_list<tracked_producer, producer_age_tag> ages_;  ///< the one that wrote last is last
};

class producer_table {
 public:
  explicit producer_table(producer_ages& ages);
  ~producer_table() { clear(); }
  producer_table(const producer_table&) = delete;
  producer_table& operator=(const producer_table&) = delete;

  /// Kafka's rules (ProducerAppendInfo) for a batch that carries a producer id. Nothing: it is to be appended, as the next
  /// sequence is, and any from a producer that is not known; a new epoch begins at 0. The batch that it repeats, where that
  /// is among the last five. Errors: out_of_order_sequence, invalid_producer_epoch, policy_violation (there are as many
  /// producers as may be).
  base::result<std::optional<producer_batch>> check(const record::header_view& batch, base::unix_ms now);
  /// A batch was appended, or is read again from the log: then nothing is checked, and what is known already is passed over.
  void note(const record::header_view& batch, base::offset first, base::offset next, base::unix_ms now);
  /// Takes over one that a snapshot kept; the newest first, since it counts as older than all there are. Where there are as
  /// many as may be, only one that may still be on the way: twice as many then at most.
  void restore(const producer_state& kept, base::unix_ms now);

  size_t size() const noexcept { return producers_.size(); }
  const producer_state* find(int64_t id) const;
  template <class F>
  void each(F&& f) const {
    for (const auto& [id, p] : producers_) f(p);
  }
  void clear() noexcept;

 private:
  friend class producer_ages;
  struct hash {
    uint64_t seed;
    size_t operator()(int64_t id) const noexcept { return base::mix64(static_cast<uint64_t>(id) ^ seed); }
  };
  tracked_producer& find_or_add(int64_t id);

  producer_ages& ages_;
  std::unordered_map<int64_t, tracked_producer, hash> producers_;
};

}  // namespace millrace::broker
