#include "api/kafka/huge_frames.hh"

#include <doctest/doctest.h>

#include "socket_requests.hh"
#include "wire/kafka/messages/metadata.hh"

/// Frames that do not fit the cores' buffers: what all of them together hold, and that each comes in.

namespace millrace::api::kafka {
namespace {

using namespace test;

using clients = std::vector<std::unique_ptr<socket_client>>;

constexpr size_t mib = 1 << 20;

/// Clients that have begun frames of `bytes`, all before one of them is whole.
clients begin_all(kafka_node& k, size_t count, size_t bytes) {
  clients all;
  for (size_t i = 0; i < count; ++i) {
    all.push_back(std::make_unique<socket_client>(k));
    all.back()->send(begun_frame(bytes, 100'000));
  }
  k.b.w.run_for(base::seconds(1));
  return all;
}

size_t held(kafka_node& k, unsigned cores) {
  size_t sum = 0;
  for (unsigned i = 0; i < cores; ++i) sum += k.at(i).frames().huge_bytes();
  return sum;
}

bool served(socket_client& c) {
  wire::kafka::metadata_request request;
  c.send(c.frame_of(request, 9));
  return c.answer<wire::kafka::metadata_response>(9, base::seconds(1)).has_value();
}

}  // namespace

TEST_CASE("huge frames: what is kept back is no one else's, and goes to the cores in order of asking") {
  huge_frames room(3, 10 * mib, 4 * mib);
  CHECK(room.bytes() == 10 * mib);
  CHECK(room.try_take(6 * mib));
  CHECK(!room.try_take(1));
  room.give_back(6 * mib);
  room.overdraw(7 * mib);
  CHECK(!room.try_take(1));
  room.give_back(7 * mib);

  const base::core_id first(0);
  const base::core_id second(1);
  const base::core_id third(2);
  base::instant now{1'000'000'000'000};
  CHECK(room.try_turn(first, now));
  CHECK(!room.try_turn(second, now));
  CHECK(!room.try_turn(third, now));
  room.end_turn(first);
  CHECK(!room.try_turn(first, now));
  CHECK(!room.try_turn(third, now));
  CHECK(room.try_turn(second, now));
  room.end_turn(second);
  // The third is next, and does not ask any more.
  CHECK(!room.try_turn(first, now));
  now = now + base::seconds(2);
  CHECK(room.try_turn(first, now));
}

TEST_CASE("huge frames: with less memory than one the largest is smaller, and of no use below those of the buffers") {
  huge_frames room(1, 3 * mib, 100 * mib);
  CHECK(room.frame_max() == 3 * mib);
  kafka_node k(1, 1, {}, {}, {}, {}, SIZE_MAX, false, 3 * mib);
  CHECK(k.at(0).frames().frame_max() == 4 * mib);
}

TEST_CASE("huge frames: on one core and on two they hold no more than they may, each comes in, and others are served") {
  for (const unsigned cores : {1u, 2u}) {
    CAPTURE(cores);
    constexpr size_t frame_bytes = 6'000'000;
    constexpr size_t most = 9 * mib;
    kafka_node k(2, cores, {}, {.request_bytes_max = 8 * mib}, {}, fast_network(), SIZE_MAX, false, most);
    k.open_doors();
    clients large = begin_all(k, 8, frame_bytes);
    for (auto& c : large) c->send(std::vector<uint8_t>(frame_bytes - 100'000));
    socket_client honest(k);
    size_t peak = 0;
    size_t in = 0;
    for (int i = 0; i < 3000 && in < large.size(); ++i) {
      if (i % 100 == 0) CHECK(served(honest));
      k.b.w.run_for(base::milliseconds(1));
      peak = std::max(peak, held(k, cores));
      in = 0;
      for (unsigned core = 0; core < cores; ++core) in += k.at(core).counters().refused;
    }
    MESSAGE("at most ", peak >> 10, " KiB of ", most >> 10);
    CHECK(peak > frame_bytes);
    CHECK(peak <= most);
    // Zeros are no request: each whole frame ends its connection.
    CHECK(in == large.size());
    CHECK(held(k, cores) == 0);
    CHECK(served(honest));
  }
}

TEST_CASE("huge frames: one that stands still or crawls gives its place up, and so does one whose client leaves") {
  enum class ending : uint8_t { stands, crawls, leaves };
  for (const ending how : {ending::stands, ending::crawls, ending::leaves}) {
    CAPTURE(static_cast<int>(how));
    constexpr size_t frame_bytes = 6'000'000;
    kafka_node k(3, 2, {}, {.request_bytes_max = 6'000'000}, {}, fast_network(), SIZE_MAX, false, 6'000'000);
    k.open_doors();
    auto rude = std::make_unique<socket_client>(k);
    rude->send(begun_frame(frame_bytes, 5'000'000));
    k.b.w.run_for(base::seconds(1));
    CHECK(held(k, 2) >= 5'000'000);
    socket_client waits(k);
    waits.send(begun_frame(frame_bytes, frame_bytes));
    for (int i = 0; i < 8; ++i) {
      if (how == ending::crawls) rude->send({0});
      CHECK(!waits.closes(base::seconds(3)));
    }
    CHECK(k.at(0).connections() == 1);  // each on a core of its own
    if (how == ending::leaves) rude.reset();
    bool closed = false;
    for (int i = 0; i < (how == ending::leaves ? 1 : 20) && !closed; ++i) {
      if (how == ending::crawls) rude->send({0});
      closed = waits.closes(base::seconds(3));
    }
    CHECK(closed);
  }
}

TEST_CASE("huge frames: one that memory never holds ends its connection when it is announced") {
  kafka_node k(4, 1, {}, {}, {}, {}, SIZE_MAX, false, 5 * mib);
  k.open_doors();
  socket_client fits(k);
  fits.send(begun_frame(5 * mib, 100));
  CHECK(!fits.closes(base::seconds(1)));
  socket_client larger(k);
  larger.send(begun_frame(5 * mib + 1, 0));
  CHECK(larger.closes(base::seconds(1)));
  socket_client in_pieces(k);
  in_pieces.send({0, 0x50});
  k.b.w.run_for(base::seconds(1));
  in_pieces.send({0, 1});
  CHECK(in_pieces.closes(base::seconds(1)));
  CHECK(k.at(0).counters().refused == 2);
}

}  // namespace millrace::api::kafka
