#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wire/kafka/messages/join_group.hh"
#include "workload/offset_question.hh"
#include "workload/workers.hh"

/// A consumer as its group sees it: it joins, gets its share, sends heartbeats, commits rising offsets of what it owns and
/// asks for them, leaves or vanishes, and comes back. What it would read does not matter here.
///
/// Commits of one partition must reach the log in the order of their offsets, else nobody could say what a later fetch must
/// answer. Among members the generation sees to that. A commit whose connection was lost may still lie before the broker
/// when the same member sends the next one: so after such a loss it does not go on in its generation.

namespace millrace::swarm {

class member final : public worker {
 public:
  using worker::worker;
  /// Before it runs: `number` is its own in the group.
  void be_of(group_model& group, unsigned number);
  reactor::task<void> run() override;

 private:
  enum class phase { joining, syncing, inside };
  struct owned_partition {
    topic_ref topic;
    int32_t partition;
  };

  // member.cc: what it does next
  reactor::task<bool> next();
  base::duration think_most() const;
  reactor::task<bool> live();
  reactor::task<void> stay_away();
  reactor::task<void> lose_connection();
  void rejoin();
  void come_back_as_another();
  void say_something_else();
  bool misses_topics() const;
  void refused_by_group(const char* what, int32_t generation, int16_t code, base::instant since);

  // member_calls.cc: how it gets in and out. False: the connection is of no use
  template <class Response, class Request>
  reactor::task<std::optional<answer<Response>>> ask(const Request* request, int16_t version, const char* what);
  reactor::task<bool> find_coordinator();
  reactor::task<bool> join();
  void joined(const wire::kafka::join_group_response& answer, int32_t floor);
  std::vector<uint8_t> subscription();
  reactor::task<bool> sync();
  std::vector<std::vector<uint8_t>> deal();
  void assigned(base::bytes assignment);
  reactor::task<bool> heartbeat(int32_t generation);
  reactor::task<bool> leave();

  // member_offsets.cc
  reactor::task<bool> commit(int32_t generation);
  reactor::task<bool> fetch();
  std::vector<asked_offset> some_of_mine(double part);
  void find_topics();

  std::string owner() const { return instance_ ? "instance " + *instance_ : id_; }
  int16_t version(int16_t least, int16_t most) { return static_cast<int16_t>(random_.between(least, most)); }
  std::optional<std::string_view> instance() const {
    return instance_ ? std::optional<std::string_view>(*instance_) : std::nullopt;
  }

  group_model* group_ = nullptr;
  unsigned number_ = 0;
  std::optional<std::string> instance_;  ///< a static member's
  base::duration session_{};
  base::duration rebalance_{};

  phase phase_ = phase::joining;
  bool retired_ = false;            ///< it left, and does not come back
  bool found_coordinator_ = false;  ///< since something spoke against it
  std::string id_;                  ///< empty: none
  uint32_t revision_ = 0;           ///< of what it says about itself: another one makes the group rebalance
  bool commit_is_out_ = false;      ///< no answer yet
  int32_t generation_ = -1;
  std::string protocol_;
  std::vector<std::string> dealt_to_;  ///< the members, where it is the leader and must assign
  std::vector<owned_partition> owned_;
  bool fetch_first_ = false;  ///< before it commits: in a new generation, and on a new connection
};

}  // namespace millrace::swarm
