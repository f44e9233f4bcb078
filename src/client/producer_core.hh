#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/intrusive_list.hh"
#include "client/connection.hh"
#include "client/exchange.hh"
#include "client/standing_error.hh"
#include "millrace/producer.hh"
#include "reactor/scope.hh"
#include "reactor/timer_wheel.hh"

/// The inside of a producer. A batch is open (records are added), ready (closed, waits for its leader's connection),
/// flying (in a request), and then answered; or it failed and is ready again, before those that came after it.
/// producer.cc collects, producer_send.cc sends and hears, producer_mend.cc finds leaders again.

namespace millrace::client {

struct producer_partition;

/// A send() that waits for its batch.
struct record_waiter final : reactor::ready_item {
  std::coroutine_handle<> caller;
  int32_t index = 0;  // in the batch
  base::result<int64_t> outcome = int64_t{-1};
  void run(reactor::core&) override { caller.resume(); }
};

struct producer_batch : base::list_hook<> {
  producer_partition* of = nullptr;
  std::vector<uint8_t> bytes;
  std::vector<int64_t> tags;
  std::optional<record::batch_builder> builder;  // while open
  base::intrusive_list<reactor::ready_item> waiters;
  base::instant begun{};
  int32_t records = 0;
  size_t charged = 0;              // in the producer's buffered bytes
  std::optional<base::error> why;  // its request failed, and it will be sent again
};

struct sending_tag;
struct opening_tag;
struct producer_node;

struct producer_partition : base::list_hook<sending_tag>, base::list_hook<opening_tag> {
  size_t topic = 0;
  int32_t index = 0;
  producer_node* leader = nullptr;  // null: to be found, see mend()
  producer_batch* open = nullptr;
  base::intrusive_list<producer_batch> ready;
  base::intrusive_list<producer_batch> flying;
  size_t flying_count = 0;
  size_t in_requests = 0;   // of those flying, not back yet
  bool recovering = false;  // something failed: nothing is sent until all that flies is back
  standing_error trouble;   // keeps its batches from their answers; until one is acknowledged that left after it
  standing_error given_up;  // of a batch that was not tried again, and kept none of the others
  bool lost = false;        // idempotent: a batch is gone for good, and none may follow: for its trouble
  int32_t sequence = 0;
  uint64_t gathered = 0;  // the last request that it was in
};

struct producer_node {
  int32_t id = -1;
  connection* link = nullptr;
  size_t in_flight = 0;
  base::intrusive_list<producer_partition, sending_tag> sending;  // have ready batches
  base::intrusive_list<producer_partition, opening_tag> opening;  // have an open one, by age
};

class producer_core final : private reactor::turn_end_hook {
 public:
  producer_core(client& on, producer_options options, delivery_handler* told);
  ~producer_core() override;

  reactor::task<base::result<void>> start();
  reactor::task<base::result<size_t>> topic(std::string name);
  int32_t partitions(size_t topic) const { return static_cast<int32_t>(topics_[topic].partitions.size()); }
  bool add(size_t topic, int32_t partition, const record::new_record& record, int64_t tag, record_waiter* waits = nullptr);
  reactor::task<base::result<int64_t>> send(size_t topic, int32_t partition, record::new_record record);
  void flush();
  reactor::task<void> drain();
  reactor::task<void> close();
  void abandon() noexcept;
  size_t unanswered() const noexcept { return unanswered_; }
  size_t open() const noexcept { return open_; }
  size_t buffered_bytes() const noexcept { return buffered_; }
  std::optional<base::error> trouble() const noexcept;
  reactor::core& on() noexcept { return core_; }

 private:
  struct topic_state {
    std::string name;
    std::vector<std::unique_ptr<producer_partition>> partitions;
  };
  /// A produce request on its way.
  class flight final : public exchange {
   public:
    explicit flight(producer_core& owner) : owner_(owner) {}
    void answered(arrival& got) override { owner_.take_answer(*this, got); }
    void released() override { owner_.flight_ended(*this); }
    void failed(base::error why) override { owner_.flight_failed(*this, why); }
    producer_core& owner_;
    producer_node* node = nullptr;
    int16_t version = 0;
    bool heard = false;
    std::vector<producer_batch*> batches;
  };
  class linger_timer final : public reactor::timer {
   public:
    explicit linger_timer(producer_core& owner) : owner_(owner) {}
    void run(reactor::core&) override { owner_.at_turn_end(); }

   private:
    producer_core& owner_;
  };

  // producer.cc
  reactor::task<base::result<void>> ask_id();
  producer_batch& open_batch(producer_partition& p);
  void close_batch(producer_partition& p);
  bool full(const producer_batch& b) const;
  void deliver(producer_batch& b, int64_t base_offset, std::optional<base::error> why);
  void recycle(producer_batch& b);
  void note_trouble(producer_partition& p, base::error why);
  void note_given_up(producer_partition& p, base::error why);
  void answer_trouble(producer_partition& p);
  /// What its batches fail with that were not answered in time.
  static base::error cause(const producer_partition& p) {
    return p.trouble.why().value_or(base::fail(base::errc::closed).what);
  }
  void at_turn_end() override;
  base::instant due(const producer_partition& p) const { return p.open->begun + options_.linger; }

  // producer_send.cc
  void enqueue(producer_partition& p);
  bool may_send(const producer_partition& p) const;
  void pump(producer_node& n);
  bool close_those_due(producer_node& n);
  flight& gather(producer_node& n);
  base::result<void> send_flight(flight& f);
  void take_answer(flight& f, arrival& got);
  void note(producer_batch& b, int16_t code, int64_t base_offset);
  void send_again(producer_batch& b, base::error why);
  void give_up(producer_batch& b, base::error why);
  void flight_ended(flight& f);
  void flight_failed(flight& f, base::error why);
  void come_back(producer_batch& b);
  void fail_batch(producer_batch& b, base::error why);

  // producer_mend.cc
  producer_node& node(int32_t id);
  void lose_leader(producer_partition& p);
  void lose_node(producer_node& n);
  reactor::task<void> mend();
  reactor::task<void> mend_topic(size_t topic);
  reactor::task<base::result<void>> connect_partition(producer_partition* p);
  void expire();
  void expire_ready(producer_partition& p);
  bool complete() const;
  template <class F>
  void each_partition(F f) const {
    for (const topic_state& t : topics_) {
      for (auto& p : t.partitions) f(*p);
    }
  }

  client& client_;
  reactor::core& core_;
  const producer_options options_;
  delivery_handler* const told_;
  std::vector<topic_state> topics_;
  std::vector<std::unique_ptr<producer_node>> nodes_;
  std::vector<std::unique_ptr<producer_batch>> batches_;  // all that were ever made
  base::intrusive_list<producer_batch> idle_batches_;
  std::vector<std::unique_ptr<flight>> flights_;
  std::vector<flight*> idle_flights_;
  wire::kafka::arena answer_memory_;
  int64_t producer_id_ = record::no_producer_id;
  int16_t producer_epoch_ = -1;
  size_t unanswered_ = 0;
  size_t open_ = 0;
  size_t buffered_ = 0;
  size_t flying_ = 0;        // requests
  uint64_t gatherings_ = 0;  // requests so far
  bool troubled_ = false;    // some partition has an error that stands
  bool mending_ = false;
  base::instant mend_not_before_{};
  bool closing_ = false;
  linger_timer linger_;
  reactor::wait_list changed_;  // something was delivered
  reactor::scope tasks_;
};

}  // namespace millrace::client
