#include "broker/group/consumer_subscription.hh"

#include <string>

#include <doctest/doctest.h>

#include "base/prng.hh"

namespace millrace::broker {
namespace {

using namespace std::string_view_literals;
using topics = std::vector<std::string_view>;

// ConsumerProtocolSubscription as clients send it: version, topics, user data, then what later versions add.
constexpr std::string_view version_0 = "\0\0\0\0\0\2\0\1b\0\1a\xff\xff\xff\xff"sv;
constexpr std::string_view version_1 = "\0\1\0\0\0\1\0\1c\0\0\0\2uu\0\0\0\1\0\1c\0\0\0\1\0\0\0\7"sv;
constexpr std::string_view version_2 = "\0\2\0\0\0\1\0\1d\xff\xff\xff\xff\0\0\0\0\0\0\0\5"sv;
constexpr std::string_view version_3 = "\0\3\0\0\0\1\0\1e\xff\xff\xff\xff\0\0\0\0\0\0\0\5\0\1r"sv;
constexpr std::string_view version_9 = "\0\x09\0\0\0\1\0\1f\xff\xff\xff\xff\0\0\0\0\0\0\0\5\0\1r what is to come"sv;
constexpr std::string_view no_topics = "\0\0\0\0\0\0\xff\xff\xff\xff"sv;

std::optional<topics> read(std::initializer_list<std::string_view> members, std::string_view type = "consumer") {
  std::vector<base::bytes> all;
  for (const std::string_view m : members) all.push_back(base::as_bytes(m));
  return subscribed_topics(type, all);
}

}  // namespace

TEST_CASE("subscription: every version is read, newer ones too") {
  CHECK(read({version_0}) == topics{"a", "b"});
  CHECK(read({version_1}) == topics{"c"});
  CHECK(read({version_2}) == topics{"d"});
  CHECK(read({version_3}) == topics{"e"});
  CHECK(read({version_9}) == topics{"f"});
  CHECK(read({no_topics}) == topics{});
}

TEST_CASE("subscription: a group has what its members have, each topic once, in order") {
  CHECK(read({version_3, version_0, no_topics, version_1, version_0}) == topics{"a", "b", "c", "e"});
  CHECK(read({}) == topics{});
}

TEST_CASE("subscription: what other protocol types say is not looked at") {
  CHECK(read({version_0}, "connect") == std::nullopt);
  CHECK(read({version_0}, "") == std::nullopt);
  CHECK(read({version_0}, "consumers") == std::nullopt);
  CHECK(read({}, "connect") == std::nullopt);
}

TEST_CASE("subscription: one member whose bytes are none makes that of the group unknown") {
  const std::string_view rows[] = {
      ""sv,
      "\0"sv,
      "\0\0"sv,
      "\xff\xff\0\0\0\0\xff\xff\xff\xff"sv,  // version -1
      "\0\0\xff\xff\xff\xff\xff\xff\xff\xff"sv,
      "\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"sv,
      "\0\0\0\0\0\1\xff\xff\xff\xff\xff\xff"sv,  // a topic that is null
      "{\"topics\": [\"a\"]}"sv,
  };
  for (const std::string_view bytes : rows) {
    CAPTURE(bytes.size());
    CHECK(read({bytes}) == std::nullopt);
    CHECK(read({version_0, bytes}) == std::nullopt);
    CHECK(read({bytes, version_0}) == std::nullopt);
  }
}

TEST_CASE("subscription: cut anywhere, and at random, it is read or unknown") {
  for (const std::string_view whole : {version_0, version_1, version_2, version_3, version_9}) {
    const size_t first_version = 2 + 4 + (whole == version_0 ? 6 : 3) + 4 + (whole == version_1 ? 2 : 0);
    for (size_t size = 0; size <= whole.size(); ++size) {
      const std::string cut(whole.substr(0, size));
      CAPTURE(size);
      CHECK(read({cut}).has_value() == (size >= first_version));
    }
  }
  base::prng random(3);
  for (int i = 0; i < 20000; ++i) {
    std::string damaged(version_1);
    for (int k = 0; k < 3; ++k) damaged[random.below(damaged.size())] = static_cast<char>(random.next());
    const auto got = read({damaged});
    if (got) CHECK(got->size() <= damaged.size() / 2);
    std::string noise(random.below(40), '\0');
    for (char& c : noise) c = static_cast<char>(random.below(4) == 0 ? random.next() : 0);
    const auto heard = read({noise});
    if (heard) CHECK(heard->size() <= noise.size() / 2);
  }
  // As many topics as fit: the list of views is larger than the bytes.
  std::string many("\0\0\0\0\x40\0"sv);
  many.append(2 * 0x4000, '\0').append(4, '\xff');
  CHECK(read({many}) == topics{""});
}

}  // namespace millrace::broker
