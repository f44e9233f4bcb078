#pragma once

#include <memory>
#include <string>
#include <vector>

#include "millrace/consumer.hh"

/// group_consumer: a member of a group. It shares the partitions of its topics with the other members, by Kafka's range
/// assignor, reads its share, and commits how far it has given it to its owner: at intervals, before it gives partitions
/// up, and at its end. So a record comes again only where a member dies.

namespace millrace::client {

struct group_options {
  std::string group;
  std::vector<std::string> topics;
  base::duration session_timeout = base::seconds(10);
  base::duration rebalance_timeout = base::seconds(30);
  base::duration heartbeat = base::seconds(1);
  base::duration commit_interval = base::seconds(5);
  bool from_begin = true;  ///< where the group has committed nothing; else at the end
};

class group_member;

class group_consumer {
 public:
  group_consumer(client& on, group_options options, consumer_options reading);
  group_consumer(const group_consumer&) = delete;
  group_consumer& operator=(const group_consumer&) = delete;
  ~group_consumer();

  /// Joins in the background, and again whenever it must. Errors: of the first attempt to find the coordinator.
  reactor::task<base::result<void>> start();
  /// As consumer::next.
  reactor::task<const fetched*> next();
  void interrupt();
  /// Whether it has its share; how often it got one; how many partitions that is.
  bool settled() const noexcept;
  uint64_t shares() const noexcept;
  size_t assigned() const noexcept;
  /// What went wrong last with the group, where it is not settled; else as consumer::trouble.
  std::optional<base::error> trouble() const noexcept;
  /// Commits, leaves, ends. Before the client closes.
  reactor::task<void> close();
  void abandon() noexcept;

 private:
  std::unique_ptr<group_member> member_;
};

}  // namespace millrace::client
