#include <doctest/doctest.h>

#include <vector>

#include "../base/allocations.hh"
#include "wire/kafka/fetch_reader.hh"
#include "wire/kafka/message.hh"
#include "wire/kafka/produce_reader.hh"

/// The two hot requests are walked without taking memory, in every version and whatever they name.

namespace millrace::wire::kafka {

namespace {

constexpr size_t topics = 5;
constexpr size_t partitions = 40;

template <class Message>
std::vector<uint8_t> bytes_of(const Message& message, int16_t version) {
  std::vector<uint8_t> memory(size_of(message, version));
  writer out(memory);
  encode(out, message, version);
  return memory;
}

std::vector<uint8_t> produce_of(int16_t version) {
  const std::vector<uint8_t> records(100, 'r');
  std::vector<produce_request_partition_data> parts(partitions);
  for (size_t i = 0; i < partitions; ++i) parts[i] = {.index = static_cast<int32_t>(i), .records = base::bytes(records)};
  std::vector<produce_request_topic_data> named(topics);
  for (auto& t : named) {
    t.partition_data = {parts.data(), parts.size()};
    if (version < 13) t.name = "a topic whose name is longer than what a string holds in place";
  }
  produce_request request;
  request.acks = -1;
  request.topic_data = {named.data(), named.size()};
  return bytes_of(request, version);
}

std::vector<uint8_t> fetch_of(int16_t version) {
  std::vector<fetch_request_partition> parts(partitions);
  for (size_t i = 0; i < partitions; ++i) parts[i].partition = static_cast<int32_t>(i);
  std::vector<fetch_request_topic> named(topics);
  for (auto& t : named) {
    t.partitions = {parts.data(), parts.size()};
    if (version < 13) t.topic = "a topic whose name is longer than what a string holds in place";
  }
  std::vector<int32_t> gone(partitions, 7);
  std::vector<fetch_request_forgotten_topic> forgotten(version >= 7 ? topics : 0);
  for (auto& t : forgotten) {
    t.partitions = {gone.data(), gone.size()};
    if (version < 13) t.topic = "another";
  }
  fetch_request request;
  request.topics = {named.data(), named.size()};
  request.forgotten_topics_data = {forgotten.data(), forgotten.size()};
  return bytes_of(request, version);
}

}  // namespace

TEST_CASE("produce reader: a walk allocates nothing") {
  for (int16_t version = 3; version <= 13; ++version) {
    CAPTURE(version);
    const std::vector<uint8_t> bytes = produce_of(version);
    const uint64_t before = heap_allocations();
    auto in = produce_reader::open(reader(bytes), version);
    size_t seen = 0;
    produce_topic topic;
    produce_request_partition_data part;
    while (in.ok() && in->next_topic(topic)) {
      while (in->next_partition(part)) ++seen;
    }
    const uint64_t taken = heap_allocations() - before;
    CHECK(taken == 0);
    CHECK(seen == topics * partitions);
  }
}

TEST_CASE("fetch reader: a walk allocates nothing, nor does one of the forgotten topics") {
  for (int16_t version = 4; version <= 18; ++version) {
    CAPTURE(version);
    const std::vector<uint8_t> bytes = fetch_of(version);
    const uint64_t before = heap_allocations();
    auto in = fetch_reader::open(reader(bytes), version);
    size_t seen = 0;
    fetch_topic topic;
    fetch_request_partition part;
    int32_t index = 0;
    while (in.ok() && in->next_topic(topic)) {
      while (in->next_partition(part)) ++seen;
    }
    while (in.ok() && in->next_forgotten_topic(topic)) {
      while (in->next_forgotten_partition(index)) ++seen;
    }
    const uint64_t taken = heap_allocations() - before;
    CHECK(taken == 0);
    CHECK(seen == topics * partitions * (version >= 7 ? 2 : 1));
  }
}

}  // namespace millrace::wire::kafka
