#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "workload/batches.hh"
#include "workload/client.hh"
#include "workload/model.hh"
#include "workload/server_node.hh"
#include "workload/workers.hh"

/// A story: one broker in the world, clients on a node of their own, and a model that remembers what was sent and
/// acknowledged. What is said here is said in the order in which it happens; each word that asks the broker for something
/// waits for the answer, and audit() reads everything and judges it with the swarm's checkers.

namespace millrace::swarm {

struct story_options {
  size_t core_memory = size_t{16} << 20;
  server_options server = smallest();
  /// The smallest commit log there is, and a pool for segments of the size that stories write.
  static server_options smallest();
};

/// What a Produce or a deletion got: a code of Kafka's, 0 where it was done, and the offset.
struct stored {
  int16_t code = -1;
  int64_t offset = -1;
};

/// What a Fetch of one partition got.
struct fetched {
  int16_t code = -1;
  int64_t high_watermark = -1;
  read_batches batches;
};

/// Codes that stories expect.
inline constexpr int16_t none = 0;
inline constexpr int16_t topic_already_exists = 36;
inline constexpr int16_t kafka_storage_error = 56;

class story {
 public:
  explicit story(uint64_t seed, story_options o = {});
  story(const story&) = delete;
  story& operator=(const story&) = delete;
  ~story();

  // ---- the broker

  /// It must come to serve.
  void start(unsigned cores = 1);
  /// It must not; why it says that it does not. The process is gone afterwards.
  std::string start_in_vain();
  /// It may; false, and gone, where it does not.
  bool try_start(unsigned cores = 1);
  /// The power goes. `keep`: as crash_options.
  void cut(double keep = -1) { crash({.kind = sim::crash_kind::power, .keep = keep}); }
  void kill() { crash({.kind = sim::crash_kind::process}); }
  /// A clean stop, after which nobody holds memory.
  void stop();
  sim::sim_disk& disk() { return server.node().disk(); }
  /// Operations of the broker's disk that have ended so far.
  uint64_t operations() { return server.node().port().ended(); }
  template <class Done>
  [[nodiscard]] bool run_until(Done&& done, base::duration limit = base::seconds(60)) {
    const bool ended = world.run_until([&] { return look_at_memory(), seen.found.any() || done(); }, limit);
    look();
    return ended;
  }

  // ---- one client that waits for each answer

  int16_t create(const std::string& topic, int32_t partitions = 1, int32_t segment_bytes = 1 << 20, kept_bounds kept = {});
  int16_t remove(const std::string& topic);
  stored produce(const std::string& topic, int32_t partition, const made_batch& batch);
  /// One batch of so many bytes that must be acknowledged; its offset.
  int64_t keep(const std::string& topic, int32_t partition, size_t bytes);
  fetched fetch(const std::string& topic, int32_t partition, int64_t offset, int32_t bytes_max = 1 << 20);
  /// What ListOffsets calls the latest, and the earliest.
  int64_t end_of(const std::string& topic, int32_t partition);
  int64_t start_of(const std::string& topic, int32_t partition);
  /// Ends its connection.
  void hang_up();
  made_batch batch(size_t bytes) { return batch_of(random_, bytes, clients.core().wall_clock()); }

  // ---- others beside it

  /// A client of its own that sends one batch; nobody waits for what comes of it.
  struct offer {
    std::unique_ptr<client> link;
    std::unique_ptr<sim::started<stored>> task;
    bool answered() const { return task->done(); }
  };
  offer& send(const std::string& topic, int32_t partition, const made_batch& batch);
  /// One that makes a topic of one partition.
  offer& send_create(const std::string& topic);
  /// One that deletes the records below an offset.
  offer& send_deletion(const std::string& topic, int32_t partition, int64_t before);
  /// One that asks for the first record at or after a time.
  offer& send_time(const std::string& topic, int32_t partition, int64_t time);
  /// A client that asks for all there is from `offset` on, so often, and takes no answer.
  void read_nothing(const std::string& topic, int32_t partition, int64_t offset, int32_t bytes_max, unsigned times);
  /// Producers of the swarm, each with so many requests; finish() waits until they have made them all.
  void hire(unsigned producers, const run_options& work);
  bool hired_done() const;
  void finish();

  // ---- the judgement

  /// All that was acknowledged is there, once and as it was sent, and nothing else; every time is found.
  void audit();
  /// The same of a partition that may have damage: the offsets that are refused. Batches have one record.
  std::set<int64_t> damaged_offsets(const std::string& topic, int32_t partition);
  /// Every partition takes another batch.
  void goes_on();
  /// The end of a story of faults: they are over, the power goes, and after it everything is there and goes on.
  void outlive_a_cut(double keep = -1) {
    cut(keep);
    disk().clear_rules();
    start();
    audit();
    goes_on();
    stop();
  }
  /// Fails where a checker has found something.
  void look();

  sim::world world;
  model seen;
  server_node server;
  sim::node& clients;

 private:
  /// How long an answer, a start or a stop may take.
  static constexpr base::duration patience = base::seconds(120);
  void crash(sim::crash_options how);
  void goes_down();
  void look_at_memory();
  topic_ref topic_of(const std::string& name) const;
  template <class Response, class Request>
  answer<Response> ask(const Request& request, int16_t version, const char* what);
  template <class T>
  T wait_for(std::unique_ptr<sim::started<T>> task);
  offer& new_offer();
  reactor::task<stored> create_task(client* link, std::string topic, int32_t partitions, int32_t segment_bytes,
                                    kept_bounds kept);
  reactor::task<stored> list_task(client* link, std::string topic, int32_t partition, int64_t time);
  reactor::task<stored> delete_task(client* link, topic_ref t, int32_t partition, int64_t before);
  reactor::task<stored> produce_task(client* link, topic_ref t, int32_t partition, made_batch b);

  struct job {
    std::unique_ptr<worker> by;
    std::unique_ptr<sim::started<void>> task;
  };
  base::prng random_;
  run_options work_;
  std::unique_ptr<client> link_;
  std::vector<std::unique_ptr<offer>> offers_;
  struct idle_reader {
    std::unique_ptr<client> link;
    std::unique_ptr<sim::started<bool>> task;
  };
  std::vector<idle_reader> idle_readers_;
  std::vector<job> jobs_;
  bool down_ = true;
};

/// Where things are on the broker's disk.
std::string segment_path(const std::string& topic, int32_t partition, int64_t base);
inline const std::string commit_path = "/data/commit/0.log";

}  // namespace millrace::swarm
