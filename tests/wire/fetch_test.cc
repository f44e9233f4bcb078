#include <doctest/doctest.h>

#include <vector>

#include "dump.hh"
#include "filler.hh"
#include "wire/kafka/fetch_reader.hh"
#include "wire/kafka/fetch_response_writer.hh"
#include "wire/kafka/messages/fetch_walk.hh"

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
fetch_request collect(fetch_reader& in, arena& memory) {
  fetch_request all = in.settings();
  fetch_topic topic;
  all.topics = memory.make_array<fetch_request_topic>(in.topic_count()).value();
  for (fetch_request_topic& to : all.topics) {
    REQUIRE(in.next_topic(topic));
    to = {.topic = topic.topic, .topic_id = topic.topic_id};
    to.partitions = memory.make_array<fetch_request_partition>(topic.partition_count).value();
    for (fetch_request_partition& partition : to.partitions) REQUIRE(in.next_partition(partition));
    fetch_request_partition none;
    CHECK(!in.next_partition(none));
  }
  CHECK(!in.next_topic(topic));
  all.forgotten_topics_data = memory.make_array<fetch_request_forgotten_topic>(in.forgotten_topic_count()).value();
  for (fetch_request_forgotten_topic& to : all.forgotten_topics_data) {
    REQUIRE(in.next_forgotten_topic(topic));
    to = {.topic = topic.topic, .topic_id = topic.topic_id};
    to.partitions = memory.make_array<int32_t>(topic.partition_count).value();
    for (int32_t& partition : to.partitions) REQUIRE(in.next_forgotten_partition(partition));
  }
  CHECK(!in.next_forgotten_topic(topic));
  return all;
}

/// Calls `cut` after each partition.
template <class Sink, class Cut>
void write(Sink& sink, int16_t version, const fetch_response& response, Cut cut) {
  basic_fetch_response_writer<Sink> out(sink, version, response);
  out.begin(response.responses.size());
  for (const fetch_response_fetchable_topic& topic : response.responses) {
    out.topic(topic, topic.partitions.size());
    for (const fetch_response_partition_data& partition : topic.partitions) {
      out.partition(partition);
      cut(partition);
    }
  }
  out.end();
}

}  // namespace

TEST_CASE("fetch reader: shows what the generated decoder decodes, in every version") {
  base::prng random(3);
  for (int16_t version = 4; version <= 18; ++version) {
    CAPTURE(version);
    for (int i = 0; i < 200; ++i) {
      arena memory(1 << 20);
      fetch_request made;
      filler(random, memory, version).field(made);
      const octets bytes = bytes_of(made, version);
      auto request = fetch_reader::open(reader(bytes), version);
      REQUIRE(request.ok());
      const fetch_request again = collect(*request, memory);
      CHECK(dump(again, version) == dump(made, version));
      CHECK(request->replica_id() == (version < 15 ? made.replica_id : made.replica_state.replica_id));
      uint64_t partitions = 0;
      for (const auto& topic : made.topics) partitions += topic.partitions.size();
      CHECK(request->partition_count() == partitions);
    }
  }
}

TEST_CASE("fetch reader: refuses exactly what the generated decoder refuses") {
  base::prng random(5);
  int refused = 0;
  for (int16_t version = 4; version <= 18; ++version) {
    CAPTURE(version);
    for (int i = 0; i < 400; ++i) {
      arena memory(1 << 20);
      fetch_request made;
      filler(random, memory, version).field(made);
      octets bytes = bytes_of(made, version);
      if (i % 2 == 0) {
        bytes.resize(random.below(bytes.size() + 1));
      } else {
        bytes[random.below(bytes.size())] ^= static_cast<uint8_t>(1u << random.below(8));
      }
      bytes.shrink_to_fit();
      reader in(bytes);
      const auto decoded = decode<fetch_request>(in, version, memory);
      auto opened = fetch_reader::open(reader(bytes), version);
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

TEST_CASE("fetch reader: the two lists are walked independently") {
  int32_t gone[] = {4, 5};
  fetch_request_forgotten_topic forgotten[] = {{.topic = "f", .partitions = gone}};
  fetch_request_partition partitions[] = {{.partition = 1, .fetch_offset = 10}, {.partition = 2}};
  fetch_request_topic topics[] = {{.topic = "t", .partitions = partitions}};
  const fetch_request made{.topics = topics, .forgotten_topics_data = forgotten};
  const octets bytes = bytes_of(made, 12);
  auto request = fetch_reader::open(reader(bytes), 12);
  REQUIRE(request.ok());
  fetch_topic topic;
  int32_t index = 0;
  REQUIRE(request->next_forgotten_topic(topic));
  CHECK(topic.topic == "f");
  REQUIRE(request->next_topic(topic));
  CHECK(topic.topic == "t");
  REQUIRE(request->next_forgotten_partition(index));
  CHECK(index == 4);
  fetch_request_partition partition;
  REQUIRE(request->next_partition(partition));
  CHECK(partition.fetch_offset == 10);
  CHECK(!request->next_forgotten_topic(topic));
  CHECK(!request->next_topic(topic));
}

TEST_CASE("fetch response writer: the same bytes as the generated encoder, copied or gathered") {
  base::prng random(6);
  for (int16_t version = 4; version <= 18; ++version) {
    CAPTURE(version);
    for (int i = 0; i < 200; ++i) {
      arena memory(1 << 20);
      fetch_response response;
      filler(random, memory, version).field(response);
      const octets want = bytes_of(response, version);

      byte_counter count;
      write(count, version, response, [](const auto&) {});
      REQUIRE(count.written() == want.size());

      octets copied(count.written());
      writer copying(copied);
      write(copying, version, response, [](const auto&) {});
      CHECK(copying.remaining() == 0);
      CHECK(copied == want);

      octets heads(count.written() - count.record_bytes());
      gather_writer gathering(heads);
      octets joined;
      size_t done = 0;
      write(gathering, version, response, [&](const fetch_response_partition_data& partition) {
        if (!partition.records) return;
        joined.insert(joined.end(), heads.begin() + static_cast<ptrdiff_t>(done),
                      heads.begin() + static_cast<ptrdiff_t>(gathering.cut()));
        joined.insert(joined.end(), partition.records->begin(), partition.records->end());
        done = gathering.cut();
      });
      CHECK(gathering.remaining() == 0);
      joined.insert(joined.end(), heads.begin() + static_cast<ptrdiff_t>(done), heads.end());
      CHECK(joined == want);
    }
  }
}

}  // namespace millrace::wire::kafka
