#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/kafka/exchange.hh"
#include "api/kafka/fetch_session.hh"
#include "broker/catalog/snapshot.hh"
#include "broker/partition/work.hh"
#include "wire/kafka/fetch_reader.hh"
#include "wire/kafka/header.hh"

/// A Fetch request: one read_work for each core that owns some of its partitions. With one owner that work waits for
/// min_bytes there; with several they are read at once, and wait together where that was not enough: each for what it had
/// and an equal share of what is missing, and the first that has it ends the wait of the others. No record byte is copied:
/// the answer refers to the owners' memory until it is sent. One within a session reads all partitions of that, changed as
/// the request says, and answers those with news. From a pool of the door.

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
    std::string memory;                        ///< of the name, where no session has it
    std::string_view name;                     ///< up to version 12
    base::uuid id;                             ///< from 13
    size_t partitions = 0;                     ///< that the answer has
    size_t next = 0;                           ///< scratch
    const broker::topic_info* info = nullptr;  ///< of the turn in which the request is taken up
  };
  static constexpr size_t nowhere = SIZE_MAX;
  struct entry {
    size_t topic = 0;
    int32_t index = 0;
    int16_t error = 0;
    size_t work = nowhere;
    size_t part = 0;
    wire::kafka::fetch_request_partition asked;
    fetch_session::partition* kept = nullptr;  ///< in the session
    bool told = false;                         ///< where it is in a session: whether the answer has it
  };

  /// Whether topics are named by ids, in its request and its answer.
  bool by_ids() const noexcept { return version_ >= 13; }

  // fetch_asked.cc
  bool within_session(const wire::kafka::fetch_request& asked);
  base::result<void> read_request(wire::kafka::fetch_reader& in);
  base::result<void> read_session(wire::kafka::fetch_reader& in);
  void change_session(wire::kafka::fetch_reader& in);
  void make_lists(size_t topics, size_t partitions);
  void find_topic(topic_entry& t) const;
  /// Adds the entry to the work of its partition's owner, or refuses it.
  void hand_over(entry& e);
  owner_work& work_for(base::core_id owner, size_t* index);

  void send_all(bool wait);
  void work_settled(owner_work& w);
  void all_settled();
  void read_again();
  void keep_within_limit();
  size_t own_bytes() const;
  void note_held();
  void end_use();
  uint64_t available() const;
  bool any_reason_enough() const;

  // fetch_answer.cc
  std::string_view key_of(const topic_entry& t) const;
  fetch_session::finding finding_of(const entry& e) const;
  int32_t choose_news();
  int32_t begin_session();
  template <class Writer>
  void write_entry(Writer& w, const entry& e) const;
  template <class Sink, class Between>
  void write_body(Sink& sink, int32_t session_id, Between&& between) const;

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
  std::vector<uint32_t> order_;  ///< scratch; within a session, the entries that the answer has, topic by topic
  std::vector<std::unique_ptr<owner_work>> works_;
  size_t work_count_ = 0;
  size_t left_ = 0;                   ///< works on their way
  fetch_session* session_ = nullptr;  ///< in use, from begin() to write()
  bool begins_session_ = false;       ///< where there is room for it
  bool ends_session_ = false;         ///< it became more than it may be: this is its last fetch, answered in full
  bool hurried_ = false;
  bool news_ = false;  ///< some work of this round is settled
  enum class stage : uint8_t { reading, waiting, again, answered, leaving } stage_ = stage::reading;
};

}  // namespace millrace::api::kafka
