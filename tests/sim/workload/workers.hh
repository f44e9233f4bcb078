#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/prng.hh"
#include "wire/kafka/messages/fetch.hh"
#include "workload/batches.hh"
#include "workload/client.hh"
#include "workload/model.hh"
#include "workload/run_options.hh"

/// The clients of a run: each is one task with one connection, from its own random stream.

namespace millrace::swarm {

class worker {
 public:
  worker(reactor::core& on, model& m, const run_options& o, base::prng random, std::string server)
      : on_(on), model_(m), options_(o), random_(random), link_(on, m, std::move(server)) {}
  virtual ~worker() = default;
  virtual reactor::task<void> run() = 0;

 protected:
  /// Connects; where that fails, waits a little and says false.
  reactor::task<bool> ready();
  reactor::task<void> pause_up_to(base::duration most);
  /// Whether there is still something to do for those who go along with the producers.
  bool go_on() const { return model_.producers_left > 0 && !model_.found.any(); }
  /// A partition of a fetch, as it was asked for.
  struct asked_part {
    int32_t partition = 0;
    int64_t from = 0;
    int64_t floor = 0;        ///< of its high watermark, when it was asked
    int64_t start_floor = 0;  ///< of its log start
    int32_t bytes_max = 0;
  };
  /// Hands what a fetch of `version`, sent at `since`, was answered of a partition to the model.
  void fetched(topic_model& t, const asked_part& asked, const wire::kafka::fetch_response_partition_data& p, int16_t version,
               base::instant since, read_batches& batches);
  /// What a fetch answered goes into `a`, and to the model. False: they are not whole batches, which was reported.
  bool took(const topic_model& t, partition_model& m, read_answer& a, std::optional<base::bytes> records);
  /// An error of a read at `offset`: whether the damage there is its reason.
  bool meets_damage(const partition_model& m, int64_t offset, int16_t code);
  /// An error code of an answer to a request that was sent at `since`: counted where something was
  /// wrong, reported where not.
  void refused(const char* what, const std::string& partition, int16_t code, base::instant since);

  reactor::core& on_;
  model& model_;
  const run_options& options_;
  base::prng random_;
  client link_;
};

/// Produces its share of requests, several in flight, and tells the model what was acknowledged
/// where. An idempotent one numbers its batches and repeats, in order, what was not acknowledged.
class producer final : public worker {
 public:
  using worker::worker;
  /// From now on it numbers its batches.
  void be_idempotent() { idempotent_ = true; }
  reactor::task<void> run() override;
  /// One batch to one partition, and its acknowledgement: the probe of liveness. False: not
  /// acknowledged.
  reactor::task<bool> probe(topic_ref t, int32_t partition);

 private:
  /// KIP-98: as many of a partition as the broker remembers.
  static constexpr size_t numbered_in_flight_max = 5;
  struct part {
    int32_t partition;
    made_batch batch;
    bool acked = false;
    int16_t refused = 0;  ///< its code, of the last attempt
    int64_t base = -1;    ///< where it was acknowledged, by which process
    unsigned process = 0;
  };
  struct request {
    topic_ref topic;
    std::vector<part> parts;
    int16_t acks;
    int16_t version;
    base::instant since;
  };
  request make_request(topic_ref t);
  made_batch batch_for(const topic_model& t, const batch_numbers& numbers = {});
  reactor::task<bool> send(request* r);
  reactor::task<bool> receive(request* r);
  void acknowledged(request& r, int32_t partition, int64_t base_offset, int16_t code);
  void keep_some(std::vector<request>& window, size_t answered, size_t sent);
  std::vector<request> again_;  ///< their answers were lost, or they must be repeated

  // numbered.cc
  /// The numbers of a topic's batches. A topic that is made again, under its old name, gets the next epoch, so that what is
  /// still on its way to the old one is told apart.
  struct numbering {
    struct lane {
      int32_t next = 0;
      bool acked = false;       ///< something of this epoch
      int64_t acked_base = -1;  ///< the last of it, and by which process
      unsigned acked_process = 0;
      bool refused_first = false;  ///< before anything was acknowledged: what came behind may have been taken for the first
    };
    topic_ref topic;
    int16_t epoch = -1;
    std::vector<lane> lanes;  ///< by partition
  };
  numbering& numbers_of(const topic_ref& t);
  void begin_epoch(numbering& n);
  reactor::task<bool> get_id();
  void number(request& r);
  void keep_unacknowledged(std::vector<request>& window);
  static bool lost_what_it_acknowledged(const request& r, int32_t partition, const numbering::lane& lane);
  bool idempotent_ = false;
  int64_t id_ = -1;
  std::map<std::string, numbering> numbering_;
  std::set<const topic_model*> on_the_way_;  ///< in the window: their epoch stays
};

/// Reads from random places, waits at the end, asks for offsets.
class consumer final : public worker {
 public:
  using worker::worker;
  reactor::task<void> run() override;

 private:
  struct asked_fetch {
    int16_t version = 0;
    base::instant since{};
    std::vector<asked_part> parts;
  };
  reactor::task<bool> fetch(topic_ref t, unsigned count);
  std::vector<uint8_t> ask(topic_ref t, bool waits, asked_fetch& asked);
  bool look_at(topic_ref t, const asked_fetch& asked, std::vector<uint8_t> frame);
  reactor::task<bool> list(topic_ref t);
  int64_t place_in(const partition_model& p);
};

/// Makes the topics, and now and then deletes one and makes it again, or alters what it keeps.
class admin final : public worker {
 public:
  using worker::worker;
  reactor::task<void> run() override;

 private:
  reactor::task<bool> create(std::string name);
  reactor::task<bool> remove(topic_ref t);
  reactor::task<bool> alter(topic_ref t);
  kept_bounds draw_bounds();
  topic_compaction draw_compaction();
  struct flushing {
    bool from_memory = false;
    bool preallocate = false;
  };
  flushing draw_flushing(bool compacted);
  std::vector<std::string> free_names_;  ///< of topics that are known to be deleted
};

/// Deletes records here and there.
class deleter final : public worker {
 public:
  using worker::worker;
  reactor::task<void> run() override;

 private:
  reactor::task<bool> remove_some(topic_ref t);
  int64_t offset_in(const partition_model& p);
};

/// After everything: each partition accepts and serves, and holds from its start to its end what it
/// must.
class auditor final : public worker {
 public:
  using worker::worker;
  reactor::task<void> run() override;

 private:
  struct listed {
    int16_t error = 0;
    int64_t offset = -1;
    int64_t timestamp = -1;
    bool damaged = false;  ///< refused for that reason
  };
  reactor::task<bool> scan(topic_ref t, int32_t partition);
  reactor::task<std::optional<listed>> list(topic_ref t, int32_t partition, int64_t timestamp, const char* what,
                                            int64_t met = -1);
  reactor::task<bool> ask_start(topic_ref t, int32_t partition);
  reactor::task<bool> read_all(topic_ref t, int32_t partition);
  reactor::task<bool> ask_times(topic_ref t, int32_t partition);
  void judge_start(const topic_model& t, partition_model& m);
  void judge_compacted(const topic_model& t, partition_model& m);
  reactor::task<bool> ask_times_compacted(topic_ref t, int32_t partition);
  read_batches all_;
  keyed_records keyed_;  ///< of a compacted topic: their records
  int64_t start_ = 0;    ///< of the log, as it was last told
  int64_t high_ = 0;
};

}  // namespace millrace::swarm
