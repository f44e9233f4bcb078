#include <doctest/doctest.h>

#include <cerrno>

#include "network_pair.hh"

/// Sends that answer twice: sent, and released.

using namespace millrace;
using namespace millrace::sim::test;
using sim::world;

namespace {

/// A send that answers twice.
struct zero_copy_send final : reactor::op {
  zero_copy_send(int to, const iovec& piece) : op(reactor::op_kind::send) {
    zero_copy = true;
    handle = to;
    iov = &piece;
    iov_count = 1;
  }
  void run(reactor::core&) override {
    ++runs;
    if (in_flight) ++runs_before_release;
  }
  bool released() const { return runs > 0 && !in_flight && !linked(); }
  int runs = 0;
  int runs_before_release = 0;
};

}  // namespace

TEST_CASE("network: a zero-copy send answers sent, then released, drawn apart") {
  int apart = 0;
  int together = 0;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    sim::world_options options;
    options.network.release = {base::duration{}, base::microseconds(3), 0, {}};
    options.network.zero_copy_copied = seed % 2 == 0 ? 1 : 0;
    pair p(seed, options);
    const std::vector<uint8_t> out = noise(100'000, seed);
    receiver there(p.server.core(), p.far);
    there.start();
    const iovec piece{const_cast<uint8_t*>(out.data()), out.size()};
    zero_copy_send o(p.near, piece);
    p.client.core().submit(o);
    REQUIRE(p.w.run_until([&] { return o.released() && there.bytes.size() == out.size(); }, base::seconds(60)));
    CHECK(there.bytes == out);
    CHECK(o.result == 100'000);
    CHECK(o.copied == (seed % 2 == 0));
    (o.runs == 2 ? apart : together) += 1;
    CHECK(o.runs - o.runs_before_release == 1);
    p.w.crash(p.server);
  }
  CHECK(apart > 0);
  CHECK(together > 0);
}

TEST_CASE("network: the memory of a zero-copy send is released after a cancel, a reset, and at a crash") {
  sim::world_options options;
  options.network.release = {base::seconds(50), base::seconds(60), 0, {}};
  pair p(4, options);
  const std::vector<uint8_t> out = noise(1'000'000, 4);
  const iovec piece{const_cast<uint8_t*>(out.data()), out.size()};
  zero_copy_send o(p.near, piece);
  p.client.core().submit(o);
  p.w.run_for(base::seconds(1));
  CHECK(o.runs == 0);
  p.client.core().cancel(o);
  REQUIRE(p.w.run_until([&] { return o.runs == 1; }, base::seconds(1)));
  CHECK(o.result == -ECANCELED);
  CHECK(o.in_flight);
  p.client.core().cancel(o);  // sent: nothing happens
  SUBCASE("after its delay") {
    p.w.run_for(base::seconds(40));
    CHECK(o.in_flight);
    REQUIRE(p.w.run_until([&] { return o.released(); }, base::seconds(30)));
  }
  SUBCASE("by a reset of this end") {
    struct ending final : reactor::op {
      ending() : op(reactor::op_kind::shutdown) {}
      void run(reactor::core&) override {}
    } reset;
    reset.handle = p.near;
    reset.flags = reactor::shutdown_reset;
    p.client.core().submit(reset);
    REQUIRE(p.w.run_until([&] { return o.released(); }, base::seconds(1)));
  }
  SUBCASE("by a crash") {
    p.w.crash(p.client);
    CHECK_FALSE(o.in_flight);
  }
}
