#pragma once

#include <string>
#include <vector>

#include "reactor/probe_ring.hh"
#include "server/config.hh"

/// Mechanisms that the operator asked for by name, and what the kernel has of them. A broker that starts with the one that
/// every kernel has, and says so, is worth more than one that does not start, or whose answers fail one by one. Plain
/// functions.

namespace millrace::server {

/// Whether something is asked for that a kernel may lack: then it is worth asking the ring.
bool asks_for_mechanisms(const config& from);
/// Puts the plain mechanism in the place of each that this kernel does not offer; a line for each, for the operator. Says
/// nothing where there is no ring at all: the start says that.
std::vector<std::string> keep_what_is_offered(config& of, const reactor::ring_offers& ring);

}  // namespace millrace::server
