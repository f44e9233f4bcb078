#pragma once

#include <utility>

#include "reactor/call.hh"
#include "reactor/mailbox.hh"

/// A call of another core that first takes credit: for requests that clients may send as many of as
/// they like.

namespace millrace::broker {

/// As reactor::call_task_on; waits while `here` has as many calls outstanding at `target` as it
/// may.
template <class F>
reactor::task<typename reactor::detail::task_call<F>::value_type> bounded_call(reactor::core& here, reactor::mailbox& credit,
                                                                               base::core_id target, reactor::scope& there,
                                                                               F f) {
  while (!credit.try_take(target)) co_await credit.returned(target);
  auto answer = co_await reactor::call_task_on(here, target, there, std::move(f));
  credit.give_back(target);
  co_return std::move(answer);
}

/// As reactor::call_on, for functions that return something.
template <class F>
reactor::task<std::invoke_result_t<F&, reactor::core&>> bounded_plain_call(reactor::core& here, reactor::mailbox& credit,
                                                                           base::core_id target, F f) {
  while (!credit.try_take(target)) co_await credit.returned(target);
  auto answer = co_await reactor::call_on(here, target, std::move(f));
  credit.give_back(target);
  co_return std::move(answer);
}

}  // namespace millrace::broker
