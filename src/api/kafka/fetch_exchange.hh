#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/kafka/exchange.hh"
#include "broker/partition/work.hh"
#include "wire/kafka/fetch_reader.hh"
#include "wire/kafka/header.hh"

/// A Fetch request: one read_work for each core that owns some of its partitions. With one owner that work waits for
/// min_bytes there; with several they are read at once, and wait together where that was not enough: each for what it had
/// and an equal share of what is missing, and the first that has it ends the wait of the others. No record byte is copied:
/// the answer refers to the owners' memory until it is sent. From a pool of the door.

namespace millrace::api::kafka {

class door;

class fetch_exchange final : public exchange {
 public:
  explicit fetch_exchange(door& d);
  ~fetch_exchange() override;
  static fetch_exchange& take(door& d, connection& c);

  /// Decodes and sends the works on their way. Errors (of decoding): the connection closes.
  base::result<void> begin(const wire::kafka::request_header& header, const wire::kafka::reader& body);

  void write(reply_buffer& out) override;
  void let_go() override;
  void hurry() override;

 private:
  class owner_work final : public broker::read_work {
   public:
    void on_settled() override { of->work_settled(*this); }
    fetch_exchange* of = nullptr;
    base::core_id to{0};
    std::unique_ptr<broker::read_part[]> memory;
    size_t capacity = 0;
    size_t count = 0;
    bool out = false;  ///< on its way or being answered
  };
  struct topic_entry {
    std::string name;
    base::uuid id;
    size_t partitions = 0;
  };
  static constexpr size_t nowhere = SIZE_MAX;
  struct entry {
    size_t topic = 0;
    int32_t index = 0;
    int16_t error = 0;
    size_t work = nowhere;
    size_t part = 0;
    wire::kafka::fetch_request_partition asked;
  };

  base::result<void> read_request(wire::kafka::fetch_reader& in);
  /// Adds the entry to the work of its partition's owner, or refuses it.
  void hand_over(entry& e);
  owner_work& work_for(base::core_id owner, size_t* index);
  void send_all(bool wait);
  void work_settled(owner_work& w);
  void all_settled();
  void read_again();
  void keep_within_limit();
  void shrink();
  void note_held();
  uint64_t available() const;
  bool any_reason_enough() const;
  template <class Writer>
  void write_entry(Writer& w, const entry& e) const;
  template <class Sink, class Between>
  void write_body(Sink& sink, Between&& between) const;

  door& door_;
  int16_t version_ = 0;
  int32_t correlation_id_ = 0;
  int16_t top_error_ = 0;
  int8_t isolation_ = 0;
  uint32_t bytes_max_ = 0;
  uint64_t bytes_min_ = 0;
  base::instant deadline_{};
  std::vector<topic_entry> topics_;
  size_t topic_count_ = 0;
  std::vector<entry> entries_;
  std::vector<uint32_t> order_;  ///< scratch
  std::vector<std::unique_ptr<owner_work>> works_;
  size_t work_count_ = 0;
  size_t left_ = 0;  ///< works on their way
  bool hurried_ = false;
  bool news_ = false;  ///< some work of this round is settled
  enum class stage : uint8_t { reading, waiting, again, answered, leaving } stage_ = stage::reading;
};

}  // namespace millrace::api::kafka
