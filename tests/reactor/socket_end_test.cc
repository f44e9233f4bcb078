#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "reactor/socket.hh"
#include "support.hh"
#include "tcp_pair.hh"

/// One direction of a connection ends before the other.

namespace millrace::reactor {
namespace {

task<void> end_one_way(core& on, const test::tcp_pair& ends) {
  socket own(on, ends.near);
  std::string words = "last words";
  const iovec piece{words.data(), words.size()};
  const int sent = co_await own.send(std::span<const iovec>(&piece, 1));
  CHECK(sent == 0);
  co_await own.end_sending();
  char room[64];
  const ssize_t heard = recv(ends.far, room, sizeof room, MSG_WAITALL);  // until the end
  CHECK(std::string(room, static_cast<size_t>(heard)) == words);
  CHECK(send(ends.far, "answer", 6, 0) == 6);
  const socket::received got = co_await own.receive();
  REQUIRE(got.buffer != nullptr);
  CHECK(std::memcmp(got.buffer->data, "answer", 6) == 0);
  own.give_back(*got.buffer);
  co_await own.end_sending();  // again: nothing happens
  co_await own.close();
}

TEST_CASE("socket: who ends sending is heard to its last byte, and still receives") {
  auto world = test::one_core();
  const test::tcp_pair ends;
  world->run(end_one_way(world->on(), ends));
  CHECK(world->effects().in_kernel() == 0);
  close(ends.far);
}

}  // namespace
}  // namespace millrace::reactor
