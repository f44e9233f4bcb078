#pragma once

#include <coroutine>
#include <string>

#include "broker/group/group_words.hh"
#include "reactor/backend.hh"
#include "reactor/core.hh"

/// A JoinGroup or SyncGroup on its way: it goes to the core that coordinates its group, may stay there for as long as other
/// members take, and comes home with the answer. It takes no credit, since nobody else may wait for what members choose to
/// wait for; how many there are is bounded by the connections, each of which has one at a time.

namespace millrace::broker {

class group_coordinator;

/// Awaited at home: await_suspend sends it off. Its memory is its maker's frame, which stays until it is back.
class parked_call : public reactor::mail {
 public:
  parked_call(reactor::core& here, group_coordinator& there, base::core_id owner, std::string group);
  ~parked_call() override;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> caller);
  void await_resume() const noexcept {}
  /// At home, from any time before it is awaited to when it is back: its connection ends, and it should come home soon.
  void hurry();

  void run(reactor::core& on) final;
  const char* what() const noexcept override { return "group call"; }

  // ---- the coordinator's, on its core

  const std::string group;  ///< read there while its maker waits
  group_waiter waiter{0};   ///< its name while it waits there
  virtual void fail(group_error why) = 0;
  /// The answer is in it: goes home.
  void go_home();

 protected:
  virtual void begin(group_coordinator& there) = 0;

 private:
  /// Follows it to end the wait.
  class nudge final : public reactor::mail {
   public:
    explicit nudge(parked_call& of) : of_(of) {}
    void run(reactor::core& on) override;
    const char* what() const noexcept override { return "group call's end"; }
    bool out = false;  // home core's
    bool returning = false;

   private:
    parked_call& of_;
  };
  void came_home();

  reactor::core& here_;  // touched at home only, as the caller is
  const base::core_id home_;
  const base::core_id owner_;
  group_coordinator& there_;  // touched on the owner only
  std::coroutine_handle<> caller_;
  bool hurried_ = false;  // home's
  bool out_ = false;      // home's
  bool answered_ = false;
  enum class stage : uint8_t { to_come, begun, ended } stage_ = stage::to_come;  // the owner's
  bool unwanted_ = false;                                                        // the owner's
  nudge nudge_;
};

/// One kind of request, and its answer.
template <class Request, class Answer>
class waiting_call final : public parked_call {
 public:
  waiting_call(reactor::core& here, group_coordinator& there, base::core_id owner, std::string group, Request request)
      : parked_call(here, there, owner, std::move(group)), request(std::move(request)) {}
  Request request;
  Answer answer;
  void fail(group_error why) override { answer.error = why; }

 protected:
  void begin(group_coordinator& there) override;
};
using join_call = waiting_call<join_request, join_answer>;
using sync_call = waiting_call<sync_request, sync_answer>;

}  // namespace millrace::broker
