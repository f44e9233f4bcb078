#include <doctest/doctest.h>

#include <vector>

#include "dump.hh"
#include "filler.hh"
#include "wire/kafka/messages/produce_walk.hh"
#include "wire/kafka/produce_reader.hh"
#include "wire/kafka/produce_response_writer.hh"

namespace millrace::wire::kafka {

namespace {

using octets = std::vector<uint8_t>;

template <class Message>
octets bytes_of(const Message& message, int16_t version) {
  octets memory(size_of(message, version));
  writer out(memory);
  encode(out, message, version);
  return memory;
}

/// What the cursor shows, put together again.
produce_request collect(produce_reader& in, arena& memory) {
  produce_request all = in.settings();
  all.topic_data = memory.make_array<produce_request_topic_data>(in.topic_count()).value();
  for (produce_request_topic_data& to : all.topic_data) {
    produce_topic topic;
    REQUIRE(in.next_topic(topic));
    to = {.name = topic.name, .topic_id = topic.topic_id};
    to.partition_data = memory.make_array<produce_request_partition_data>(topic.partition_count).value();
    for (produce_request_partition_data& partition : to.partition_data) REQUIRE(in.next_partition(partition));
    produce_request_partition_data none;
    CHECK(!in.next_partition(none));
  }
  produce_topic none;
  CHECK(!in.next_topic(none));
  CHECK(!in.next_topic(none));
  return all;
}

template <class Sink>
void write(Sink& sink, int16_t version, const produce_response& response) {
  basic_produce_response_writer<Sink> out(sink, version, response);
  out.begin(response.responses.size());
  for (const produce_response_topic& topic : response.responses) {
    out.topic(topic, topic.partition_responses.size());
    for (const produce_response_partition& partition : topic.partition_responses) out.partition(partition);
  }
  out.end();
}

}  // namespace

TEST_CASE("produce reader: shows what the generated decoder decodes, in every version") {
  base::prng random(3);
  for (int16_t version = 3; version <= 13; ++version) {
    CAPTURE(version);
    for (int i = 0; i < 200; ++i) {
      arena memory(1 << 20);
      produce_request made;
      filler(random, memory, version).field(made);
      const octets bytes = bytes_of(made, version);
      auto request = produce_reader::open(reader(bytes), version);
      REQUIRE(request.ok());
      const produce_request again = collect(*request, memory);
      CHECK(dump(again, version) == dump(made, version));

      uint64_t partitions = 0, records = 0;
      for (const auto& topic : made.topic_data) {
        partitions += topic.partition_data.size();
        for (const auto& p : topic.partition_data) records += p.records ? p.records->size() : 0;
      }
      CHECK(request->partition_count() == partitions);
      CHECK(request->record_bytes() == records);
    }
  }
}

TEST_CASE("produce reader: partitions that nobody asked for are passed over") {
  base::prng random(4);
  for (int16_t version = 3; version <= 13; ++version) {
    arena memory(1 << 20);
    produce_request made;
    filler(random, memory, version).field(made);
    const octets bytes = bytes_of(made, version);
    auto request = produce_reader::open(reader(bytes), version);
    REQUIRE(request.ok());
    size_t topics = 0;
    produce_topic topic;
    while (request->next_topic(topic)) {
      CHECK(topic.name == (version <= 12 ? made.topic_data[topics].name : ""));
      CHECK(topic.partition_count == made.topic_data[topics].partition_data.size());
      ++topics;
    }
    CHECK(topics == made.topic_data.size());
  }
}

TEST_CASE("produce reader: refuses exactly what the generated decoder refuses") {
  base::prng random(5);
  int refused = 0;
  for (int16_t version = 3; version <= 13; ++version) {
    CAPTURE(version);
    for (int i = 0; i < 400; ++i) {
      arena memory(1 << 20);
      produce_request made;
      filler(random, memory, version).field(made);
      octets bytes = bytes_of(made, version);
      if (i % 2 == 0) {
        bytes.resize(random.below(bytes.size() + 1));
      } else {
        bytes[random.below(bytes.size())] ^= static_cast<uint8_t>(1u << random.below(8));
      }
      bytes.shrink_to_fit();
      reader in(bytes);
      const auto decoded = decode<produce_request>(in, version, memory);
      auto opened = produce_reader::open(reader(bytes), version);
      REQUIRE(opened.ok() == decoded.ok());
      if (opened.ok()) {
        CHECK(dump(collect(*opened, memory), version) == dump(*decoded, version));
      } else {
        ++refused;
        CHECK(opened.error() == decoded.error());
      }
    }
  }
  CHECK(refused > 1000);
}

TEST_CASE("produce reader: versions before record batches v2 and after the table are refused") {
  const octets zeros(64);
  for (const int16_t version : {-1, 0, 2, 14}) {
    CHECK(produce_reader::open(reader(zeros), version).error().code == base::errc::unsupported);
  }
}

TEST_CASE("produce response writer: the same bytes as the generated encoder, in every version") {
  base::prng random(6);
  for (int16_t version = 3; version <= 13; ++version) {
    CAPTURE(version);
    for (int i = 0; i < 200; ++i) {
      arena memory(1 << 20);
      produce_response response;
      filler(random, memory, version).field(response);
      byte_counter count;
      write(count, version, response);
      octets bytes(count.written());
      writer out(bytes);
      write(out, version, response);
      CHECK(out.remaining() == 0);
      CHECK(bytes == bytes_of(response, version));
    }
  }
}

TEST_CASE("produce response writer: versions 0 to 2, which the table no longer has") {
  produce_response_partition partitions[] = {{.index = 1, .error_code = 87, .base_offset = -1, .log_append_time_ms = -1}};
  produce_response_topic topics[] = {{.name = "t", .partition_responses = partitions}};
  const produce_response response{.responses = topics, .throttle_time_ms = 9};
  const octets v0 = {0, 0, 0, 1, 0, 1, 't', 0, 0, 0, 1, 0, 0, 0, 1, 0, 87, 255, 255, 255, 255, 255, 255, 255, 255};
  octets v1 = v0, v2 = v0;
  for (const uint8_t byte : {0, 0, 0, 9}) v1.push_back(byte);
  for (int i = 0; i < 8; ++i) v2.push_back(255);
  for (const uint8_t byte : {0, 0, 0, 9}) v2.push_back(byte);
  const octets* want[] = {&v0, &v1, &v2};
  for (int16_t version = 0; version <= 2; ++version) {
    CAPTURE(version);
    octets bytes(want[version]->size());
    writer out(bytes);
    write(out, version, response);
    CHECK(out.remaining() == 0);
    CHECK(bytes == *want[version]);
  }
}

}  // namespace millrace::wire::kafka
