#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "support.hh"
#include "tcp_pair.hh"

/// Sends without a copy, on this machine's own sockets.

namespace millrace::reactor {
namespace {

using test::counted_op;
using test::tcp_pair;
using test::turns_until;

/// Notes at each run what it knew.
struct zero_copy_send final : op {
  zero_copy_send(int to, const std::vector<iovec>& pieces) : op(op_kind::send) {
    zero_copy = true;
    handle = to;
    iov = pieces.data();
    iov_count = static_cast<uint32_t>(pieces.size());
  }
  void run(core&) override {
    ++runs;
    if (in_flight) CHECK(sent);
  }
  bool released() const { return runs > 0 && !in_flight && !linked(); }
  int runs = 0;
};

TEST_CASE("uring: a zero-copy send answers sent, then released, and its bytes arrive; on loopback they were copied") {
  auto world = test::one_core();
  core& on = world->on();
  tcp_pair ends;
  std::vector<char> bytes(size_t{3} << 20);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 >> 7);
  const std::vector<iovec> pieces{{bytes.data(), 100}, {bytes.data() + 100, bytes.size() - 100}};
  zero_copy_send sending(ends.near, pieces);
  std::vector<char> got(bytes.size());
  size_t have = 0;
  for (int round = 0; round < 3; ++round) {
    sending.runs = 0;
    have = 0;
    on.submit(sending);
    turns_until(on, [&] {
      const ssize_t n = recv(ends.far, got.data() + have, got.size() - have, MSG_DONTWAIT);
      if (n > 0) have += static_cast<size_t>(n);
      return have == got.size() && sending.released();
    });
    CHECK(sending.result == static_cast<int64_t>(bytes.size()));
    CHECK(sending.runs >= 1);
    CHECK(sending.runs <= 2);
    CHECK(sending.sent);
    CHECK(sending.copied);
    CHECK(got == bytes);
  }
  CHECK(world->effects().counters().sends_zero_copy >= 3);
  CHECK(world->effects().counters().sends_copied >= 3);
  CHECK(world->effects().in_kernel() == 0);
  close(ends.near);
  close(ends.far);
}

TEST_CASE("uring: a zero-copy send on a socket that cannot becomes a plain one, and says that it copied") {
  auto world = test::one_core();
  core& on = world->on();
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  char bytes[] = "twelve bytes";
  const std::vector<iovec> pieces{{bytes, 12}};
  zero_copy_send sending(ends[0], pieces);
  on.submit(sending);
  turns_until(on, [&] { return sending.released(); });
  CHECK(sending.result == 12);
  CHECK(sending.copied);
  char got[12];
  CHECK(read(ends[1], got, sizeof got) == 12);
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("uring: a zero-copy send that fails, or is cancelled before or in the kernel, still releases its memory") {
  auto world = test::one_core();
  core& on = world->on();
  tcp_pair ends;
  std::vector<char> bytes(size_t{16} << 20);
  const std::vector<iovec> pieces{{bytes.data(), bytes.size()}};
  zero_copy_send sending(ends.near, pieces);
  SUBCASE("cancelled in the same turn") {
    on.submit(sending);
    on.cancel(sending);
    turns_until(on, [&] { return sending.released(); });
    CHECK(sending.result == -ECANCELED);
  }
  SUBCASE("cancelled while the peer does not read") {
    on.submit(sending);
    for (int i = 0; i < 5; ++i) on.turn(base::milliseconds(5));
    CHECK(sending.runs == 0);
    on.cancel(sending);
    turns_until(on, [&] { return sending.runs > 0; });
    on.cancel(sending);  // sent: nothing happens
    // What is in the kernel's queue goes with the socket.
    counted_op ending(op_kind::shutdown);
    ending.handle = ends.near;
    ending.flags = shutdown_reset;
    on.submit(ending);
    turns_until(on, [&] { return ending.runs == 1; });
    close(std::exchange(ends.near, -1));
    turns_until(on, [&] { return sending.released(); });
    CHECK(sending.result < 0);
  }
  SUBCASE("the peer resets") {
    on.submit(sending);
    for (int i = 0; i < 5; ++i) on.turn(base::milliseconds(5));
    const linger none{1, 0};
    REQUIRE(setsockopt(ends.far, SOL_SOCKET, SO_LINGER, &none, sizeof none) == 0);
    close(std::exchange(ends.far, -1));
    turns_until(on, [&] { return sending.released(); });
    CHECK(sending.result < 0);
  }
  CHECK(world->effects().in_kernel() == 0);
  close(ends.near);
  close(ends.far);
}

}  // namespace
}  // namespace millrace::reactor
