#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "support.hh"
#include "tcp_pair.hh"

/// Ranges of files, sent to this machine's own sockets.

namespace millrace::reactor {
namespace {

using test::counted_op;
using test::tcp_pair;
using test::turns_until;

struct counted_send_file final : send_file_op {
  int runs = 0;
  void run(core&) override { ++runs; }
};

/// A file with bytes that tell their place.
struct whole_file {
  explicit whole_file(const std::string& path, size_t size) : bytes(size) {
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 131 >> 9);
    descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    REQUIRE(descriptor >= 0);
    REQUIRE(write(descriptor, bytes.data(), bytes.size()) == static_cast<ssize_t>(size));
  }
  ~whole_file() { close(descriptor); }
  std::vector<char> bytes;
  int descriptor = -1;
};

/// A ring and such a file.
struct fixture {
  explicit fixture(size_t size) : file(directory.of("file"), size) {}
  void aim(send_file_op& op, int socket, uint64_t position, uint64_t length) const {
    op.handle = socket;
    op.file = file.descriptor;
    op.position = position;
    op.length = length;
  }
  const test::temporary_directory directory;
  const whole_file file;
  decltype(test::one_core()) world = test::one_core();
  core& on = world->on();
};

TEST_CASE("uring: send_file sends ranges of a file whole, from any byte, to a reader that comes late") {
  fixture f(size_t{9} << 20);
  core& on = f.on;
  tcp_pair ends;
  struct row {
    uint64_t position;
    uint64_t length;
  };
  const row rows[] = {{0, 1},       {100, 1 << 20},       {4095, 262145}, {1, (8 << 20) + 77},
                      {4096, 4096}, {(9 << 20) - 10, 10}, {0, 9 << 20},   {5, 0}};
  counted_send_file sending;
  for (const row& r : rows) {
    CAPTURE(r.position);
    CAPTURE(r.length);
    sending.runs = 0;
    f.aim(sending, ends.near, r.position, r.length);
    on.submit(sending);
    for (int i = 0; i < 10; ++i) on.turn(base::milliseconds(1));
    std::vector<char> got(r.length);
    size_t have = 0;
    turns_until(on, [&] {
      const ssize_t n = recv(ends.far, got.data() + have, std::min<size_t>(got.size() - have, 300'000), MSG_DONTWAIT);
      if (n > 0) have += static_cast<size_t>(n);
      return have == got.size() && sending.runs == 1;
    });
    CHECK(sending.result == static_cast<int64_t>(r.length));
    CHECK(std::equal(got.begin(), got.end(), f.file.bytes.begin() + static_cast<ptrdiff_t>(r.position)));
  }
  CHECK(f.world->effects().in_kernel() == 0);
  close(ends.near);
  close(ends.far);
}

TEST_CASE("uring: send_file ends with an error where the file is too short, the socket gone or shut down") {
  fixture f(size_t{16} << 20);
  core& on = f.on;
  tcp_pair ends;
  counted_send_file sending;
  f.aim(sending, ends.near, 0, f.file.bytes.size());
  SUBCASE("too short") {
    sending.position = f.file.bytes.size() - 1000;
    sending.length = 2000;
    on.submit(sending);
    turns_until(on, [&] { return sending.runs == 1; });
    CHECK(sending.result == -EIO);
  }
  SUBCASE("no file") {
    sending.file = 999'999;
    on.submit(sending);
    turns_until(on, [&] { return sending.runs == 1; });
    CHECK(sending.result == -EBADF);
  }
  SUBCASE("shut down while the peer does not read; a cancel does nothing") {
    on.submit(sending);
    for (int i = 0; i < 50; ++i) on.turn(base::milliseconds(1));
    CHECK(sending.runs == 0);
    on.cancel(sending);
    for (int i = 0; i < 5; ++i) on.turn(base::milliseconds(1));
    CHECK(sending.runs == 0);
    counted_op ending(op_kind::shutdown);
    ending.handle = ends.near;
    on.submit(ending);
    turns_until(on, [&] { return sending.runs == 1 && ending.runs == 1; });
    CHECK(sending.result < 0);
    // What was in the pipe goes to nobody else.
    tcp_pair others;
    counted_send_file next;
    f.aim(next, others.near, 12345, 100);
    on.submit(next);
    turns_until(on, [&] { return next.runs == 1; });
    char got[101];
    CHECK(recv(others.far, got, sizeof got, MSG_DONTWAIT) == 100);
    CHECK(std::memcmp(got, f.file.bytes.data() + 12345, 100) == 0);
    close(others.near);
    close(others.far);
  }
  SUBCASE("reset by the peer") {
    on.submit(sending);
    for (int i = 0; i < 20; ++i) on.turn(base::milliseconds(1));
    const linger none{1, 0};
    REQUIRE(setsockopt(ends.far, SOL_SOCKET, SO_LINGER, &none, sizeof none) == 0);
    close(std::exchange(ends.far, -1));
    turns_until(on, [&] { return sending.runs == 1; });
    CHECK(sending.result < 0);
  }
  CHECK(f.world->effects().in_kernel() == 0);
  close(ends.near);
  close(ends.far);
}

TEST_CASE("uring: send_file to a peer that does not read holds up no other") {
  fixture f(size_t{16} << 20);
  core& on = f.on;
  tcp_pair slow;
  // Room for less than a piece: what is spliced into it would wait for the rest of the room.
  const int little = 32 << 10;
  REQUIRE(setsockopt(slow.near, SOL_SOCKET, SO_SNDBUF, &little, sizeof little) == 0);
  REQUIRE(setsockopt(slow.far, SOL_SOCKET, SO_RCVBUF, &little, sizeof little) == 0);
  counted_send_file stuck;
  f.aim(stuck, slow.near, 0, f.file.bytes.size());
  on.submit(stuck);
  for (int i = 0; i < 20; ++i) on.turn(base::milliseconds(1));
  CHECK(stuck.runs == 0);
  tcp_pair others;
  counted_send_file next;
  f.aim(next, others.near, 777, 10'000);
  std::vector<char> got(next.length);
  for (int i = 0; i < 5; ++i) {
    next.runs = 0;
    next.position = 777;
    next.length = got.size();
    on.submit(next);
    turns_until(on, [&] { return next.runs == 1; });
    CHECK(next.result == static_cast<int64_t>(got.size()));
    CHECK(recv(others.far, got.data(), got.size(), MSG_WAITALL) == static_cast<ssize_t>(got.size()));
    CHECK(std::equal(got.begin(), got.end(), f.file.bytes.begin() + 777));
    // Some room, less than a piece.
    size_t have = 0;
    turns_until(on, [&] {
      char some[5000];
      const ssize_t n = recv(slow.far, some, sizeof some, MSG_DONTWAIT);
      if (n > 0) have += static_cast<size_t>(n);
      return have > 40'000;
    });
  }
  CHECK(stuck.runs == 0);
  counted_op ending(op_kind::shutdown);
  ending.handle = slow.near;
  on.submit(ending);
  turns_until(on, [&] { return stuck.runs == 1 && ending.runs == 1; });
  CHECK(stuck.result < 0);
  for (const int socket : {slow.near, slow.far, others.near, others.far}) close(socket);
}

TEST_CASE("uring: send_file where no pipe can be made fails, and works when one can") {
  fixture f(5000);
  core& on = f.on;
  tcp_pair ends;
  counted_send_file sending;
  f.aim(sending, ends.near, 0, 5000);
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  for (int i = 1; i <= 3; ++i) {
    on.submit(sending);
    turns_until(on, [&] { return sending.runs == i; });
    CHECK(sending.result == -EMFILE);
  }
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  on.submit(sending);
  turns_until(on, [&] { return sending.runs == 4; });
  CHECK(sending.result == 5000);
  close(ends.near);
  close(ends.far);
}

}  // namespace
}  // namespace millrace::reactor
