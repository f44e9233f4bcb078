#pragma once

#include <map>
#include <vector>

#include "api/kafka/door.hh"
#include "broker/catalog/bounded_call.hh"

/// Questions about partitions that are neither appends nor reads: asked where the partitions live.

namespace millrace::api::kafka {

/// What is asked of one partition; requests derive theirs from it and add what comes back. The core
/// that owns the partition fills it while the request waits.
struct partition_question {
  storage::log_id id;
  base::core_id owner{0};
  bool failed = false;
  base::error why{};

  void fail(base::error e) {
    failed = true;
    why = e;
  }
  void fail(base::errc e) { fail(base::error{e, 0, 0}); }
};

/// Puts every question that has not failed to its owner, one core after the other. `answer` is a
/// coroutine function; it runs on the owner with that core's questions.
template <class Question>
reactor::task<void> ask_owners(door& d, std::vector<Question>& questions,
                               reactor::task<base::result<void>> (*answer)(broker::broker_core*, std::vector<Question*>)) {
  std::map<base::core_id, std::vector<Question*>> by_owner;
  for (Question& q : questions) {
    if (!q.failed) by_owner[q.owner].push_back(&q);
  }
  for (auto& [owner, asked] : by_owner) {
    broker::broker_core* there = &d.controller().broker_of(owner);
    auto work = [there, answer, asked = asked](reactor::core&) mutable { return answer(there, std::move(asked)); };
    const auto done =
        co_await broker::bounded_call(d.on(), d.controller().calls_of(d.on()), owner, there->background(), std::move(work));
    if (done) continue;
    for (Question* q : asked) q->fail(done.error());
  }
}

}  // namespace millrace::api::kafka
