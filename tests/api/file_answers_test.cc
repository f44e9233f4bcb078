#include <doctest/doctest.h>

#include "record/batch_view.hh"
#include "record/verify.hh"
#include "socket_requests.hh"
#include "wire/kafka/messages/fetch.hh"
#include "wire/kafka/messages/metadata.hh"

/// Answers from the files of closed segments, over a door: the same bytes as from memory, whoever reads, and however it
/// ends.

namespace millrace::api::kafka {
namespace {

using namespace test;
using namespace wire::kafka;

constexpr int batches = 160;
constexpr int records = 2000;
constexpr int64_t all_records = int64_t{batches} * records;

/// A broker with one partition of some 4 MB, most of it in closed segments. Its door is that of the core that owns the
/// partition, or of the other one.
struct spliced {
  explicit spliced(bool splice, unsigned cores = 1, bool at_owner = true, send_mode mode = send_mode::copy)
      : k(31, cores, {}, {.idle_max = base::seconds(30), .send = mode}, {}, {}, SIZE_MAX, splice) {
    k.create("t", 1, {{"segment.bytes", "1048576"}});
    for (int i = 0; i < batches; ++i) k.append("t", 0, std::vector<int64_t>(records, 1'767'225'600'000 + i));
    k.restart();
    const unsigned owner = k.b.seen().find("t")->partitions[0].owner.value();
    door_core = at_owner ? owner : 1 - owner;
    k.listen(door_core);
  }
  kafka::door& door() { return k.at(door_core); }
  uint64_t from_files() { return door().counters().sends_from_files; }

