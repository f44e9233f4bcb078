#include <doctest/doctest.h>

#include <cerrno>

#include "network_pair.hh"

/// Ends that go: what their peers hear of it, and what becomes of bytes on their way.

using namespace millrace;
using namespace millrace::sim::test;

/// How often a node that crashes says nothing.
static sim::world_options of_silence(double share) {
  sim::world_options options;
  options.network.vanish = share;
  return options;
}

TEST_CASE(
    "network: the peer of a crashed node hears a reset, or nothing until it sends for long "
    "enough") {
  for (const double silent : {0.0, 1.0}) {
    CAPTURE(silent);
    pair p(13, of_silence(silent));
    receiver here(p.client.core(), p.near);
    here.start();
    p.w.crash(p.server);
    p.w.run_for(base::seconds(100));
    CHECK(here.ended() == (silent == 0));
    if (silent == 0) {
      CHECK(here.ends.back() == -ECONNRESET);
    } else {
      CHECK(p.w.run(p.client, 0, send(p.client.core(), p.near, filled(5, 5))) == 5);
      p.w.run_for(base::seconds(60));
      REQUIRE(here.ended());
      CHECK(here.ends.back() == -ETIMEDOUT);
    }
  }
}

TEST_CASE("network: what stands before a partition comes through when it heals, unless the machine that sent it is gone") {
  for (const double silent : {0.0, 1.0}) {
    CAPTURE(silent);
    pair p(15, of_silence(silent));
    receiver here(p.client.core(), p.near);
    here.start();
    p.w.network().partition(p.client, p.server);
    CHECK(p.w.run(p.server, 0, send(p.server.core(), p.far, filled(5, 5))) == 5);
    CHECK(p.w.run(p.client, 0, send(p.client.core(), p.near, filled(5, 5))) == 5);
    p.w.run_for(base::seconds(1));
    p.w.crash(p.server);
    p.w.run_for(base::seconds(1));
    CHECK(here.bytes.empty());
    CHECK_FALSE(here.ended());
    p.w.network().heal();
    p.w.run_for(base::seconds(1));
    if (silent != 0) CHECK(here.bytes.empty());  // nobody sends them again
    // The kernel of one that is there refuses what came for a process that is not.
    CHECK(here.ended() == (silent == 0));
    if (silent == 0) CHECK(here.ends.back() == -ECONNRESET);
    p.w.run_for(base::seconds(60));
    CHECK(here.ended());
  }
}

TEST_CASE("network: who sent behind a partition gives up, though the process there went and its reset was lost") {
  pair p(16, of_silence(0));
  receiver here(p.client.core(), p.near);
  here.start();
  p.w.network().partition(p.client, p.server);
  CHECK(p.w.run(p.client, 0, send(p.client.core(), p.near, filled(5, 5))) == 5);
  p.w.crash(p.server);
  p.w.run_for(base::seconds(100));
  REQUIRE(here.ended());
  CHECK(here.ends.back() == -ETIMEDOUT);
}

TEST_CASE("network: of a connection that is cut off alone an end that sends gives up, and one that waits hears nothing") {
  sim::world_options options;
  options.network.silence = base::seconds(1);
  pair p(14, options);
  receiver here(p.client.core(), p.near);
  receiver there(p.server.core(), p.far);
  here.start();
  there.start();
  REQUIRE(p.w.network().strand_any());
  CHECK(p.w.run(p.client, 0, send(p.client.core(), p.near, filled(5, 5))) == 5);
  p.w.run_for(base::seconds(60));
  REQUIRE(here.ended());
  CHECK(here.ends.back() == -ETIMEDOUT);
  CHECK_FALSE(there.ended());
  CHECK(p.w.run(p.server, 0, send(p.server.core(), p.far, filled(5, 5))) == 5);
  p.w.run_for(base::seconds(60));
  REQUIRE(there.ended());
  CHECK(there.ends.back() == -ETIMEDOUT);
  // Others go on.
  const int64_t again = p.w.run(p.client, 0, connect(p.client.core(), p.server.address(), 9092));
  CHECK(p.w.run(p.client, 0, send(p.client.core(), static_cast<int>(again), filled(5, 5))) == 5);
}
