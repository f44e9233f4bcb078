#include <doctest/doctest.h>

#include "socket_requests.hh"
#include "wire/kafka/messages/fetch.hh"

/// Fetch over a connection: what a version is refused.

namespace millrace::api::kafka {

TEST_CASE("Fetch: a topic that is said to be zstd is refused to versions that do not know it") {
  using namespace test;
  kafka_node k(1, 1);
  k.open_doors();
  k.create("said", 1, {{"compression.type", "zstd"}});
  k.create("plain");
  k.append("said", 0, {1'767'225'600'000});
  k.append("plain", 0, {1'767'225'600'000});
  socket_client c(k);
  for (int16_t version = 4; version <= 12; ++version) {
    CAPTURE(version);
    wire::kafka::fetch_request_partition asked;
    asked.partition_max_bytes = 1 << 20;
    wire::kafka::fetch_request_topic topics[2];
    topics[0].topic = "said";
    topics[1].topic = "plain";
    for (auto& t : topics) t.partitions = {&asked, 1};
    wire::kafka::fetch_request request;
    request.max_bytes = 1 << 20;
    request.min_bytes = 1 << 20;
    request.max_wait_ms = 60'000;
    request.topics = {topics, 2};
    c.send(c.frame_of(request, version));
    // At once where one is refused, as with every other error.
    const auto got = c.answer<wire::kafka::fetch_response>(version, base::seconds(version < 10 ? 1 : 70));
    REQUIRE(got);
    const auto& said = got->body.responses[0].partitions[0];
    const auto& plain = got->body.responses[1].partitions[0];
    CHECK(said.error_code == (version < 10 ? 76 : 0));
    CHECK(said.high_watermark == (version < 10 ? -1 : 1));
    CHECK((said.records && !said.records->empty()) == (version >= 10));
    CHECK(plain.error_code == 0);
    CHECK((plain.records && !plain.records->empty()));
  }
}

}  // namespace millrace::api::kafka
