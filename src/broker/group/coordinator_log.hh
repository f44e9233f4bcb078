#pragma once

#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "broker/group/committed_offsets.hh"
#include "broker/group/group_error.hh"
#include "broker/group/group_records.hh"
#include "broker/partition/broker_core.hh"

/// One partition of `__consumer_offsets` as its coordinator writes it: a batch for each append, acknowledged when durable as
/// every produce is. Nobody else appends to it. Lives on the core that owns the partition.

namespace millrace::broker {

/// Who appended, and wants to hear what became of it.
class coordinator_write {
 public:
  virtual ~coordinator_write() = default;
  /// Called once, in the order of the appends and never from inside one. `outcome` none: durable. Else a word that may be
  /// answered: not_coordinator and coordinator_not_available (a later try may succeed, and this one may yet be found in the
  /// log), unknown_server_error (it is larger than a batch may be).
  virtual void done(group_error outcome) = 0;
};

class coordinator_log {
 public:
  /// `next`: the log's end, once all of it has been read.
  coordinator_log(broker_core& on, storage::log_id id);
  ~coordinator_log();
  coordinator_log(const coordinator_log&) = delete;
  coordinator_log& operator=(const coordinator_log&) = delete;

  const storage::log_id& id() const noexcept { return id_; }
  /// Where the first record will be written: the end of what was read.
  void begin_at(base::offset next) noexcept { next_ = next; }
  /// Appends the records as one batch of at most `bytes_max` bytes. Returns their places in the order of all records of this
  /// partition: where they will stand in the log, as long as no append fails, and behind all that were appended before in
  /// any case. What the records view need not outlive the call.
  offsets_range append(std::span<const timed_record> records, uint32_t bytes_max, std::unique_ptr<coordinator_write> who);
  /// Tells all that still wait not_coordinator: the broker stops. Later appends are told so too.
  void close();

 private:
  class batch_write final : public append_work {
   public:
    batch_write(coordinator_log& of, std::unique_ptr<coordinator_write> who) : of_(of), who(std::move(who)) {}
    void on_settled() override;

    std::vector<uint8_t> bytes;
    append_part part;
    bool is_settled = false;
    group_error refused = group_error::none;  ///< before it was appended

   private:
    coordinator_log& of_;

   public:
    std::unique_ptr<coordinator_write> who;  ///< null: nobody waits any more
  };
  /// Tells the news in the order of the appends, from the core's queue.
  class teller final : public reactor::ready_item {
   public:
    explicit teller(coordinator_log& of) : of_(of) {}
    void run(reactor::core&) override { of_.tell(); }
    const char* what() const noexcept override { return "coordinator writes"; }

   private:
    coordinator_log& of_;
  };
  void news();
  void tell();

  broker_core& core_;
  const storage::log_id id_;
  base::offset next_{0};
  bool closed_ = false;
  std::deque<std::unique_ptr<batch_write>> writes_;  ///< oldest first
  teller teller_;
};

}  // namespace millrace::broker
