#include "broker/catalog/stored_topic.hh"

#include <doctest/doctest.h>

#include "base/prng.hh"
#include "broker/catalog/names.hh"

namespace millrace::broker {
namespace {

stored_topic example() {
  return {.name = "shop.orders",
          .id = base::uuid::from_random(11, 22),
          .directories = {"shop.orders-0", "BAsomethingelse-1", "shop.orders-2"},
          .overrides = {{"max.message.bytes", "1"}, {"segment.ms", std::string(70000, '7')}}};
}

}  // namespace

TEST_CASE("stored topic: comes back as it was, and usual directories cost a byte") {
  const stored_topic topic = example();
  const auto back = decode_topic(topic.name, base::as_bytes(encode_topic(topic)));
  REQUIRE(back);
  CHECK(*back == topic);

  stored_topic wide{
      .name = std::string(249, 'x'), .id = topic.id, .directories = {}, .overrides = {}};
  for (int32_t i = 0; i < 10000; ++i) wide.directories.push_back(partition_directory(wide.name, i));
  CHECK(encode_topic(wide).size() == 16 + 4 + 10000 + 2);
  CHECK(*decode_topic(wide.name, base::as_bytes(encode_topic(wide))) == wide);
}

TEST_CASE("stored topic: cut anywhere, or with a byte too many, it is corrupt") {
  const std::string whole = encode_topic(example());
  for (size_t size = 0; size < whole.size(); size += size < 100 ? 1 : 997) {
    CAPTURE(size);
    CHECK(decode_topic("shop.orders", base::as_bytes(whole.substr(0, size))).error().code ==
          base::errc::corrupt);
  }
  CHECK(decode_topic("shop.orders", base::as_bytes(whole + "x")).error().code ==
        base::errc::corrupt);
}

TEST_CASE("stored topic: bytes at random decode to an error or to something that can be encoded") {
  base::prng random(7);
  for (int i = 0; i < 20000; ++i) {
    std::string value = encode_topic(
        {.name = "t", .id = {}, .directories = {"t-0", "other-1"}, .overrides = {{"a", "b"}}});
    for (int k = 0; k < 2; ++k)
      value[random.below(value.size())] = static_cast<char>(random.next());
    const auto topic = decode_topic("t", base::as_bytes(value));
    if (topic) CHECK(decode_topic("t", base::as_bytes(encode_topic(*topic))).ok());
  }
}

TEST_CASE("stored topic: keys of topics are told from others") {
  CHECK(topic_of_key(topic_key("a.b")) == "a.b");
  CHECK(topic_of_key("cluster.id") == "");
}

}  // namespace millrace::broker
