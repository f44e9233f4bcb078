#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "millrace/client.hh"
#include "record/batch_builder.hh"

/// producer: collects records into batches, a batch for each partition, and sends them to the partitions' leaders. What
/// fails in a way that may pass is sent again, in order: batches of one partition never overtake each other. Without
/// idempotence a batch whose answer was lost may then be there twice.

namespace millrace::client {

struct producer_options {
  int16_t acks = -1;  ///< -1: all in-sync replicas, 1: the leader, 0: no answer
  record::codec codec = record::codec::none;
  std::optional<int> level{};  ///< none: the codec's default
  /// Numbers its batches, so that the broker takes each once; needs acks -1. At most five batches of a partition are then
  /// on the way.
  bool idempotent = false;
  size_t batch_bytes = 16384;  ///< before compression; a larger record goes alone
  int32_t batch_records = INT32_MAX;
  base::duration linger{};                               ///< how long a batch that is not full waits for more
  size_t in_flight = 5;                                  ///< requests on the way to one broker
  size_t request_batches = 64;                           ///< batches of one request, each of another partition
  size_t request_bytes = 1 << 20;                        ///< of all batches of one request, but one may be larger
  size_t buffer_bytes = 32 << 20;                        ///< of batches that are not acknowledged; past it add() refuses
  base::duration delivery_timeout = base::seconds(120);  ///< from a batch's first record to its answer
};

/// What became of one batch.
struct delivery {
  size_t topic = 0;  ///< the producer's number for it
  int32_t partition = 0;
  int64_t base_offset = -1;  ///< -1 where nobody said: acks 0, or a repeat that the broker had already
  int32_t records = 0;
  size_t bytes = 0;                ///< of the batch as it was sent
  std::span<const int64_t> tags;   ///< of its records, in order
  std::optional<base::error> why;  ///< it will not be there, or nobody knows; see producer::trouble()
};
class delivery_handler {
 public:
  virtual ~delivery_handler() = default;
  /// May add records; must not destroy the producer.
  virtual void delivered(const delivery& what) = 0;
};

class producer_core;

class producer {
 public:
  /// `told` hears of every batch; may be null. Both references outlive the producer.
  producer(client& on, producer_options options, delivery_handler* told = nullptr);
  producer(const producer&) = delete;
  producer& operator=(const producer&) = delete;
  ~producer();

  /// Gets a producer id where it is idempotent. Errors: refused, those of connections.
  reactor::task<base::result<void>> start();
  /// Its number for a topic, whose leaders are connected to. Errors: refused, those of connections.
  reactor::task<base::result<size_t>> topic(std::string name);
  int32_t partitions(size_t topic) const;

  /// Adds a copy of the record to the partition's batch. False, and nothing is done, where too much is unacknowledged.
  /// `tag` comes back with the delivery.
  bool add(size_t topic, int32_t partition, const record::new_record& record, int64_t tag = 0);
  /// The same and waits: for room first, then for the answer. Yields the record's offset, -1 where nobody says it. What
  /// `record` points at lives until it returns. Errors: refused, timed_out, closed, those of connections.
  reactor::task<base::result<int64_t>> send(size_t topic, int32_t partition, record::new_record record);
  /// Batches leave as they are, without waiting for more.
  void flush();
  /// Flushes, and waits until everything is answered or has failed.
  reactor::task<void> drain();
  /// Ends it: what is not answered fails with its partition's trouble, with closed where there is none. Before the client
  /// closes.
  reactor::task<void> close();
  void abandon() noexcept;

  /// Batches, open ones too, that are not answered yet; those of them to which records may still be added; all bytes.
  size_t unanswered() const noexcept;
  size_t open() const noexcept;
  size_t buffered_bytes() const noexcept;
  /// What went wrong last with a batch, or with a leader that is looked for, and has not been followed by an acknowledged
  /// batch of that partition: what is tried again, too. It is what batches fail with whose time passes meanwhile.
  std::optional<base::error> trouble() const noexcept;
  reactor::core& on() noexcept;

 private:
  std::unique_ptr<producer_core> core_;
};

}  // namespace millrace::client
