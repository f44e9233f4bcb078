#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "base/prng.hh"
#include "helpers.hh"

namespace millrace::sim::test {

inline std::vector<uint8_t> noise(size_t count, uint64_t seed) {
  std::vector<uint8_t> out(count);
  base::prng(seed).fill(out);
  return out;
}

/// Two nodes with one connection between them.
struct pair {
  explicit pair(uint64_t seed, sim::world_options options = {})
      : w(seed, options), server(w.add_node()), client(w.add_node()) {
    auto listening = server.backend().listen({"0.0.0.0", 9092});
    REQUIRE(listening);
    doors = std::make_unique<acceptor>(server.core(), listening->handle);
    const int64_t connected = w.run(client, 0, connect(client.core(), server.address(), 9092));
    REQUIRE(connected >= 0);
    near = static_cast<int>(connected);
    REQUIRE(w.run_until([&] { return !doors->handles.empty(); }, base::seconds(1)));
    far = doors->handles[0];
  }
  ~pair() {
    if (server.running()) w.crash(server);
    if (client.running()) w.crash(client);
  }

  world w;
  sim::node& server;
  sim::node& client;
  std::unique_ptr<acceptor> doors;
  int near = -1;
  int far = -1;
};

}  // namespace millrace::sim::test
