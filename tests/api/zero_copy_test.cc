#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "../sim/helpers.hh"
#include "kafka_node.hh"
#include "wire/kafka/messages/fetch.hh"

namespace millrace::api::kafka {

namespace {

constexpr uint16_t port = 9092;
constexpr int batches = 24;

/// A broker with some 600 KB in one partition, whose door is open, and a client of it.
struct served {
  explicit served(send_mode mode, bool same_node = false)
      : node(7, 1, {}, {.send = mode}), client(same_node ? node.b.n : node.b.w.add_node()) {
    node.create("t");
    for (int i = 0; i < batches; ++i) node.append("t", 0, std::vector<int64_t>(2000, 1'767'225'600'000 + i));
    std::vector<door_listener> listeners{{.bind = {.host = "0.0.0.0", .port = port}, .advertised = {"here", port}}};
    REQUIRE(door().open(listeners));
    std::string address = same_node ? "127.0.0.1" : node.b.n.address();
    socket = w().run(client, 0, sim::test::connect(client.core(), std::move(address), port));
    REQUIRE(socket >= 0);
    answers = std::make_unique<sim::test::receiver>(client.core(), socket);
    answers->start();
  }
  ~served() {
    if (&client != &node.b.n) {
      w().crash(client);
      return;
    }
    (void)w().network().reset(client, static_cast<int>(socket));
    (void)w().run_until([&] { return answers->ended(); }, base::seconds(1));
  }

  kafka::door& door() { return node.at(0); }
  sim::world& w() { return node.b.w; }

  /// Asks for up to `bytes` from each of these offsets, all at once.
  void fetch(const std::vector<int64_t>& offsets, int32_t bytes) {
    std::vector<uint8_t> all;
    for (const int64_t from : offsets) {
      wire::kafka::fetch_request_partition part{.partition = 0, .fetch_offset = from, .partition_max_bytes = bytes};
      wire::kafka::fetch_request_topic topic{.topic = "t", .topic_id = {}, .partitions = {&part, 1}};
      const wire::kafka::fetch_request body{.max_wait_ms = 0, .min_bytes = 0, .max_bytes = bytes, .topics = {&topic, 1}};
      const wire::kafka::request_header header{.request_api_key = wire::kafka::fetch_request::api_key,
                                               .request_api_version = 11,
                                               .correlation_id = ++asked,
                                               .client_id = "test"};
      const size_t size = wire::kafka::size_of(body, 11);
      const size_t at = all.size();
      all.resize(at + wire::kafka::request_frame_size(header, size));
      wire::kafka::writer out(base::mutable_bytes(all).subspan(at));
      wire::kafka::begin_request_frame(out, header, size);
      wire::kafka::encode(out, body, 11);
    }
    CHECK(w().run(client, 0, sim::test::send(client.core(), socket, all)) == static_cast<int64_t>(all.size()));
  }

  /// How many whole answers have come, in order of what was asked.
  int answered() const {
    int count = 0;
    size_t at = 0;
    const std::vector<uint8_t>& in = answers->bytes;
    while (at + 8 <= in.size()) {
      const size_t size = 4 + static_cast<size_t>(base::load_big<int32_t>(in.data() + at));
      if (at + size > in.size()) break;
      ++count;
      CHECK(base::load_big<int32_t>(in.data() + at + 4) == count);
      at += size;
    }
    return count;
  }
  void wait_for_answers() {
    REQUIRE(w().run_until([&] { return answered() == asked; }, base::seconds(60)));
  }

