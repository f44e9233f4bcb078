#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millrace/client.hh"
#include "record/batch_view.hh"
#include "record/record_iterator.hh"

/// consumer: reads partitions from given offsets on. From each broker the next answer is asked for as soon as one has
/// come, so that it is on the way while its owner looks at the last one. Which partitions it reads is its owner's choice,
/// or a group's (group_consumer.hh).

namespace millrace::client {

struct consumer_options {
  base::duration max_wait = base::milliseconds(500);  ///< how long a broker holds back an answer that has too little
  int32_t min_bytes = 1;
  int32_t max_bytes = 50 << 20;       ///< of one answer; one batch comes whole all the same
  int32_t partition_bytes = 1 << 20;  ///< of one partition in one answer
  size_t ahead = 2;                   ///< answers of one broker that may wait for next()
};

/// Where to read.
struct start_position {
  std::string topic;
  int32_t partition = 0;
  int64_t offset = 0;
};

/// What came of one partition: whole batches, back to back. The first may begin before `from`.
struct fetched_partition {
  const std::string* topic = nullptr;
  int32_t partition = 0;
  int64_t from = 0;  ///< the offset that was asked for
  int64_t next = 0;  ///< the one after the last record
  int64_t high_watermark = 0;
  base::bytes batches;
  std::optional<base::error> why;  ///< it is read no more: refused (OFFSET_OUT_OF_RANGE, ...), or malformed
};
struct fetched {
  std::vector<fetched_partition> partitions;  ///< those with batches or an error
  std::vector<uint8_t> frame;                 ///< what they point into
  base::instant asked{};                      ///< when the request was made
  base::instant answered{};
};

class consumer_core;

class consumer {
 public:
  consumer(client& on, consumer_options options);
  consumer(const consumer&) = delete;
  consumer& operator=(const consumer&) = delete;
  ~consumer();

  /// Reads these from now on, and nothing else; what was fetched before and not taken is dropped. Errors: refused, those
  /// of connections.
  reactor::task<base::result<void>> assign(std::vector<start_position> partitions);
  /// The next answer that has something; good until the next call. Null after interrupt() or close(). Brokers that are not
  /// reached are tried again and again meanwhile.
  reactor::task<const fetched*> next();
  /// Has next() return, the one that waits now or the next one.
  void interrupt();
  /// The offsets behind what next() has given.
  std::vector<start_position> positions() const;
  /// What went wrong last with a fetch, or with a leader that is looked for, and has not been followed by a good answer of
  /// that partition's leader: what is tried again, too. A partition that is read no more keeps it.
  std::optional<base::error> trouble() const noexcept;
  /// Before the client closes. Says so to brokers that are reached, and waits for them as for any request.
  reactor::task<void> close();
  void abandon() noexcept;

 private:
  std::unique_ptr<consumer_core> core_;
};

/// The records of a batch, opened where they are compressed. One for many batches, one at a time.
class batch_records {
 public:
  /// Errors: those of record::decompress.
  base::result<record::record_iterator> open(const record::batch_view& batch);

 private:
  std::vector<uint8_t> opened_;
};

}  // namespace millrace::client
