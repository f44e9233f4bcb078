#pragma once

#include <string>
#include <string_view>

#include "api/kafka/door.hh"
#include "broker/catalog/bounded_call.hh"
#include "broker/group/group_coordinator.hh"
#include "broker/group/parked_call.hh"

/// How handlers ask a group's coordinator, which lives on the core that owns the group's partition of `__consumer_offsets`.

namespace millrace::api::kafka {

/// The core that coordinates a group; nothing where there is no `__consumer_offsets`: nobody does (NOT_COORDINATOR), and the
/// client asks FindCoordinator, which makes it.
inline std::optional<base::core_id> coordinator_of(door& d, std::string_view group) {
  const auto place = broker::place_of_group(d.topics(), group);
  if (!place) return std::nullopt;
  return place->owner;
}

/// Runs f(group_coordinator&) there, and yields what it returns.
template <class F>
auto ask_coordinator(door& d, base::core_id owner, F f) {
  broker::group_coordinator* const there = &d.groups().of(owner);
  auto work = [there, f = std::move(f)](reactor::core&) mutable { return f(*there); };
  return broker::bounded_plain_call(d.on(), d.controller().calls_of(d.on()), owner, std::move(work));
}

/// The same for functions whose answer takes time: f returns task<base::result<T>>. Errors: closed, where the broker stops.
template <class F>
auto task_coordinator(door& d, base::core_id owner, F f) {
  broker::group_coordinator* const there = &d.groups().of(owner);
  auto work = [there, f = std::move(f)](reactor::core&) mutable { return f(*there); };
  return broker::bounded_call(d.on(), d.controller().calls_of(d.on()), owner, there->background(), std::move(work));
}

/// A text that a message has from some version on, to own.
inline std::optional<std::string> owned(const std::optional<std::string_view>& text) {
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

}  // namespace millrace::api::kafka