  test::kafka_node node;
  sim::node& client;
  int64_t socket = -1;
  std::unique_ptr<sim::test::receiver> answers;
  int32_t asked = 0;
};

const std::vector<int64_t> many_offsets{0, 40000, 1, 2000, 10, 30001, 0, 6000, 4000, 47999};

std::vector<uint8_t> answers_of(send_mode mode, uint64_t* zero_copy) {
  served s(mode);
  s.fetch(many_offsets, 400'000);
  s.wait_for_answers();
  s.fetch(many_offsets, 70'000);
  s.wait_for_answers();
  *zero_copy = s.door().counters().sends_zero_copy;
  return s.answers->bytes;
}

}  // namespace

TEST_CASE("zero copy: large answers leave from where they are, in the order of requests, with the bytes of copied ones") {
  uint64_t none = 0;
  uint64_t some = 0;
  const std::vector<uint8_t> copied = answers_of(send_mode::copy, &none);
  const std::vector<uint8_t> referred = answers_of(send_mode::zero_copy, &some);
  CHECK(copied.size() > 2'000'000);
  CHECK(copied == referred);
  CHECK(none == 0);
  CHECK(some >= 10);
}

TEST_CASE("zero copy: small answers are copied") {
  served s(send_mode::zero_copy);
  for (int i = 0; i < 5; ++i) {
    s.fetch({48'000}, 1000);
    s.wait_for_answers();
  }
  CHECK(s.door().counters().sends_zero_copy == 0);
}

TEST_CASE("zero copy: chosen by itself it is off for peers on the same machine, and where the kernel had to copy") {
  {
    served s(send_mode::automatic, true);
    s.fetch(many_offsets, 400'000);
    s.wait_for_answers();
    CHECK(s.door().counters().sends_zero_copy == 0);
  }
  for (const bool copies : {false, true}) {
    served s(send_mode::automatic);
    s.w().network().faults.zero_copy_copied = copies ? 1 : 0;
    for (int i = 0; i < 6; ++i) {
      s.fetch({0}, 200'000);
      s.wait_for_answers();
      s.w().run_for(base::milliseconds(100));
    }
    const door_counters& c = s.door().counters();
    CHECK(c.sends_copied == (copies ? c.sends_zero_copy : 0));
    if (copies) {
      CHECK(c.sends_zero_copy <= 2);
    } else {
      CHECK(c.sends_zero_copy >= 6);
    }
  }
}

TEST_CASE(
    "zero copy: answers stay pinned until the peer has them, and the end of a connection waits for that, not for ever") {
  served s(send_mode::zero_copy);
  const size_t used = s.node.b.n.core().memory().used();
  s.w().network().faults.release = {base::seconds(1000), base::seconds(1000), 0, {}};
  s.fetch({0}, 200'000);
  s.wait_for_answers();
  s.w().run_for(base::seconds(20));
  CHECK(s.door().counters().closed == 0);
  SUBCASE("the client ends") {
    CHECK(s.w().network().half_close(s.client, static_cast<int>(s.socket)));
    s.w().run_for(base::seconds(4));
    CHECK(s.door().counters().closed == 0);
    s.w().run_for(base::seconds(2));
  }
  SUBCASE("the client sends what cannot be read") {
    const std::vector<uint8_t> wrong(8, 0xff);
    (void)s.w().run(s.client, 0, sim::test::send(s.client.core(), s.socket, wrong));
    s.w().run_for(base::seconds(1));
  }
  SUBCASE("the door closes") {
    auto closing = s.w().start(s.node.b.n, 0, s.door().close());
    CHECK(s.w().run_until([&] { return closing->done(); }, base::seconds(10)));
  }
  CHECK(s.door().counters().closed == 1);
  CHECK(s.node.b.n.core().memory().used() <= used);
  CHECK(s.answers->ended());
}

TEST_CASE("zero copy: what a peer has not taken is bounded, and beyond it sends are plain ones") {
  served s(send_mode::zero_copy);
  s.w().network().faults.release = {base::seconds(1000), base::seconds(1000), 0, {}};
  s.fetch({0, 0, 0, 0, 0}, 400'000);
  s.wait_for_answers();
  CHECK(s.door().counters().sends_zero_copy >= 4);
  CHECK(s.door().counters().sends_zero_copy <= 16);
  CHECK(s.answers->bytes.size() > 1'900'000);
}

TEST_CASE("zero copy: a crash with unreleased answers forgets them") {
  for (int turns = 0; turns < 40; turns += 3) {
    served s(send_mode::zero_copy);
    s.fetch(many_offsets, 400'000);
    s.w().run_for(base::microseconds(100 * turns));
  }
}

}  // namespace millrace::api::kafka