  kafka_node k;
  unsigned door_core = 0;
};

/// The records of one answer, whose batches are whole and pass their checks; `*next` is what to ask for next.
std::vector<uint8_t> records_of(socket_client& c, int64_t* next) {
  const auto got = c.answer<fetch_response>(11);
  REQUIRE(got);
  const auto& part = got->body.responses[0].partitions[0];
  REQUIRE(part.error_code == 0);
  REQUIRE(part.records);
  for (record::batch_iterator each(*part.records); !each.done();) {
    const auto batch = each.next();
    REQUIRE(batch);
    CHECK(record::verify_crc(*batch));
    *next = batch->next_offset().value();
  }
  return {part.records->begin(), part.records->end()};
}

/// Reads all of the log.
std::vector<uint8_t> pass(socket_client& c, int32_t bytes_max) {
  std::vector<uint8_t> all;
  for (int64_t next = 0; next < all_records;) {
    c.send(fetch(c, next, bytes_max));
    const int64_t before = next;
    const std::vector<uint8_t> some = records_of(c, &next);
    REQUIRE(next > before);
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

/// From here on answers may come from files.
void read_once(spliced& s) {
  socket_client c(s.k);
  (void)pass(c, 70'000);
}

void ask_and_take_nothing(spliced& s, socket_client& rude) {
  std::vector<uint8_t> requests;
  for (int i = 0; i < 60; ++i) {
    const std::vector<uint8_t> one = fetch(rude, 0, 90'000);
    requests.insert(requests.end(), one.begin(), one.end());
  }
  rude.send(std::move(requests));
  s.k.b.w.run_for(base::seconds(1));
}

/// Of the topic, under its name or as deleted ones.
size_t directories_left(spliced& s) {
  const auto left = s.k.b.n.backend().list(broker::test::data_dir);
  REQUIRE(left);
  return static_cast<size_t>(std::ranges::count_if(*left, [](const auto& e) { return e.name.starts_with("t-0"); }));
}

}  // namespace

TEST_CASE("file answers: what was checked of a closed segment leaves from its file, with the bytes of the first reading") {
  std::vector<uint8_t> direct;
  {
    spliced s(false);
    socket_client c(s.k);
    direct = pass(c, 70'000);
    CHECK(pass(c, 70'000) == direct);
    CHECK(s.from_files() == 0);
  }
  for (const bool at_owner : {true, false}) {
    for (const send_mode mode : {send_mode::copy, send_mode::zero_copy}) {
      CAPTURE(at_owner);
      spliced s(true, 2, at_owner, mode);
      socket_client c(s.k);
      CHECK(pass(c, 70'000) == direct);
      const uint64_t first = s.from_files();
      CHECK(pass(c, 70'000) == direct);
      CHECK(s.from_files() >= first + 20);
      CHECK(pass(c, 400'000) == direct);
      CHECK(s.k.b.w.run_until([&] { return s.door().held().now().sum() == 0; }, base::seconds(10)));
    }
  }
}

TEST_CASE("file answers: many at once leave in the order of requests") {
  spliced s(true);
  socket_client c(s.k);
  const std::vector<uint8_t> whole = pass(c, 70'000);
  const uint64_t before = s.from_files();
  std::vector<uint8_t> requests;
  for (int i = 0; i < 30; ++i) {
    const std::vector<uint8_t> one = fetch(c, i % 2 == 0 ? 0 : all_records - records, i % 3 == 0 ? 30'000 : 90'000);
    requests.insert(requests.end(), one.begin(), one.end());
  }
  c.send(std::move(requests));
  for (int i = 0; i < 30; ++i) {
    int64_t next = -1;
    const std::vector<uint8_t> some = records_of(c, &next);
    if (i % 2 == 0) {
      CHECK(std::equal(some.begin(), some.end(), whole.begin()));
    } else {
      CHECK(std::equal(some.rbegin(), some.rend(), whole.rbegin()));
    }
  }
  CHECK(s.from_files() >= before + 10);
}

TEST_CASE("file answers: who does not take them holds no memory, and a removed topic's files not for ever") {
  spliced s(true);
  read_once(s);
  socket_client rude(s.k);
  ask_and_take_nothing(s, rude);
  CHECK(s.from_files() > 0);
  CHECK(s.door().held().now().blocks == 0);
  CHECK(s.door().counters().closed == 1);
  // The removal waits for nobody. The file that is being sent from goes with the client, who is closed when he was idle for
  // too long.
  const base::instant asked = s.k.b.w.now();
  CHECK_FALSE(s.k.b.remove("t").error);
  CHECK(s.k.b.w.now() - asked < base::seconds(1));
  s.k.b.w.run_for(base::seconds(5));
  CHECK(directories_left(s) == 1);
  CHECK(s.k.b.w.run_until([&] { return s.door().counters().closed == 2; }, base::seconds(60)));
  CHECK(s.k.b.w.now() - asked < base::seconds(40));
  s.k.b.w.run_for(base::seconds(5));
  CHECK(directories_left(s) == 0);
}

TEST_CASE(
    "file answers: a topic that is removed and made again is another one, though a client takes nothing of the first") {
  spliced s(true);
  read_once(s);
  socket_client rude(s.k);
  ask_and_take_nothing(s, rude);
  CHECK_FALSE(s.k.b.remove("t").error);
  s.k.create("t", 1, {{"segment.bytes", "1048576"}});
  s.k.append("t", 0, std::vector<int64_t>(10, 1'767'225'600'000));
  socket_client c(s.k);
  c.send(fetch(c, 0, 90'000));
  int64_t next = 0;
  CHECK_FALSE(records_of(c, &next).empty());
  CHECK(next == 10);
  // And a stop ends the sending with the door, and leaves what is left to the next start.
  const base::instant asked = s.k.b.w.now();
  s.k.restart();
  CHECK(s.k.b.w.now() - asked < base::seconds(10));
  s.k.b.w.run_for(base::seconds(5));
  CHECK(directories_left(s) == 1);  // the new one's
}

TEST_CASE("file answers: a door closes though a client takes nothing, and the broker stops behind it") {
  spliced s(true);
  read_once(s);
  socket_client rude(s.k);
  ask_and_take_nothing(s, rude);
  s.k.close(s.door_core);
  CHECK(s.door().counters().closed == 2);
}

TEST_CASE("file answers: a stop does not wait for all that readers have asked of a slow disk") {
  for (const bool at_owner : {true, false}) {
    CAPTURE(at_owner);
    spliced s(false, 2, at_owner);
    std::vector<std::unique_ptr<socket_client>> clients;
    for (int i = 0; i < 40; ++i) clients.push_back(std::make_unique<socket_client>(s.k));
    s.k.b.n.disk().faults.read = {base::seconds(2), base::seconds(2)};
    for (auto& c : clients) c->send(fetch(*c, 0, 1'000'000));
    s.k.b.w.run_for(base::milliseconds(500));
    const base::instant asked = s.k.b.w.now();
    s.k.close(s.door_core);
    CHECK(s.k.b.w.now() - asked < base::seconds(9));
    CHECK(s.door().counters().closed == 40);
    s.k.b.n.disk().faults.read = {};
  }
}

TEST_CASE("file answers: a crash, a reset and an end in the middle leave nothing behind") {
  for (int step = 0; step < 40; step += 3) {
    CAPTURE(step);
    spliced s(true, 2, step % 2 == 0, send_mode::zero_copy);
    socket_client steady(s.k);
    const std::vector<uint8_t> whole = pass(steady, 70'000);
    {
      socket_client c(s.k);
      c.send(fetch(c, 0, 90'000));
      c.send(fetch(c, 0, 90'000));
      s.k.b.w.run_for(base::microseconds(150 * step));
    }
    if (step % 4 == 0) continue;  // the node crashes where it stands
    CHECK(pass(steady, 70'000) == whole);
    CHECK(s.k.b.w.run_until([&] { return s.door().held().now().sum() == 0; }, base::seconds(60)));
  }
}

}  // namespace millrace::api::kafka
