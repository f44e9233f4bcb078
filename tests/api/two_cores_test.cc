#include <doctest/doctest.h>

#include "requests.hh"
#include "wire/kafka/messages/list_offsets.hh"
#include "wire/kafka/messages/metadata.hh"
#include "wire/kafka/messages/offset_for_leader_epoch.hh"

/// One scripted client over sockets, twice: with its partitions on the core that accepts it, and on the other one. The
/// answers must not tell.

namespace millrace::api::kafka {
namespace {

using namespace test;
using namespace wire::kafka;

frame metadata(std::string_view topic, int32_t correlation) {
  metadata_request_topic named{.topic_id = {}, .name = topic};
  metadata_request request;
  request.topics = array<metadata_request_topic>{&named, 1};
  request.allow_auto_topic_creation = false;
  return frame_of(request, 9, correlation);
}

frame offsets(std::vector<int64_t> times, int32_t correlation) {
  std::vector<list_offsets_request_partition> parts;
  for (size_t i = 0; i < times.size(); ++i) parts.push_back({static_cast<int32_t>(i), -1, times[i]});
  list_offsets_request_topic named{"t", list(parts)};
  list_offsets_request request;
  request.replica_id = -1;
  request.topics = {&named, 1};
  return frame_of(request, 7, correlation);
}

frame epoch_ends(int32_t epoch, int32_t correlation) {
  std::vector<offset_for_leader_epoch_request_partition> parts{{0, -1, epoch}, {1, -1, epoch}, {2, -1, epoch}};
  offset_for_leader_epoch_request_topic named{"t", list(parts)};
  offset_for_leader_epoch_request request;
  request.topics = {&named, 1};
  return frame_of(request, 4, correlation);
}

/// All answers of the script, in order.
std::vector<frame> play(uint64_t seed, unsigned owner) {
  broker::placement where(2);
  for (const int32_t p : {0, 1}) ASSERT(where.set_override("t", p, base::core_id(owner)));
  kafka_node k(seed, 2, {}, {}, where);
  k.create("t", 2);
  for (const auto& p : k.b.seen().find("t")->partitions) REQUIRE(p.owner.value() == owner);
  k.listen(0);
  kafka_client c(k);
  kafka_client other(k);
  const int32_t epoch = k.b.brokers[0]->epoch().value();
  const frame one = batch_of(100, 3);
  const frame two = batch_of(40000, 2);
  frame corrupt = one;
  corrupt.back() ^= 1;
  std::vector<frame> answers;
  const auto exchange = [&](const std::vector<frame>& asked, size_t unanswered = 0) {
    c.send(asked);
    for (frame& f : c.receive_all(asked.size() - unanswered)) answers.push_back(std::move(f));
  };
  // Everything in flight at once; the fetch waits for both batches.
  const auto both = static_cast<int32_t>(one.size() + two.size());
  exchange({metadata("t", 1), produce_frame("t", 0, one, 2), produce_frame("t", 1, two, 3, 1),
            produce_frame("t", 0, corrupt, 4), produce_frame("nobody", 0, one, 5), produce_frame("t", 9, one, 6),
            fetch_frame("t", {0, 0}, {.min_bytes = both, .max_wait_ms = 20000}, 7)});
  exchange({offsets({-1, -1}, 10), offsets({-2, 1'700'000'000'001}, 11), offsets({-1, -1, -1}, 12), epoch_ends(epoch, 13),
            epoch_ends(epoch + 1, 14), epoch_ends(epoch - 1, 15), metadata("nobody", 16), fetch_frame("t", {1, 1}, {}, 17),
            fetch_frame("t", {99, 0}, {.max_wait_ms = 20000}, 18), fetch_frame("t", {0, 0, 0}, {.max_wait_ms = 20000}, 19),
            fetch_frame("nobody", {0}, {}, 20), fetch_frame("t", {0, 0}, {.current_epoch = epoch + 1}, 21),
            fetch_frame("t", {3, 2}, {.max_wait_ms = 20000, .last_fetched_epoch = epoch - 1}, 22),
            fetch_frame("t", {0, 0}, {.max_bytes = 100}, 23), fetch_frame("t", {3, 2}, {.max_wait_ms = 300}, 24)});
  // Not answered, but read.
  exchange({produce_frame("t", 0, one, 30, 0),
            fetch_frame("t", {3, 2}, {.min_bytes = static_cast<int32_t>(one.size()), .max_wait_ms = 20000}, 31)},
           1);
  // What another client writes ends the wait.
  c.send({fetch_frame("t", {6, 2}, {.max_wait_ms = 20000}, 40)});
  other.send({produce_frame("t", 1, one, 41)});
  for (frame& f : other.receive_all(1)) answers.push_back(std::move(f));
  for (frame& f : c.receive_all(1)) answers.push_back(std::move(f));
  exchange({offsets({-1, -1}, 50)});
  return answers;
}

}  // namespace

TEST_CASE("two cores: a client is answered the same, byte for byte, wherever its partitions live") {
  for (const uint64_t seed : {1, 2, 3, 4, 5}) {
    CAPTURE(seed);
    const std::vector<frame> own = play(seed, 0);
    const std::vector<frame> far = play(seed, 1);
    REQUIRE(own.size() == far.size());
    for (size_t i = 0; i < own.size(); ++i) {
      CAPTURE(i);
      CHECK(own[i] == far[i]);
    }
    CHECK(record_bytes(own[6]) == batch_of(100, 3).size() + batch_of(40000, 2).size());
  }
}

}  // namespace millrace::api::kafka
