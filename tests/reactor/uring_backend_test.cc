#include "reactor/uring_backend/uring_backend.hh"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "support.hh"

namespace millrace::reactor {
namespace {

using test::counted_op;
using test::turns_until;

struct counted_receive final : receive_op {
  int runs = 0;
  void run(core&) override { ++runs; }
};
struct counted_accept final : accept_op {
  int runs = 0;
  void run(core&) override { ++runs; }
};

TEST_CASE("uring: an op completes once, through poll, and not before") {
  const test::temporary_directory directory;
  auto world = test::one_core();
  core& on = world->on();
  const std::string path = directory.of("file");
  counted_op opening(op_kind::open);
  opening.path = path.c_str();
  opening.flags = open_write | open_create;
  on.submit(opening);
  CHECK(opening.in_flight);
  CHECK(opening.runs == 0);
  turns_until(on, [&] { return opening.runs == 1; });
  CHECK_FALSE(opening.in_flight);
  REQUIRE(opening.result >= 0);
  counted_op writing(op_kind::write);
  writing.handle = static_cast<int>(opening.result);
  const iovec piece{const_cast<char*>("abc"), 3};
  writing.iov = &piece;
  writing.iov_count = 1;
  writing.durable = true;
  on.submit(writing);
  on.cancel(writing);  // never: a write is not taken back
  turns_until(on, [&] { return writing.runs == 1; });
  CHECK(writing.result == 3);
  counted_op closing(op_kind::close);
  closing.handle = static_cast<int>(opening.result);
  on.submit(closing);
  turns_until(on, [&] { return closing.runs == 1; });
  CHECK(closing.result == 0);
  // The same op may go again, and a closed handle is an error.
  on.submit(closing);
  turns_until(on, [&] { return closing.runs == 2; });
  CHECK(closing.result == -EBADF);
  on.cancel(closing);  // not in flight: nothing happens
  CHECK(world->effects().in_kernel() == 0);
}

/// Entries that the kernel was given for one write.
uint64_t entries_of_write(solo& world, int handle, bool durable) {
  core& on = world.on();
  const uint64_t before = world.effects().counters().submissions;
  counted_op writing(op_kind::write);
  writing.handle = handle;
  const iovec piece{const_cast<char*>("abc"), 3};
  writing.iov = &piece;
  writing.iov_count = 1;
  writing.durable = durable;
  on.submit(writing);
  turns_until(on, [&] { return writing.runs == 1; });
  CHECK(writing.result == 3);
  return world.effects().counters().submissions - before;
}

TEST_CASE("uring: a durable write never goes with so few entries that the kernel may wait for its flush in the call") {
  const test::temporary_directory directory;
  auto world = test::one_core();
  const int handle = open(directory.of("file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(handle >= 0);
  world->on().turn(base::duration{});
  CHECK(entries_of_write(*world, handle, true) == 3);
  CHECK(entries_of_write(*world, handle, false) == 1);
  CHECK(entries_of_write(*world, handle, true) == 3);
  close(handle);
  CHECK(world->effects().in_kernel() == 0);
}

TEST_CASE("uring: cancel ends a receive and an accept once, also before the kernel has them") {
  auto world = test::one_core();
  core& on = world->on();
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  counted_receive receive;
  receive.handle = ends[0];
  SUBCASE("after a turn") {
    on.submit(receive);
    on.turn(base::duration{});
    CHECK(receive.armed);
    on.cancel(receive);
    on.cancel(receive);
  }
  SUBCASE("in the same turn") {
    on.submit(receive);
    on.cancel(receive);
  }
  turns_until(on, [&] { return !receive.in_flight; });
  turns_until(on, [&] { return receive.runs == 1; });
  CHECK(receive.result == -ECANCELED);
  CHECK_FALSE(receive.armed);
  const base::result<listening> door = world->effects().listen({.host = "127.0.0.1", .port = 0});
  REQUIRE(door.ok());
  counted_accept accept;
  accept.handle = door->handle;
  on.submit(accept);
  on.turn(base::duration{});
  on.cancel(accept);
  turns_until(on, [&] { return !accept.in_flight; });
  CHECK(accept.result == -ECANCELED);
  close(door->handle);
  close(ends[0]);
  close(ends[1]);
  on.turn(base::duration{});
  CHECK(world->effects().in_kernel() == 0);
}

TEST_CASE("uring: one who takes all receive buffers starves the others only until he gives them back") {
  auto world = test::one_core();
  core& on = world->on();
  int greedy[2];
  int modest[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, greedy) == 0);
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, modest) == 0);
  counted_receive all;
  counted_receive other;
  all.handle = greedy[0];
  other.handle = modest[0];
  on.submit(all);
  on.turn(base::duration{});
  const std::vector<char> bytes(16384, 'g');
  size_t sent = 0;
  REQUIRE(fcntl(greedy[1], F_SETFL, O_NONBLOCK) == 0);
  size_t taken = 0;
  std::vector<lent_buffer*> lent;
  const auto take_all = [&] {
    while (!all.arrived.empty()) {
      lent.push_back(&all.arrived.pop_front());
      taken += lent.back()->size;
    }
  };
  // Every buffer, and some bytes more.
  for (int i = 0; i < 400 && all.in_flight; ++i) {
    const ssize_t n = write(greedy[1], bytes.data(), bytes.size());
    if (n > 0) sent += static_cast<size_t>(n);
    on.turn(base::milliseconds(1));
    take_all();
  }
  CHECK(all.result == -ENOBUFS);
  CHECK(lent.size() == 16);
  CHECK(world->effects().counters().receives_starved >= 1);
  on.turn(base::duration{});  // it runs, and only then may be submitted again
  on.submit(other);
  on.submit(all);
  on.turn(base::duration{});
  CHECK_FALSE(other.armed);
  REQUIRE(write(modest[1], "hello", 5) == 5);
  for (lent_buffer* b : lent) world->effects().give_back(*b);
  lent.clear();
  turns_until(on, [&] { return !other.arrived.empty(); });
  CHECK(other.arrived.front().size == 5);
  world->effects().give_back(other.arrived.pop_front());
  close(greedy[1]);
  turns_until(on, [&] {
    take_all();
    for (lent_buffer* b : lent) world->effects().give_back(*b);
    lent.clear();
    const bool ended = !all.in_flight && !all.linked();
    if (ended && all.result != 0) on.submit(all);
    return !all.in_flight && all.result == 0;
  });
  CHECK(taken == sent);
  CHECK(all.result == 0);
  on.cancel(other);
  turns_until(on, [&] { return !other.in_flight; });
  close(greedy[0]);
  close(modest[0]);
  close(modest[1]);
}

TEST_CASE("uring: an accept that nobody empties holds 64, keeps the others, and gives them in order") {
  auto world = test::one_core();
  core& on = world->on();
  const base::result<listening> door = world->effects().listen({.host = "127.0.0.1", .port = 0});
  REQUIRE(door.ok());
  counted_accept accept;
  accept.handle = door->handle;
  on.submit(accept);
  on.turn(base::duration{});
  constexpr unsigned many = 150;
  std::vector<std::unique_ptr<counted_op>> connecting;
  for (unsigned i = 0; i < many; ++i) {
    connecting.push_back(std::make_unique<counted_op>(op_kind::connect));
    connecting.back()->path = "127.0.0.1";
    connecting.back()->port = door->port;
    on.submit(*connecting.back());
    on.turn(base::duration{});
  }
  turns_until(on, [&] { return connecting.back()->runs == 1 && accept.count == accept_op::capacity; });
  std::vector<int> got;
  turns_until(on, [&] {
    while (accept.count > 0) {
      got.push_back(accept.accepted[accept.begin]);
      accept.begin = (accept.begin + 1) % accept_op::capacity;
      --accept.count;
    }
    return got.size() == many;
  });
  on.cancel(accept);
  turns_until(on, [&] { return !accept.in_flight; });
  for (unsigned i = 0; i < many; ++i) {
    REQUIRE(connecting[i]->result >= 0);
    if (i > 0) CHECK(got[i] > got[i - 1]);
    close(static_cast<int>(connecting[i]->result));
    close(got[i]);
  }
  close(door->handle);
}

TEST_CASE(
    "uring: a turn hands over sends up to its bytes, the rest in the turns after; more pieces than "
    "one call takes") {
  uring_options options = test::small_ring();
  options.send_bytes_per_turn = 4096;
  auto world = test::one_core(options);
  core& on = world->on();
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  std::vector<char> bytes(3000, 'b');
  std::vector<iovec> pieces;
  for (char& b : bytes) pieces.push_back({&b, 1});
  std::vector<std::unique_ptr<counted_op>> sends;
  for (int i = 0; i < 3; ++i) {
    sends.push_back(std::make_unique<counted_op>(op_kind::send));
    sends.back()->handle = ends[0];
    sends.back()->iov = pieces.data();
    sends.back()->iov_count = static_cast<uint32_t>(pieces.size());
    on.submit(*sends.back());
  }
  on.cancel(*sends[2]);  // not begun: comes back at once
  on.turn(base::duration{});
  CHECK(world->effects().counters().bytes_sent < 6000);
  turns_until(on, [&] { return sends[0]->runs == 1 && sends[1]->runs == 1 && sends[2]->runs == 1; });
  CHECK(sends[0]->result == 3000);
  CHECK(sends[1]->result == 3000);
  CHECK(sends[2]->result == -ECANCELED);
  CHECK(world->effects().counters().bytes_sent == 6000);
  std::vector<char> got(6001);
  CHECK(read(ends[1], got.data(), got.size()) == 6000);
  close(ends[0]);
  close(ends[1]);
}

/// A pair of connected sockets with an op at its near end.
template <class Op>
struct pair_with {
  Op o;
  int ends[2];
  template <class... Args>
  explicit pair_with(Args... args) : o(args...) {
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    o.handle = ends[0];
  }
  ~pair_with() {
    close(ends[0]);
    close(ends[1]);
  }
};

int64_t written_within(core& on, const std::string& path) {
  counted_op opening(op_kind::open);
  opening.path = path.c_str();
  opening.flags = open_write | open_create;
  on.submit(opening);
  turns_until(on, [&] { return opening.runs == 1; });
  counted_op writing(op_kind::write);
  writing.handle = static_cast<int>(opening.result);
  const iovec piece{const_cast<char*>("abc"), 3};
  writing.iov = &piece;
  writing.iov_count = 1;
  on.submit(writing);
  turns_until(on, [&] { return writing.runs == 1; });
  close(static_cast<int>(opening.result));
  return writing.result;
}

TEST_CASE("uring: receives and sends that last take no room from files, however many there are") {
  const test::temporary_directory directory;
  const uring_options options = test::small_ring();
  const unsigned most = connections_max(options);
  auto world = test::one_core(options);
  core& on = world->on();
  std::vector<std::unique_ptr<pair_with<counted_receive>>> receives;
  for (unsigned i = 0; i < options.completions + 50; ++i) {
    receives.push_back(std::make_unique<pair_with<counted_receive>>());
    on.submit(receives.back()->o);
  }
  for (int i = 0; i < 100; ++i) on.turn(base::duration{});
  const auto armed = [&] {
    return static_cast<unsigned>(std::count_if(receives.begin(), receives.end(), [](const auto& r) { return r->o.armed; }));
  };
  CHECK(armed() == most);
  CHECK(written_within(on, directory.of("beside receives")) == 3);
  const std::vector<char> bytes(size_t{1} << 20, 's');
  const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
  std::vector<std::unique_ptr<pair_with<counted_op>>> sends;
  for (unsigned i = 0; i < most + 20; ++i) {
    sends.push_back(std::make_unique<pair_with<counted_op>>(op_kind::send));
    sends.back()->o.iov = &piece;
    sends.back()->o.iov_count = 1;
    on.submit(sends.back()->o);
  }
  for (unsigned i = 0; i < most + 50; ++i) on.turn(base::duration{});
  CHECK(written_within(on, directory.of("beside sends")) == 3);
  // Where one ends, the next begins.
  on.cancel(receives[0]->o);
  turns_until(on, [&] { return receives[0]->o.runs == 1 && armed() == most; });
  for (auto& r : receives) on.cancel(r->o);
  for (auto& s : sends) ::shutdown(s->ends[0], SHUT_RDWR);
  turns_until(on, [&] {
    return std::none_of(receives.begin(), receives.end(), [](auto& r) { return r->o.in_flight; }) &&
           std::none_of(sends.begin(), sends.end(), [](auto& s) { return s->o.in_flight; });
  });
  on.turn(base::duration{});
  CHECK(world->effects().in_kernel() == 0);
}

TEST_CASE("uring: a steady exchange needs about two calls of the kernel a round") {
  auto world = test::one_core();
  core& on = world->on();
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  counted_receive receive;
  receive.handle = ends[1];
  on.submit(receive);
  counted_op sending(op_kind::send);
  const iovec piece{const_cast<char*>("x"), 1};
  sending.handle = ends[0];
  sending.iov = &piece;
  sending.iov_count = 1;
  on.turn(base::duration{});
  const uint64_t before = world->effects().counters().enters;
  constexpr int rounds = 1000;
  for (int i = 0; i < rounds; ++i) {
    on.submit(sending);
    while (sending.in_flight || receive.arrived.empty()) on.turn(base::milliseconds(5));
    world->effects().give_back(receive.arrived.pop_front());
    on.turn(base::duration{});
  }
  const uint64_t enters = world->effects().counters().enters - before;
  MESSAGE("kernel calls a round: ", static_cast<double>(enters) / rounds);
  CHECK(enters <= 3 * rounds);
  on.cancel(receive);
  turns_until(on, [&] { return !receive.in_flight; });
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace millrace::reactor
