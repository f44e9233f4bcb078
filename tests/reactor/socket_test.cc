#include "reactor/socket.hh"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "reactor/listener.hh"
#include "reactor/scope.hh"
#include "reactor/wait.hh"
#include "support.hh"

namespace millrace::reactor {
namespace {

/// Sends back what it gets, copying as a broker would.
task<void> echo(core& on, int handle) {
  socket peer(on, handle);
  std::vector<uint8_t> pending;
  for (;;) {
    const socket::received got = co_await peer.receive();
    if (got.buffer == nullptr) break;
    pending.assign(got.buffer->data, got.buffer->data + got.buffer->size);
    peer.give_back(*got.buffer);
    const iovec piece{pending.data(), pending.size()};
    const int sent = co_await peer.send(std::span<const iovec>(&piece, 1));
    if (sent < 0) break;
  }
  co_await peer.close();
}

class echo_server final : public connection_handler {
 public:
  explicit echo_server(core& on) : on_(on), tasks_(on), door(on, *this) {
    const base::result<void> opened = door.open({.host = "127.0.0.1", .port = 0});
    REQUIRE(opened.ok());
  }
  void on_accept(int handle) override { tasks_.spawn(echo(on_, handle)); }
  task<void> close() {
    co_await door.close();
    co_await tasks_.close();
  }
  size_t running() const { return tasks_.running(); }

 private:
  core& on_;
  scope tasks_;

