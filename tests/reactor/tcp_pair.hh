#pragma once

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace millrace::reactor::test {

/// A connected pair of TCP sockets on this machine, both blocking.
struct tcp_pair {
  tcp_pair() {
    const int door = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    REQUIRE(bind(door, reinterpret_cast<sockaddr*>(&at), size) == 0);
    REQUIRE(listen(door, 1) == 0);
    REQUIRE(getsockname(door, reinterpret_cast<sockaddr*>(&at), &size) == 0);
    near = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::connect(near, reinterpret_cast<sockaddr*>(&at), size) == 0);
    far = accept4(door, nullptr, nullptr, SOCK_CLOEXEC);
    REQUIRE(far >= 0);
    close(door);
  }
  int near = -1;
  int far = -1;
};

}  // namespace millrace::reactor::test
