#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "network_pair.hh"

/// Ranges of files, sent to sockets.

using namespace millrace;
using namespace millrace::sim::test;

TEST_CASE("network: send_file sends a range of a file, as it was when it began") {
  pair p(5);
  const std::vector<uint8_t> out = noise(300'000, 5);
  const int64_t made = p.w.run(p.client, 0, open(p.client.core(), "/file"));
  REQUIRE(made >= 0);
  REQUIRE(p.w.run(p.client, 0, write(p.client.core(), made, 0, out)) == 300'000);
  struct sending final : reactor::send_file_op {
    void run(reactor::core&) override { ++runs; }
    int runs = 0;
  } o;
  o.handle = p.near;
  o.file = static_cast<int>(made);
  o.position = 777;
  o.length = 200'001;
  SUBCASE("whole") {
    receiver there(p.server.core(), p.far);
    there.start();
    p.client.core().submit(o);
    REQUIRE(p.w.run_until([&] { return o.runs == 1 && there.bytes.size() == 200'001; }, base::seconds(60)));
    CHECK(o.result == 200'001);
    CHECK(std::equal(there.bytes.begin(), there.bytes.end(), out.begin() + 777));
    p.w.crash(p.server);
  }
  SUBCASE("a file that is too short") {
    o.position = 200'000;
    p.client.core().submit(o);
    REQUIRE(p.w.run_until([&] { return o.runs == 1; }, base::seconds(1)));
    CHECK(o.result == -EIO);
  }
  SUBCASE("no file") {
    o.file = p.near;
    p.client.core().submit(o);
    REQUIRE(p.w.run_until([&] { return o.runs == 1; }, base::seconds(1)));
    CHECK(o.result == -EBADF);
  }
  SUBCASE("a reset") {
    p.client.core().submit(o);
    p.w.run_for(base::milliseconds(1));
    CHECK(o.in_flight);
    CHECK(p.w.network().reset(p.client, p.near));
    REQUIRE(p.w.run_until([&] { return o.runs == 1; }, base::seconds(1)));
    CHECK(o.result == -ECONNRESET);
  }
  SUBCASE("a crash") {
    p.client.core().submit(o);
    p.w.run_for(base::milliseconds(1));
    p.w.crash(p.client);
    CHECK_FALSE(o.in_flight);
  }
}
