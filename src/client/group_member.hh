#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/connection.hh"
#include "client/range_assignor.hh"
#include "millrace/group_consumer.hh"
#include "reactor/scope.hh"

/// The inside of a group_consumer. live() is its life: join, get a share, read and beat, begin anew when the group does.
/// group_member.cc holds that, group_calls.cc the requests.

namespace millrace::client {

class group_member {
 public:
  group_member(client& on, group_options options, consumer_options reading);

  reactor::task<base::result<void>> start();
  reactor::task<void> close();
  void abandon() noexcept;

  consumer& reading() noexcept { return consumer_; }
  bool settled() const noexcept { return settled_; }
  uint64_t shares() const noexcept { return shares_; }
  size_t assigned() const noexcept { return share_.size(); }
  std::optional<base::error> trouble() const noexcept { return trouble_ ? trouble_ : consumer_.trouble(); }

 private:
  reactor::task<void> live();
  reactor::task<base::result<void>> settle();
  reactor::task<base::result<void>> dwell();
  reactor::task<base::result<void>> give_up_share();
  void note(int16_t code);

  // group_calls.cc
  reactor::task<base::result<void>> join();
  reactor::task<base::result<void>> sync();
  reactor::task<base::result<std::vector<group_share>>> deal();
  reactor::task<base::result<void>> take_share(base::bytes assignment);
  reactor::task<base::result<void>> fetch_offsets(std::vector<start_position>* share);
  reactor::task<base::result<void>> heartbeat();
  reactor::task<base::result<void>> commit(std::vector<start_position> positions);
  reactor::task<void> leave();

  client& client_;
  reactor::core& core_;
  const group_options options_;
  consumer consumer_;
  connection* link_ = nullptr;
  std::string id_;
  int32_t generation_ = -1;
  std::string protocol_;
  std::vector<group_subscription> members_;  // where it is the leader
  std::vector<start_position> share_;
  bool settled_ = false;
  uint64_t shares_ = 0;
  std::optional<base::error> trouble_;
  bool closing_ = false;
  reactor::scope tasks_;
};

}  // namespace millrace::client
