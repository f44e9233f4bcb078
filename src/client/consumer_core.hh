#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "client/connection.hh"
#include "client/exchange.hh"
#include "client/standing_error.hh"
#include "millrace/consumer.hh"
#include "reactor/scope.hh"
#include "wire/kafka/messages/fetch.hh"

/// The inside of a consumer: a fetch on its way to each broker, within a fetch session (KIP-227) where the broker grants
/// one, and answers that wait to be taken. consumer.cc is what its owner calls, consumer_fetch.cc asks and hears,
/// consumer_leaders.cc finds leaders again.

namespace millrace::client {

class consumer_core {
 public:
  consumer_core(client& on, consumer_options options);
  ~consumer_core();

  reactor::task<base::result<void>> assign(std::vector<start_position> partitions);
  reactor::task<const fetched*> next();
  void interrupt();
  std::vector<start_position> positions() const;
  std::optional<base::error> trouble() const noexcept;
  reactor::task<void> close();
  void abandon() noexcept { tasks_.abandon(); }

 private:
  struct node;
  struct partition {
    const std::string* topic = nullptr;
    int32_t index = 0;
    int64_t asked = 0;  // the next fetch begins here
    int64_t told = 0;   // where the broker's session has it begin
    int64_t taken = 0;  // behind what next() gave
    node* leader = nullptr;
    bool ended = false;  // an error that does not pass
    standing_error trouble;
  };
  /// An answer on its way to next().
  struct parcel {
    fetched what;
    node* from = nullptr;
    std::vector<partition*> parts;  // beside what.partitions
  };
  class flight final : public exchange {
   public:
    flight(consumer_core& owner, node& of) : owner_(owner), node_(of) {}
    void answered(arrival& got) override { owner_.take_answer(node_, got); }
    void released() override { owner_.flight_ended(node_); }
    void failed(base::error why) override { owner_.flight_failed(node_, why); }

   private:
    consumer_core& owner_;
    node& node_;
  };
  struct node {
    node(consumer_core& owner, int32_t number) : id(number), asking(owner, *this) {}
    int32_t id;
    connection* link = nullptr;
    bool on_the_way = false;
    int16_t version = 0;
    uint64_t assignment = 0;  // of the request on the way
    base::instant asked_at{};
    size_t waiting = 0;  // answers that next() has not taken
    size_t turn = 0;     // which partition comes first
    std::vector<partition*> asked;
    uint64_t shares = 0;        // shares_ when `asked` was listed
    int32_t session = 0;        // that the broker keeps for us; 0: none
    int32_t session_epoch = 0;  // of the request on the way, else of the next; 0: it names all partitions
    flight asking;
  };

  // consumer_fetch.cc
  void ask(node& n);
  void list_partitions(node& n);
  void name_partitions(node& n);
  void send_fetch(node& n, int32_t max_wait_ms);
  bool hear_of_session(node& n, const wire::kafka::fetch_response& answer);
  void end_session(node& n);
  void take_answer(node& n, arrival& got);
  void end_partition(partition& p, base::error why);
  void take_partition(parcel& to, partition& p, const wire::kafka::fetch_response_partition_data& answer);
  void flight_ended(node& n);
  void flight_failed(node& n, base::error why);
  partition* find(std::string_view topic, int32_t index, node& n, size_t guess);
  std::unique_ptr<parcel> fresh_parcel();
  // consumer_leaders.cc
  void note_trouble(partition& p, base::error why);
  void answer_trouble(const node& n);
  void lose_leader(partition& p, base::error why);
  void lose_all(node& n, base::error why);
  reactor::task<void> mend();
  reactor::task<bool> ask_leaders();
  reactor::task<void> connect_leaders();
  reactor::task<base::result<void>> connect_partition(partition* p);
  node& node_of(int32_t id);
  bool complete() const;

  client& client_;
  reactor::core& core_;
  const consumer_options options_;
  std::vector<std::unique_ptr<std::string>> topics_;
  std::vector<std::unique_ptr<partition>> partitions_;  // by topic and index
  std::vector<std::unique_ptr<partition>> former_;      // of assignments whose requests may be on the way
  std::vector<std::unique_ptr<node>> nodes_;
  std::deque<std::unique_ptr<parcel>> arrived_;
  std::unique_ptr<parcel> given_;  // to next()'s caller
  std::vector<std::unique_ptr<parcel>> idle_parcels_;
  wire::kafka::arena memory_;
  std::vector<wire::kafka::fetch_request_topic> request_topics_;
  std::vector<wire::kafka::fetch_request_partition> request_partitions_;
  uint64_t assignment_ = 0;
  uint64_t shares_ = 0;    // grows where a broker's share of the partitions becomes another
  bool troubled_ = false;  // some partition may have trouble that an answer ends
  size_t flying_ = 0;
  bool interrupted_ = false;
  bool mending_ = false;
  base::instant mend_not_before_{};
  bool closing_ = false;
  reactor::wait_list changed_;
  reactor::scope tasks_;
};

}  // namespace millrace::client
