#include <doctest/doctest.h>

#include "../base/allocations.hh"
#include "requests.hh"

/// Produce and Fetch in their steady state, from frame to frame. What is allocated is the simulated world's and the
/// client's, which goes by bytes: as many bytes in more partitions allocate no more. Every allocation of the program is
/// counted.

namespace millrace::api::kafka {
namespace {

using namespace test;

constexpr int32_t partitions = 30;
constexpr int rounds = 30;
constexpr size_t bytes_in_all = 12'000;  // about, of records

frame produce_of(int32_t count, const frame& batch) {
  std::vector<wire::kafka::produce_request_partition_data> parts;
  for (int32_t i = 0; i < count; ++i) parts.push_back({.index = i, .records = base::bytes(batch)});
  wire::kafka::produce_request_topic_data named{.name = "t", .topic_id = {}, .partition_data = list(parts)};
  const wire::kafka::produce_request body{
      .transactional_id = {}, .acks = -1, .timeout_ms = 30000, .topic_data = {&named, 1}};
  return frame_of(body, 9);
}

/// What a fetch or a produce of the first `count` partitions allocates, warm, in all rounds together.
uint64_t allocated(bool produces, unsigned cores, int32_t count) {
  kafka_node k(1, cores);
  k.create("t", partitions);
  k.listen(0);
  kafka_client c(k);
  const frame batch = batch_of(bytes_in_all / static_cast<size_t>(count) - 70);
  c.send({produce_of(partitions, batch)});
  REQUIRE(c.receive());
  const frame asked =
      produces ? produce_of(count, batch) : fetch_frame("t", std::vector<int64_t>(static_cast<size_t>(count), 0), {}, 2);
  uint64_t before = 0;
  for (int i = 0; i < 2 * rounds; ++i) {
    if (i == rounds) before = heap_allocations();
    c.send({asked});
    const auto got = c.receive();
    REQUIRE(got);
    if (!produces && i == 0) REQUIRE(record_bytes(*got) == static_cast<size_t>(count) * batch.size());
  }
  return heap_allocations() - before;
}

}  // namespace

TEST_CASE("exchanges: what a produce or a fetch allocates does not grow with its partitions") {
  for (const bool produces : {true, false}) {
    for (const unsigned cores : {1u, 2u}) {
      CAPTURE(produces);
      CAPTURE(cores);
      // One of each core at least.
      const uint64_t few = allocated(produces, cores, 4);
      const uint64_t many = allocated(produces, cores, partitions);
      MESSAGE(few, " and ", many, " in ", rounds, " rounds");
      // The world copies an answer piece by piece, by some growing array; one for each partition would be 26 in a
      // round.
      CHECK(many < few + 6 * rounds);
    }
  }
}

}  // namespace millrace::api::kafka
