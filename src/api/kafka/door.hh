#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/kafka/exchange_pool.hh"
#include "api/kafka/fetch_session_cache.hh"
#include "api/kafka/frame_room.hh"
#include "api/kafka/held_memory.hh"
#include "api/kafka/opening_lane.hh"
#include "api/kafka/request_context.hh"
#include "api/kafka/turn_allowance.hh"
#include "api/kafka/zero_copy_sends.hh"
#include "base/intrusive_list.hh"
#include "base/result.hh"
#include "broker/catalog/catalog.hh"
#include "broker/catalog/controller.hh"
#include "broker/catalog/producer_ids.hh"
#include "broker/group/group_coordinator.hh"
#include "broker/partition/broker_core.hh"
#include "reactor/connection_shares.hh"
#include "reactor/core.hh"
#include "reactor/listener.hh"
#include "reactor/memory.hh"
#include "reactor/scope.hh"
#include "reactor/wait.hh"
#include "record/decompressor.hh"

/// The Kafka door of one core: its listeners, its connections, and what their requests need.

namespace millrace::api::kafka {

class connection;
class fetch_exchange;
class produce_exchange;

/// Settings of the door; Kafka's names.
struct door_options {
  int32_t node_id = 1;
  uint32_t request_bytes_max = 104857600;        ///< socket.request.max.bytes
  base::duration idle_max = base::seconds(600);  ///< connections.max.idle.ms
  uint32_t fetch_bytes_max = 57671680;           ///< fetch.max.bytes
  uint32_t fetch_sessions_max = 1000;            ///< max.incremental.fetch.session.cache.slots: of all cores together
  bool validate_compressed = true;               ///< validate.compressed.batches
  bool auto_create_topics = true;                ///< auto.create.topics.enable
  uint32_t connections_max = 15000;              ///< on one core: what its backend serves
  send_mode send = send_mode::automatic;         ///< reactor.send
};

/// What a listener of ours is bound to, and what it tells clients.
struct door_listener {
  reactor::listen_address bind;
  listener_address advertised;
};

struct door_counters {
  uint64_t accepted = 0;
  uint64_t closed = 0;
  uint64_t refused = 0;      ///< connections closed for what they sent
  uint64_t turned_away = 0;  ///< connections closed at once: there were as many as may be
  uint64_t passed_on = 0;    ///< connections accepted here and served by another core
  uint64_t sends_from_files = 0;
  uint64_t sends_zero_copy = 0;
  uint64_t sends_copied = 0;  ///< of these, copied by the kernel all the same
};

class door {
 public:
  /// `shares` and `huge` are one for all doors of the process, and outlive them.
  door(reactor::core& on, broker::broker_core& broker, broker::catalog& catalog, broker::controller& controller,
       broker::group_coordinator& groups, reactor::connection_shares& shares, huge_frames& huge, door_options options);
  ~door();
  door(const door&) = delete;
  door& operator=(const door&) = delete;

  /// Listens; errors of the backend's listen. Fills in the ports that the kernel chose. `own`: this core's own listener,
  /// where cores are brokers; its connections stay here.
  base::result<void> open(std::vector<door_listener>& listeners, door_listener* own = nullptr);
  /// How many of the listeners open() came to, `own` the last. Where it failed, the last of them is the one.
  size_t tried() const noexcept { return acceptors_.size(); }
  /// The doors of all cores, each open with the same listeners, in order of cores. From now on a connection above this
  /// core's share goes to the core with the fewest before anything is read from it.
  void meet(std::vector<door*> doors);
  /// What clients are told of each core's own listener, by core; empty where they have none. Known once doors have met.
  const std::vector<listener_address>& core_addresses() const noexcept { return core_addresses_; }
  /// No new connections, and none is on its way to another core when it returns. Where doors have met, all of them have
  /// come so far before one closes.
  reactor::task<void> stop_accepting();
  /// Answers what is in flight and parked, for at most `limit`; then closes all.
  reactor::task<void> close(base::duration limit = base::seconds(4));
  /// Forgets all: the world's crash.
  void abandon() noexcept;

