#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "base/hash.hh"
#include "base/result.hh"
#include "reactor/core.hh"
#include "reactor/task.hh"

/// client: a cluster that speaks Kafka's protocol (Millrace, Apache Kafka, Redpanda), seen from one core: a connection to
/// each broker, who leads which partition, and who coordinates which group. Producer, consumer and admin stand on it.
/// Everything lives on the core that it was made for, and is closed before it dies.
///
///   client::client cluster(core, {.bootstrap = {{"127.0.0.1", 9092}}});
///   const auto up = co_await cluster.start();

namespace millrace::client {

class connection;

/// Where a broker is.
struct host_port {
  std::string host;
  uint16_t port = 0;
};

struct client_options {
  std::vector<host_port> bootstrap;  ///< any one of them is enough
  std::string client_id = "millrace";
  base::duration connect_timeout = base::seconds(10);
  base::duration request_timeout = base::seconds(30);
  /// Between attempts that failed: reconnects, and questions whose answer was "not yet".
  base::duration backoff_least = base::milliseconds(50);
  base::duration backoff_most = base::seconds(1);
  /// Makes a host numeric. Called on the core, so one that asks a name server holds the core up; the default knows
  /// numbers and "localhost". Errors: not_found.
  base::result<std::string> (*resolve)(const std::string& host) = nullptr;
};

struct partition_metadata {
  int32_t leader = -1;  ///< node id; -1: none now
  int32_t leader_epoch = -1;
};
struct topic_metadata {
  std::string name;
  std::vector<partition_metadata> partitions;  ///< by index
};

class client {
 public:
  client(reactor::core& on, client_options options);
  client(const client&) = delete;
  client& operator=(const client&) = delete;
  ~client();

  /// Reaches one of the bootstrap brokers and learns who else there is. Errors: of the last one tried.
  reactor::task<base::result<void>> start();
  /// Ends all connections; what is on the way fails.
  reactor::task<void> close();
  /// For a core that was abandoned.
  void abandon() noexcept;

  /// What is known of a topic, asked for where nothing is. Stays where it is; a refresh changes it. Errors: refused
  /// (Kafka's code), those of connections.
  reactor::task<base::result<const topic_metadata*>> topic(std::string name);
  /// Asks again. A topic without leaders is asked for until it has some, for as long as a request may take.
  reactor::task<base::result<void>> refresh(std::string name);
  /// Asks once. Where it is refused with LEADER_NOT_AVAILABLE, what is known of the other partitions is new all the same.
  reactor::task<base::result<void>> refresh_now(std::string name);
  const topic_metadata* known(std::string_view name) const;
  /// Who leads a partition, by what is known. Errors: refused, as a broker would: UNKNOWN_TOPIC_OR_PARTITION,
  /// LEADER_NOT_AVAILABLE.
  base::result<int32_t> leader_of(std::string_view topic, int32_t partition) const;

  /// An open connection to a broker. It may end while somebody else runs: look at it before each use. Errors: not_found (a
  /// broker that nobody named, or a name that does not resolve), those of connections.
  reactor::task<base::result<connection*>> to(int32_t node);
  /// To any of them, the controller where that is known.
  reactor::task<base::result<connection*>> any();
  /// To the coordinator of a group: one of its own, on which answers may wait for other members. Errors: refused.
  reactor::task<base::result<connection*>> coordinator(std::string group);

  reactor::core& on() noexcept { return core_; }
  const client_options& options() const noexcept { return options_; }
  std::string_view cluster_id() const noexcept { return cluster_id_; }
  size_t nodes() const noexcept { return nodes_.size(); }
  /// "HOST:PORT" of the connection that could not be opened last, and has not been since: the host as it was given or
  /// advertised, which may be a name that does not resolve. Empty: there is none. Good until the client goes on.
  const std::string& unreachable() const;

 private:
  reactor::task<base::result<void>> ask_metadata(const std::string* topic);
  reactor::task<base::result<void>> ask_metadata_once(const std::string* topic);
  reactor::task<base::result<connection*>> bootstrap();
  base::result<std::string> numeric(const std::string& host) const;
  enum class purpose : uint8_t { data, groups };
  /// A broker as it was named, and its numeric host; empty: the name does not resolve.
  struct broker_place {
    host_port named;
    std::string numeric;
  };
  struct unreached {
    const connection* link;  // null: the name does not resolve
    std::string name;
  };
  broker_place place_of(host_port named) const;
  void learn(int32_t node, host_port named);
  connection* link_to(const host_port& where, purpose what);
  reactor::task<base::result<connection*>> reach(broker_place where, purpose what);
  void note_reach(const connection* link, const host_port& named, bool open);
  void forget_unreached(const std::string& name);

  reactor::core& core_;
  const client_options options_;
  std::map<std::tuple<std::string, uint16_t, purpose>, std::unique_ptr<connection>> links_;  // by numeric address
  std::map<int32_t, broker_place> nodes_;
  std::vector<unreached> unreached_;  // in the order of their last failures
  int32_t controller_ = -1;
  std::string cluster_id_;
  std::unordered_map<std::string, std::unique_ptr<topic_metadata>, base::string_hash, std::equal_to<>> topics_;
};

/// An error in words, for a person: "refused by the broker: POLICY_VIOLATION", "connection refused".
std::string describe(base::error why);

}  // namespace millrace::client
