#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/kafka/door.hh"

/// Listeners are opened with numeric addresses: names are looked up once, before the cores run,
/// because asking a name server waits.

namespace millrace::server {

/// Replaces each host that listeners bind by an address of it; none means all interfaces. What
/// clients are told stays. Returns a line for each that has no address.
std::vector<std::string> resolve(std::vector<api::kafka::door_listener>& listeners);
/// The same for the one address of the setting `key`.
std::vector<std::string> resolve(std::string_view key, reactor::listen_address& where);

}  // namespace millrace::server