  reactor::core& on() noexcept { return core_; }
  broker::broker_core& broker() noexcept { return broker_; }
  /// The topics as of now; not kept across a wait.
  const broker::snapshot& topics() const noexcept { return catalog_.now(); }
  /// Administration, on core 0: its calls go there and come back.
  broker::controller& controller() noexcept { return controller_; }
  /// This core's; others are found through it.
  broker::group_coordinator& groups() noexcept { return groups_; }
  broker::producer_ids& producer_ids() noexcept { return producer_ids_; }
  const door_options& options() const noexcept { return options_; }
  const std::vector<door_listener>& listeners() const noexcept { return listeners_; }
  reactor::scope& background() noexcept { return *scope_; }
  door_counters& counters() noexcept { return counters_; }
  /// Of one API; the row is one of served_apis().
  request_counters& counted(const served_api& api) noexcept { return requests_[row_of(api)]; }
  /// By row of served_apis().
  std::span<const request_counters> requests() const noexcept { return requests_; }
  size_t connections() const noexcept { return connection_count_; }
  /// Memory of frames that are still arriving: a quarter of the core's buffers for large ones, an eighth for small ones,
  /// a share of the process's for huge ones.
  frame_room& frames() noexcept { return frames_; }
  /// What the requests of all connections hold; a connection says each change.
  const held_memory& held() const noexcept { return held_; }
  void change_held(const held_bytes& before, const held_bytes& now);
  /// The frame that went first is whole, or nothing more comes of it: now another one goes first.
  void first_frame_left() noexcept;
  exchange_pool<produce_exchange>& produces() noexcept { return produces_; }
  exchange_pool<fetch_exchange>& fetches() noexcept { return fetches_; }
  /// Those of this core's connections.
  fetch_session_cache& sessions() noexcept { return sessions_; }
  uint64_t batch_bytes_max() const noexcept { return batch_bytes_max_; }
  /// For batches opened, and packed again, within one turn.
  record::decompressor& unpacker() noexcept { return unpacker_; }
  record::compressor& packer() noexcept { return packer_; }
  /// For larger ones.
  opening_lane& quick_lane() noexcept { return quick_lane_; }
  opening_lane& long_lane() noexcept { return long_lane_; }
  /// What all connections together may check in one turn.
  turn_allowance& checks() noexcept { return checks_; }

 private:
  friend class connection;
  class acceptor;
  class passing;
  base::result<void> listen(door_listener& at);
  void accepted(int handle, size_t listener);
  static size_t row_of(const served_api& api) noexcept { return static_cast<size_t>(&api - served_apis().data()); }
  bool pass(int handle, size_t listener, base::core_id target);
  void begin(int handle, size_t listener);
  void turn_away(int handle);
  void note_too_large(connection& c, size_t bytes);
  reactor::task<void> serve(connection* c);
  void relieve();
  connection* wanted_away();
  /// Looks again whether who takes no answers must go.
  class relief_timer final : public reactor::timer {
   public:
    explicit relief_timer(door& d) : of_(d) {}
    void run(reactor::core&) override { of_.relieve(); }

   private:
    door& of_;
  };

  reactor::core& core_;
  broker::broker_core& broker_;
  broker::catalog& catalog_;
  broker::controller& controller_;
  broker::group_coordinator& groups_;
  broker::producer_ids producer_ids_;
  reactor::connection_shares& shares_;
  const door_options options_;
  std::vector<door_listener> listeners_;
  listener_address own_address_;
  std::vector<listener_address> core_addresses_;
  std::vector<std::unique_ptr<acceptor>> acceptors_;
  base::intrusive_list<connection, struct connection_tag> connections_;
  size_t connection_count_ = 0;
  std::vector<door*> doors_;                        // by core; empty until they have met
  std::vector<std::unique_ptr<passing>> passings_;  // all that were made
  std::vector<passing*> passings_free_;
  reactor::wait_list passed_;  // stop_accepting() waits here for them to come home
  base::instant turned_away_said_{};
  uint64_t turned_away_count_said_ = 0;
  base::instant too_large_said_{};
  bool closing_ = false;
  door_counters counters_;
  std::vector<request_counters> requests_;
  frame_room frames_;
  held_memory held_;
  relief_timer relief_;
  base::instant exhausted_since_{};
  const uint64_t batch_bytes_max_;
  record::decompressor unpacker_;
  record::compressor packer_;
  opening_lane quick_lane_;
  opening_lane long_lane_;
  turn_allowance checks_;
  fetch_session_cache sessions_;
  exchange_pool<produce_exchange> produces_;
  exchange_pool<fetch_exchange> fetches_;
  std::unique_ptr<reactor::scope> scope_;
};

}  // namespace millrace::api::kafka
