#include "server/start_problem.hh"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace millrace::server {

std::string reason_of(base::error why) {
  switch (why.code) {
    case base::errc::no_space:
      return "the disk is full";
    case base::errc::no_memory:
      return "too little memory";
    case base::errc::io:
    case base::errc::not_found:
      return why.detail > 0 ? std::strerror(why.detail) : "";
    default:
      return "";
  }
}

std::string cores_problem(base::error why) {
  const char* const said = why.detail > 0 ? std::strerror(why.detail) : base::name_of(why.code);
  switch (why.code) {
    case base::errc::unsupported:
      return fmt::format(
          "io_uring is refused ({}): Linux 6.1 or newer is needed, and nothing that forbids "
          "io_uring "
          "(kernel.io_uring_disabled, a container's seccomp profile); --probe says more",
          said);
    case base::errc::no_memory:
      return fmt::format(
          "the cores' memory or rings cannot be had ({}): see memory, and the limit of locked "
          "memory",
          said);
    case base::errc::invalid_config:
      return fmt::format("a core cannot be pinned to its CPU ({}): see cores", said);
    default:
      return fmt::format("the cores cannot be started: {}, {}", base::name_of(why.code), said);
  }
}

}  // namespace millrace::server
