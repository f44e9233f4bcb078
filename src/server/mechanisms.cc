#include "server/mechanisms.hh"

#include <fmt/format.h>

namespace millrace::server {

bool asks_for_mechanisms(const config& from) {
  return from.reactor_send == send_mechanism::zero_copy || from.reactor_cold_read == cold_read_mechanism::splice;
}

std::vector<std::string> keep_what_is_offered(config& of, const reactor::ring_offers& ring) {
  std::vector<std::string> warnings;
  if (!ring.made) return warnings;
  if (of.reactor_send == send_mechanism::zero_copy && !ring.zero_copy_send) {
    of.reactor_send = send_mechanism::copy;
    warnings.push_back(
        fmt::format("reactor.send: zerocopy is not to be had from this kernel's io_uring ({}): going on with copy",
                    ring.zero_copy_words));
  }
  if (of.reactor_cold_read == cold_read_mechanism::splice && !ring.splice) {
    of.reactor_cold_read = cold_read_mechanism::direct;
    warnings.push_back(
        fmt::format("reactor.cold_read: splice is not to be had from this kernel's io_uring ({}): going on with direct",
                    ring.splice_words));
  }
  return warnings;
}

}  // namespace millrace::server