 public:
  listener door;
};

task<std::string> read_exactly(socket& from, size_t bytes) {
  std::string all;
  while (all.size() < bytes) {
    const socket::received got = co_await from.receive();
    if (got.buffer == nullptr) break;
    all.append(reinterpret_cast<const char*>(got.buffer->data), got.buffer->size);
    from.give_back(*got.buffer);
  }
  co_return all;
}

task<void> talk(core& on, uint16_t port, int number, int& finished) {
  const base::result<int> handle = co_await connect(on, "127.0.0.1", port);
  CHECK(handle.ok());
  if (!handle) co_return;
  socket own(on, *handle);
  for (int round = 0; round < 5; ++round) {
    const std::string text = "number " + std::to_string(number) + " round " + std::to_string(round);
    const iovec pieces[] = {{const_cast<char*>(text.data()), 3}, {const_cast<char*>(text.data()) + 3, text.size() - 3}};
    const int sent = co_await own.send(std::span<const iovec>(pieces));
    CHECK(sent == 0);
    const std::string back = co_await read_exactly(own, text.size());
    CHECK(back == text);
  }
  co_await own.close();
  ++finished;
}

task<void> many_talk(core& on, echo_server& server, scope& tasks, int count, int& finished) {
  for (int i = 0; i < count; ++i) tasks.spawn(talk(on, server.door.port(), i, finished));
  co_await tasks.close();
  while (server.running() > 0) co_await sleep(on, base::milliseconds(1));
  co_await server.close();
}

TEST_CASE("socket: 300 connections echo through 16 receive buffers") {
  uring_options options = test::small_ring();
  options.completions = 2048;  // both ends of each have an armed receive
  auto world = test::one_core(options);
  core& on = world->on();
  echo_server server(on);
  scope tasks(on);
  int finished = 0;
  world->run(many_talk(on, server, tasks, 300, finished));
  CHECK(finished == 300);
  CHECK(server.door.accepted() == 300);
  CHECK(world->effects().in_kernel() == 0);
  MESSAGE("receives that found no buffer: ", world->effects().counters().receives_starved);
}

task<void> send_all(socket& to, const std::string& text, int& answer) {
  const iovec piece{const_cast<char*>(text.data()), text.size()};
  answer = co_await to.send(std::span<const iovec>(&piece, 1));
}

struct pair {
  int accepted = -1;
  int connected = -1;
};

class one_door final : public connection_handler {
 public:
  explicit one_door(core& on) : door(on, *this), arrived(on) { REQUIRE(door.open({.host = "127.0.0.1", .port = 0}).ok()); }
  void on_accept(int handle) override {
    last = handle;
    arrived.wake_all();
  }
  listener door;
  wait_list arrived;
  int last = -1;
};

task<pair> connect_pair(core& on, one_door& door) {
  const base::result<int> connected = co_await connect(on, "127.0.0.1", door.door.port());
  REQUIRE(connected.ok());
  while (door.last < 0) co_await door.arrived.wait();
  co_return pair{.accepted = std::exchange(door.last, -1), .connected = *connected};
}

task<void> slow_reader(core& on, one_door& door, scope& tasks) {
  const pair both = co_await connect_pair(on, door);
  int no_delay = 0;
  socklen_t size = sizeof no_delay;
  CHECK(getsockopt(both.accepted, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size) == 0);
  CHECK(no_delay == 1);
  socket sender(on, both.accepted);
  socket reader(on, both.connected);
  CHECK(sender.peer_name().starts_with("127.0.0.1:"));
  std::string text(24 << 20, 'q');
  for (size_t i = 0; i < text.size(); i += 997) text[i] = static_cast<char>('a' + i % 26);
  int answer = 1;
  tasks.spawn(send_all(sender, text, answer));
  co_await sleep(on, base::milliseconds(30));
  CHECK(answer == 1);  // the peer does not read: the send waits, and nothing else does
  const std::string got = co_await read_exactly(reader, text.size());
  CHECK(got == text);
  co_await tasks.close();
  CHECK(answer == 0);
  co_await sender.close();
  const socket::received end = co_await reader.receive();
  CHECK(end.buffer == nullptr);
  CHECK(end.error == 0);
  const socket::received still = co_await reader.receive();
  CHECK(still.buffer == nullptr);
  co_await reader.close();
  co_await door.door.close();
}

TEST_CASE("socket: a large send to a slow reader arrives whole, and its end is seen") {
  auto world = test::one_core();
  one_door door(world->on());
  scope tasks(world->on());
  world->run(slow_reader(world->on(), door, tasks));
  CHECK(world->effects().in_kernel() == 0);
}

task<void> receive_once(socket& from, int& error, size_t& bytes) {
  const socket::received got = co_await from.receive();
  error = got.error;
  if (got.buffer == nullptr) co_return;
  bytes = got.buffer->size;
  from.give_back(*got.buffer);
}

task<void> pausing(core& on, one_door& door, scope& tasks) {
  const pair both = co_await connect_pair(on, door);
  socket sender(on, both.accepted);
  socket reader(on, both.connected);
  int error = -1;
  size_t bytes = 0;
  tasks.spawn(receive_once(reader, error, bytes));
  co_await sleep(on, base::milliseconds(2));
  reader.pause();
  co_await sleep(on, base::milliseconds(2));
  CHECK(error == ECANCELED);
  // While it is paused bytes wait in the kernel; reading on finds them.
  const std::string text = "after the pause";
  const iovec piece{const_cast<char*>(text.data()), text.size()};
  const int sent = co_await sender.send(std::span<const iovec>(&piece, 1));
  CHECK(sent == 0);
  co_await sleep(on, base::milliseconds(2));
  CHECK_FALSE(reader.has_arrived());
  const std::string got = co_await read_exactly(reader, text.size());
  CHECK(got == text);
  // Pausing and reading on at once loses nothing.
  reader.pause();
  const int more = co_await sender.send(std::span<const iovec>(&piece, 1));
  CHECK(more == 0);
  const std::string second = co_await read_exactly(reader, text.size());
  CHECK(second == text);
  co_await reader.close();
  co_await sender.close();
  co_await door.door.close();
}

TEST_CASE("socket: pause ends a waiting receive, keeps what comes meanwhile, and reading goes on") {
  auto world = test::one_core();
  one_door door(world->on());
  scope tasks(world->on());
  world->run(pausing(world->on(), door, tasks));
  CHECK(world->effects().in_kernel() == 0);
}

task<void> one_by_one(core& on, one_door& door, scope& tasks) {
  const pair both = co_await connect_pair(on, door);
  socket sender(on, both.accepted);
  socket reader(on, both.connected);
  std::string text(4 << 20, 's');
  for (size_t i = 0; i < text.size(); i += 997) text[i] = static_cast<char>('a' + i % 26);
  int answer = 1;
  tasks.spawn(send_all(sender, text, answer));
  std::string got = co_await read_exactly(reader, 1);
  for (unsigned round = 0; got.size() < text.size(); ++round) {
    const bool singly = round % 2 == 0;
    reader.receive_singly(singly);
    co_await sleep(on, base::milliseconds(1));
    while (reader.has_arrived()) got += co_await read_exactly(reader, 1);  // what came before
    if (got.size() == text.size()) break;
    got += co_await read_exactly(reader, 1);
    co_await sleep(on, base::milliseconds(1));
    if (singly) CHECK_FALSE(reader.has_arrived());
  }
  CHECK(got == text);
  co_await tasks.close();
  CHECK(answer == 0);
  co_await reader.close();
  co_await sender.close();
  co_await door.door.close();
}

TEST_CASE("socket: who receives singly gets a buffer for each receive, however much is there") {
  auto world = test::one_core();
  one_door door(world->on());
  scope tasks(world->on());
  world->run(one_by_one(world->on(), door, tasks));
  CHECK(world->effects().in_kernel() == 0);
}

task<void> reset(core& on, one_door& door, scope& tasks) {
  const pair both = co_await connect_pair(on, door);
  socket own(on, both.accepted);
  const std::string text(16 << 20, 'r');
  int answer = 1;
  tasks.spawn(send_all(own, text, answer));
  co_await sleep(on, base::milliseconds(5));
  // Closing with nothing to linger for sends a reset.
  const linger hard{.l_onoff = 1, .l_linger = 0};
  CHECK(setsockopt(both.connected, SOL_SOCKET, SO_LINGER, &hard, sizeof hard) == 0);
  close(both.connected);
  const socket::received end = co_await own.receive();
  CHECK(end.buffer == nullptr);
  co_await tasks.close();
  CHECK(answer < 0);
  const int after = co_await own.send(std::span<const iovec>());
  CHECK(after == 0);  // nothing to send is no error
  const iovec piece{const_cast<char*>(text.data()), 10};
  const int refused = co_await own.send(std::span<const iovec>(&piece, 1));
  CHECK(refused < 0);
  co_await own.close();
  co_await door.door.close();
}

TEST_CASE("socket: a reset by the peer ends receive and send with an error and without a signal") {
  auto world = test::one_core();
  one_door door(world->on());
  scope tasks(world->on());
  world->run(reset(world->on(), door, tasks));
  CHECK(world->effects().in_kernel() == 0);
}

task<void> shutting(core& on, one_door& door, scope& tasks) {
  const pair both = co_await connect_pair(on, door);
  socket own(on, both.accepted);
  socket other(on, both.connected);
  const std::string text(16 << 20, 's');
  int answer = 1;
  int error = -1;
  size_t bytes = 0;
  tasks.spawn(send_all(own, text, answer));
  tasks.spawn(receive_once(own, error, bytes));
  co_await sleep(on, base::milliseconds(5));
  own.shutdown();
  own.shutdown();
  co_await tasks.close();
  CHECK(answer < 0);
  CHECK(error == 0);
  CHECK(bytes == 0);
  co_await own.close();
  co_await other.close();
  co_await door.door.close();
}

TEST_CASE("socket: shutdown ends a send to a peer that does not read, and a waiting receive") {
  auto world = test::one_core();
  one_door door(world->on());
  scope tasks(world->on());
  world->run(shutting(world->on(), door, tasks));
  CHECK(world->effects().in_kernel() == 0);
}

task<void> refusals(core& on) {
  const base::result<int> no_address = co_await connect(on, "not an address", 1);
  CHECK(no_address.error().detail == EINVAL);
  const base::result<int> refused = co_await connect(on, "127.0.0.1", 1);
  CHECK(refused.error() == base::error{base::errc::io, 0, ECONNREFUSED});
}

TEST_CASE("socket: a connect that cannot be is an error") {
  auto world = test::one_core();
  world->run(refusals(world->on()));
}

TEST_CASE("listener: a port in use, a foreign host and a host that is none are errors") {
  auto world = test::one_core();
  backend& effects = world->effects();
  const base::result<listening> first = effects.listen({.host = "127.0.0.1", .port = 0, .shared = false});
  REQUIRE(first.ok());
  const base::result<listening> second = effects.listen({.host = "127.0.0.1", .port = first->port, .shared = false});
  CHECK(second.error() == base::error{base::errc::io, 0, EADDRINUSE});
  CHECK(effects.listen({.host = "localhost", .port = 0}).error().code == base::errc::invalid_argument);
  CHECK(effects.listen({.host = "192.0.2.1", .port = 0}).error().detail == EADDRNOTAVAIL);
  const base::result<listening> shared = effects.listen({.host = "::1", .port = 0});
  REQUIRE(shared.ok());
  const base::result<listening> with = effects.listen({.host = "::1", .port = shared->port});
  CHECK(with.ok());
  close(first->handle);
  close(shared->handle);
  close(with->handle);
}

task<void> close_door(listener& door) { co_await door.close(); }

TEST_CASE("listener: without a free descriptor it pauses, and accepts when there is one again") {
  auto world = test::one_core();
  core& on = world->on();
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(client >= 0);
  struct closing final : connection_handler {
    void on_accept(int handle) override { close(handle); }
  };
  closing handler;
  listener door(on, handler);
  const int next = dup(client);
  close(next);
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  // Room for the listening socket and nothing more.
  const rlimit tight{.rlim_cur = static_cast<rlim_t>(next) + 1, .rlim_max = before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &tight) == 0);
  const base::result<void> opened = door.open({.host = "127.0.0.1", .port = 0});
  on.turn(base::duration{});
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(door.port());
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int connected = ::connect(client, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  for (int i = 0; i < 200 && door.pauses() == 0; ++i) on.turn(base::milliseconds(5));
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  REQUIRE(opened.ok());
  CHECK(connected == 0);
  CHECK(door.pauses() == 1);
  CHECK(door.accepted() == 0);
  for (int i = 0; i < 200 && door.accepted() == 0; ++i) on.turn(base::milliseconds(5));
  CHECK(door.accepted() == 1);
  world->run(close_door(door));
  close(client);
  CHECK(world->effects().in_kernel() == 0);
}

}  // namespace
}  // namespace millrace::reactor
