#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/kafka/exchange.hh"
#include "api/kafka/frame_buffer.hh"
#include "broker/catalog/snapshot.hh"
#include "broker/partition/work.hh"
#include "reactor/task.hh"
#include "record/batch_rebuild.hh"
#include "record/batch_walk.hh"
#include "wire/kafka/header.hh"
#include "wire/kafka/produce_reader.hh"

/// A Produce request: its batches are checked and handed to the cores that own their partitions before begin() returns
/// (the admission half; it cannot suspend), and its answer is written when the last of them is settled. From a pool of the
/// door; a steady state allocates nothing.

namespace millrace::api::kafka {

class door;
class opening_lane;

class produce_exchange final : public exchange {
 public:
  explicit produce_exchange(door& d);
  ~produce_exchange() override;
  /// From the door's pool.
  static produce_exchange& take(door& d, connection& c);

  enum class admission : uint8_t { done, slow };
  /// Decodes, checks and sends the batches on their way. What must outlive the turn is copied out of `frame`, or kept with
  /// `owner` where the frame is in memory of its own. `slow`: there is more to check than one turn does; the connection
  /// handles nothing else before admit_slowly() has ended. Errors (of decoding): the connection closes.
  base::result<admission> begin(base::mutable_bytes frame, frame_buffer* owner, const wire::kafka::request_header& header,
                                const wire::kafka::reader& body);
  reactor::task<void> admit_slowly();

  void write(reply_buffer& out) override;
  void let_go() override;

 private:
  class owner_work final : public broker::append_work {
   public:
    void on_settled() override { of->work_settled(); }
    produce_exchange* of = nullptr;
    base::core_id to{0};
    std::unique_ptr<broker::append_part[]> memory;
    size_t capacity = 0;
    size_t count = 0;
    std::vector<size_t> entry_of;  ///< by part
    /// Whether some part's bytes are still to be copied by the partition.
    bool waits_with_bytes() const;
  };
  struct topic_entry {
    std::string name;
    base::uuid id;
    size_t partitions = 0;
  };
  static constexpr size_t nowhere = SIZE_MAX;
  static constexpr size_t faults_answered_max = 16;
  /// One partition of the request, in its order.
  struct entry {
    size_t topic = 0;
    int32_t index = 0;
    base::mutable_bytes records;  ///< in the frame, or rebuilt; until it is handed over
    int16_t error = 0;
    const char* message = nullptr;
    base::unix_ms append_time = -1;
    size_t work = nowhere;  ///< of works_; nowhere: it was refused
    size_t part = 0;
    size_t fault_begin = 0;
    size_t fault_count = 0;
  };

  base::result<void> read_request(wire::kafka::produce_reader& in);
  /// Checks entries from next_ on. Where it does not come through: whether the next one fits a turn of its own, or must be
  /// checked in steps.
  enum class progress : uint8_t { through, next_turn, in_steps };
  progress admit_rest();
  void spend(size_t cost);
  const broker::topic_info* topic_of(const entry& e) const;
  bool admit(entry& e, const broker::topic_info& topic);
  const broker::topic_info* look_at(entry& e);
  uint64_t batch_bytes_max(const broker::topic_info& topic) const;
  static record::codec wanted_codec(broker::compression_type type, record::codec as_sent);
  bool conclude(entry& e, const broker::topic_info& topic, const base::result<record::walk_summary>& walked, bool opened);
  record::walk_rules rules_for(const entry& e, const broker::topic_info& topic);
  void route(entry& e, const broker::topic_info& topic);
  /// Adds the entry to the work of its partition's owner.
  void hand_over(entry& e, const broker::topic_info& topic, storage::crc_check crc);
  void refuse(entry& e, int16_t error, const char* message = nullptr);
  /// Refuses for what its records are; such an answer carries the log's start, which its owner knows.
  void refuse_records(entry& e, const broker::topic_info& topic, int16_t error, const char* message = nullptr);
  bool may_repack(entry& e);
  record::batch_rebuild::options how_to_repack(const broker::topic_info& topic, record::codec target) const;
  bool take_over(entry& e, const broker::topic_info& topic, const base::result<void>& done, std::vector<uint8_t> made);
  enum class opening : uint8_t { concluded, outgrown };
  reactor::task<void> admit_in_steps(entry* e);
  reactor::task<void> admit_plain(entry* e);
  reactor::task<opening> admit_in(opening_lane* lane, entry* e);
  reactor::task<bool> repack_in(opening_lane* lane, entry* e, record::codec target);
  bool still_there(entry& e, const base::result<void>& ended);
  /// Sends what is routed and not sent yet; after all_sent() nothing more comes.
  void send_works();
  void all_sent() { work_settled(); }
  void keep_frame();
  void note_held();
  void work_settled();
  owner_work& work_for(base::core_id owner, size_t* index);
  void settle_entry(entry& e);
  size_t note_errors();
  template <class Sink>
  void write_body(Sink& sink);
  template <class Writer>
  void write_entry(Writer& w, entry& e);

  door& door_;
  int16_t version_ = 0;
  int32_t correlation_id_ = 0;
  int16_t acks_ = -1;
  base::mutable_bytes frame_;  ///< while batches name it
  frame_buffer* frame_owner_ = nullptr;
  std::vector<topic_entry> topics_;
  size_t topic_count_ = 0;
  std::vector<entry> entries_;
  std::vector<uint32_t> order_;  ///< scratch
  size_t next_ = 0;
  std::vector<record::record_fault> faults_;
  std::vector<std::unique_ptr<owner_work>> works_;
  size_t work_count_ = 0;
  size_t works_sent_ = 0;
  size_t works_left_ = 0;                      ///< on their way, and one more until all are sent
  std::vector<uint8_t> kept_;                  ///< the frame's bytes, where they outlive the turn
  std::optional<frame_buffer> kept_owner_;     ///< likewise, where they had memory of their own
  std::vector<std::vector<uint8_t>> rebuilt_;  ///< batches in another codec
};

}  // namespace millrace::api::kafka
