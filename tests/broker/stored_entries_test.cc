#include "broker/catalog/stored_entries.hh"

#include <doctest/doctest.h>

#include "base/prng.hh"
#include "broker/catalog/names.hh"

namespace millrace::broker {
namespace {

using base::errc;

stored_topic example() {
  return {.id = base::uuid::from_random(11, 22),
          .stream = base::uuid::from_random(33, 44),
          .name = "orders",
          .number = 7,
          .created = 1234567890123,
          .stem = "shop.orders",
          .directories = {"shop.orders-0", "BAsomethingelse-1", "shop.orders-2"},
          .overrides = {{"max.message.bytes", "1"}, {"segment.ms", std::string(70000, '7')}}};
}

stored_stream example_stream() {
  return {.id = base::uuid::from_random(33, 44),
          .name = "sh.op \xc3\xa9",
          .number = 3,
          .created = -1,
          .origin = stream_origin::explicitly};
}

}  // namespace

TEST_CASE("stored entries: a topic comes back as it was, and usual directories cost a byte") {
  const stored_topic topic = example();
  const auto back = decode_topic(topic.id, base::as_bytes(encode_topic(topic)));
  REQUIRE(back);
  CHECK(*back == topic);

  stored_topic wide = topic;
  wide.name = wide.stem = std::string(249, 'x');
  wide.overrides.clear();
  wide.directories.clear();
  for (int32_t i = 0; i < 10000; ++i) wide.directories.push_back(partition_directory(wide.stem, i));
  CHECK(encode_topic(wide).size() == 29 + 2 * (2 + 249) + 4 + 10000 + 2);
  CHECK(*decode_topic(wide.id, base::as_bytes(encode_topic(wide))) == wide);
}

TEST_CASE("stored entries: a stream comes back as it was") {
  stored_stream stream = example_stream();
  CHECK(*decode_stream(stream.id, base::as_bytes(encode_stream(stream))) == stream);
  stream.origin = stream_origin::kafka_name;
  CHECK(*decode_stream(stream.id, base::as_bytes(encode_stream(stream))) == stream);
}

TEST_CASE("stored entries: cut anywhere, or with a byte too many, they are corrupt") {
  const std::string topic = encode_topic(example());
  for (size_t size = 0; size < topic.size(); size += size < 150 ? 1 : 997) {
    CAPTURE(size);
    CHECK(decode_topic({}, base::as_bytes(topic.substr(0, size))).error().code == errc::corrupt);
  }
  CHECK(decode_topic({}, base::as_bytes(topic + "x")).error().code == errc::corrupt);
  const std::string stream = encode_stream(example_stream());
  for (size_t size = 0; size < stream.size(); ++size) {
    CAPTURE(size);
    CHECK(decode_stream({}, base::as_bytes(stream.substr(0, size))).error().code == errc::corrupt);
  }
  CHECK(decode_stream({}, base::as_bytes(stream + "x")).error().code == errc::corrupt);
}

TEST_CASE("stored entries: what another version wrote is foreign, not corrupt") {
  std::string topic = encode_topic(example());
  std::string stream = encode_stream(example_stream());
  topic[0] = stream[0] = 2;
  CHECK(decode_topic({}, base::as_bytes(topic)).error() == base::error{errc::foreign, 0, 2});
  CHECK(decode_stream({}, base::as_bytes(stream)).error() == base::error{errc::foreign, 0, 2});
}

TEST_CASE("stored entries: names that nobody may have, and the last number, are corrupt") {
  stored_stream stream = example_stream();
  stream.name = "";
  CHECK_FALSE(decode_stream({}, base::as_bytes(encode_stream(stream))));
  stream.name = "\xff";
  CHECK_FALSE(decode_stream({}, base::as_bytes(encode_stream(stream))));
  stream = example_stream();
  stream.number = UINT32_MAX;
  CHECK_FALSE(decode_stream({}, base::as_bytes(encode_stream(stream))));
  stored_topic topic = example();
  topic.name = std::string(256, 'x');
  CHECK_FALSE(decode_topic({}, base::as_bytes(encode_topic(topic))));
  topic = example();
  topic.number = UINT32_MAX;
  CHECK_FALSE(decode_topic({}, base::as_bytes(encode_topic(topic))));
}

TEST_CASE("stored entries: bytes at random decode to an error or to something that can be encoded") {
  base::prng random(7);
  stored_topic small = example();
  small.overrides = {{"a", "b"}};
  for (int i = 0; i < 20000; ++i) {
    std::string value = encode_topic(small);
    std::string stream = encode_stream(example_stream());
    for (int k = 0; k < 2; ++k) {
      value[random.below(value.size())] = static_cast<char>(random.next());
      stream[random.below(stream.size())] = static_cast<char>(random.next());
    }
    const auto topic = decode_topic({}, base::as_bytes(value));
    if (topic) CHECK(decode_topic({}, base::as_bytes(encode_topic(*topic))).ok());
    const auto read = decode_stream({}, base::as_bytes(stream));
    if (read) CHECK(*decode_stream({}, base::as_bytes(encode_stream(*read))) == *read);
  }
}

TEST_CASE("stored entries: keys of streams and topics are told from each other and from others") {
  const base::uuid id = base::uuid::from_random(1, 2);
  CHECK(parse_key(topic_key(id)).kind == key_kind::topic);
  CHECK(parse_key(topic_key(id)).id == id);
  CHECK(parse_key(stream_key(id)).kind == key_kind::stream);
  CHECK(parse_key(stream_key(id)).id == id);
  for (const char* key : {"cluster.id", "", "topics/", "topics/short", "topic/orders"}) {
    CAPTURE(key);
    CHECK(parse_key(key).kind == key_kind::other);
  }
  CHECK(parse_key(topic_key(id) + "x").kind == key_kind::other);
  CHECK(stream_key(id) < topic_key(id));  // streams are read first
}

}  // namespace millrace::broker
