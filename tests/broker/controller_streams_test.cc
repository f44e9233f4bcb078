#include <doctest/doctest.h>

#include <algorithm>

#include "broker_node.hh"

/// Streams: made by Kafka names or for themselves, gone with the last topic or when they are told
/// to, and what Kafka sees of what is in them.

namespace millrace::broker {
namespace {

using base::errc;
using namespace test;

new_topic topic(std::string name, int32_t partitions = 1) {
  return {.name = std::move(name), .partitions = partitions, .assignment = {}, .configs = {}};
}

new_topic topic_in(std::string stream, std::string name, int32_t partitions = 1) {
  new_topic t = topic(std::move(name), partitions);
  t.stream = std::move(stream);
  return t;
}

std::vector<std::string> streams_of(const broker_node& b, unsigned core = 0) {
  std::vector<std::string> names;
  for (const stream_view& s : b.seen(core).streams) names.push_back(s.stream->name);
  return names;
}

std::vector<std::string> kafka_names_of(const broker_node& b) {
  std::vector<std::string> names;
  for (const topic_info* t : b.seen().topics) names.push_back(t->kafka_name);
  return names;
}

using names = std::vector<std::string>;

/// The whole catalog, as text.
std::string picture(const snapshot& seen) {
  std::string text;
  for (const stream_view& s : seen.streams) {
    text += s.stream->name + " " + std::to_string(s.stream->number) + " " + std::to_string(s.stream->created) + " " +
            std::to_string(static_cast<int>(s.stream->origin)) + "\n";
    for (const topic_info* t : s.topics) {
      text += "  " + t->topic_name + " " + std::to_string(t->number) + " [" + t->kafka_name + "] " +
              std::string(base::as_view(t->id.to_text())) + " " + std::to_string(t->partitions.size()) + "\n";
    }
  }
  return text;
}

}  // namespace

TEST_CASE("streams: a Kafka name makes its stream, which goes with its last topic") {
  broker_node b(21, 2);
  REQUIRE(b.start());
  CHECK(streams_of(b).empty());
  REQUIRE_FALSE(b.create(topic("shop.orders")).error);
  REQUIRE_FALSE(b.create(topic("shop.bills"), 1).error);
  REQUIRE_FALSE(b.create(topic("plain")).error);
  REQUIRE_FALSE(b.create(topic(".lead")).error);
  CHECK(streams_of(b, 1) == names{std::string(default_stream), "shop"});
  CHECK(kafka_names_of(b) == names{".lead", "plain", "shop.bills", "shop.orders"});
  const topic_info* orders = b.seen(1).find_topic(stream_and_topic{"shop", "orders"});
  REQUIRE(orders != nullptr);
  CHECK(orders == b.seen().find("shop.orders"));
  CHECK(orders->stream->origin == stream_origin::kafka_name);
  CHECK(b.seen().find_topic(stream_and_topic{default_stream, "plain"}) == b.seen().find("plain"));

  REQUIRE_FALSE(b.remove("shop.orders").error);
  CHECK(streams_of(b) == names{std::string(default_stream), "shop"});
  REQUIRE_FALSE(b.remove("shop.bills").error);
  CHECK(streams_of(b) == names{std::string(default_stream)});
  REQUIRE_FALSE(b.remove("plain").error);
  REQUIRE_FALSE(b.remove(".lead").error);
  CHECK(streams_of(b).empty());
  b.w.run_for(base::seconds(1));
  REQUIRE(b.stop());
  b.rebuild(1);
  REQUIRE(b.start());
  CHECK(streams_of(b).empty());
}

TEST_CASE("streams: two topics of one request share the stream that the first makes") {
  broker_node b(22, 2);
  REQUIRE(b.start());
  std::vector<new_topic> both{topic("s.a"), topic("s.b"), topic("s.a_b"), topic("s.a.b")};
  const auto done = b.w.run(b.n, 1, b.control->create_topics(b.n.core(1), std::move(both), false));
  REQUIRE(done);
  CHECK_FALSE((*done)[0].error);
  CHECK_FALSE((*done)[1].error);
  CHECK((*done)[3].error->code == errc::invalid_topic);
  CHECK((*done)[0].stream_id == (*done)[1].stream_id);
  CHECK(streams_of(b) == names{"s"});
  std::vector<base::uuid> all;
  for (size_t i = 0; i < 3; ++i) all.push_back((*done)[i].topic_id);
  REQUIRE(b.w.run(b.n, 0, b.control->delete_topics(b.n.core(), std::move(all))));
  CHECK(streams_of(b).empty());
}

TEST_CASE("streams: what was only looked at makes no stream") {
  broker_node b(23);
  REQUIRE(b.start());
  CHECK_FALSE(b.create(topic("shop.orders"), 0, true).error);
  CHECK(b.create(topic("shop.orders", 0)).error->code == errc::invalid_partitions);
  CHECK(streams_of(b).empty());
  b.n.disk().add_rule({.kind = reactor::op_kind::make_dir, .path_part = "/shop.orders", .error = 28});
  CHECK(b.create(topic("shop.orders")).error->code == errc::no_space);
  b.n.disk().clear_rules();
  b.n.disk().add_rule({.kind = reactor::op_kind::write, .path_part = "meta", .error = 28});
  CHECK(b.create(topic("shop.orders")).error->code == errc::no_space);
  CHECK(b.create_stream("shop").error->code == errc::no_space);
  CHECK(streams_of(b).empty());
  b.n.disk().clear_rules();
  REQUIRE_FALSE(b.create(topic("shop.orders")).error);
  b.n.disk().add_rule({.kind = reactor::op_kind::write, .path_part = "meta", .error = 28});
  CHECK(b.remove("shop.orders").error->code == errc::no_space);
  CHECK(b.remove_stream("shop").error->code == errc::no_space);
  b.n.disk().clear_rules();
  CHECK(streams_of(b) == names{"shop"});
  CHECK(b.seen().find("shop.orders")->stream == b.seen().find_stream("shop")->stream);
  CHECK(b.all_partitions_live());
}

TEST_CASE("streams: one that was made for itself stays without topics, until it is deleted") {
  broker_node b(24, 2);
  REQUIRE(b.start());
  REQUIRE_FALSE(b.create_stream("shop", 1).error);
  CHECK(b.create_stream("shop").error->code == errc::stream_exists);
  CHECK(b.create_stream("").error->code == errc::invalid_stream);
  CHECK(b.create_stream(std::string(256, 's')).error->code == errc::invalid_stream);
  CHECK(b.create_stream("\xff").error->code == errc::invalid_stream);
  CHECK(b.create(topic_in("nobody", "t")).error->code == errc::unknown_stream);
  CHECK(b.create(topic_in("shop", "")).error->code == errc::invalid_topic);
  REQUIRE_FALSE(b.create(topic_in("shop", "orders", 3)).error);
  CHECK(b.create(topic_in("shop", "orders")).error->code == errc::topic_exists);
  CHECK(b.create(topic("shop.orders")).error->code == errc::topic_exists);
  CHECK(b.n.disk().exists("/data/shop.orders-2"));
  REQUIRE_FALSE(b.create(topic("shop.bills")).error);
  CHECK(kafka_names_of(b) == names{"shop.bills", "shop.orders"});
  REQUIRE_FALSE(b.remove("shop.orders").error);
  REQUIRE_FALSE(b.remove("shop.bills").error);
  CHECK(streams_of(b) == names{"shop"});
  REQUIRE_FALSE(b.create(topic("shop.orders", 2)).error);
  const partition_info p = b.seen().find("shop.orders")->partitions[1];

  CHECK_FALSE(b.remove_stream("shop", 1).error);
  CHECK(b.remove_stream("shop").error->code == errc::unknown_stream);
  CHECK(streams_of(b, 1).empty());
  CHECK(b.seen().topics.empty());
  CHECK(b.brokers[p.owner.value()]->find(p.id) == nullptr);
  b.w.run_for(base::seconds(1));
  CHECK_FALSE(b.n.disk().exists("/data/shop.orders-1"));
  REQUIRE(b.stop());
}

TEST_CASE("streams: topics that Kafka cannot name are not shown to it, and live like others") {
  broker_node b(25, 3);
  REQUIRE(b.start());
  REQUIRE_FALSE(b.create_stream("sh.op").error);
  REQUIRE_FALSE(b.create_stream(std::string(default_stream)).error);
  const std::string longest(255, 'x');
  const stream_and_topic hidden[] = {{"sh.op", "orders"},
                                     {"sh.op", longest},
                                     {default_stream, "a.b"},
                                     {default_stream, "two words"},
                                     {default_stream, "caf\xc3\xa9"}};
  for (const auto& [stream, name] : hidden) {
    const auto made = b.create(topic_in(std::string(stream), std::string(name), 3), 1);
    REQUIRE_FALSE(made.error);
    const std::string id(base::as_view(made.topic_id.to_text()));
    CHECK(b.n.disk().exists("/data/" + id + "-2"));
    CHECK(b.seen().find_topic(stream_and_topic{stream, name})->kafka_name.empty());
    CHECK(b.seen().find_topic(made.topic_id) != nullptr);
    CHECK(b.seen().find(made.topic_id) == nullptr);
    CHECK(b.seen().find(name) == nullptr);
    CHECK(b.alter({std::string(name), {}, false}).error->code == errc::unknown_topic_or_partition);
    CHECK_FALSE(b.alter({made.topic_id, {{"segment.ms", config_op::set, "5"}}, false}).error);
    CHECK_FALSE(b.grow({made.topic_id, 4, std::nullopt}).error);
    CHECK(b.n.disk().exists("/data/" + id + "-3"));
  }
  CHECK(b.grow({base::uuid(), 4, std::nullopt}).error->code == errc::unknown_topic_id);
  CHECK(b.seen().topics.empty());
  CHECK(b.all_partitions_live());
  // To Kafka the name a.b is free: it is another topic.
  REQUIRE_FALSE(b.create(topic("a.b")).error);
  CHECK(kafka_names_of(b) == names{"a.b"});
  CHECK(b.seen().find("a.b") != b.seen().find_topic(stream_and_topic{default_stream, "a.b"}));

  const std::string before = picture(b.seen());
  REQUIRE(b.stop());
  b.rebuild(2);
  REQUIRE(b.start());
  CHECK(picture(b.seen()) == before);
  CHECK(b.all_partitions_live());
  const topic_info* again = b.seen().find_topic(stream_and_topic{default_stream, "two words"});
  CHECK(again->config.overrides == config_overrides{{"segment.ms", "5"}});
  CHECK_FALSE(b.remove_topic(again->id).error);
  CHECK(b.seen().find_topic(stream_and_topic{default_stream, "two words"}) == nullptr);
  REQUIRE(b.stop());
}

TEST_CASE("streams: a stream that a Kafka name made stays while topics of other doors are in it") {
  broker_node b(26);
  REQUIRE(b.start());
  REQUIRE_FALSE(b.create(topic("shop.orders")).error);
  const auto other = b.create(topic_in("shop", "two words"));
  REQUIRE_FALSE(other.error);
  REQUIRE_FALSE(b.remove("shop.orders").error);
  CHECK(streams_of(b) == names{"shop"});
  CHECK_FALSE(b.remove_topic(other.topic_id).error);
  CHECK(streams_of(b).empty());
}

TEST_CASE("streams: Kafka's rule on '.' and '_' binds only who asks by a Kafka name") {
  broker_node b(27);
  REQUIRE(b.start());
  REQUIRE_FALSE(b.create_stream("a_b").error);
  REQUIRE_FALSE(b.create(topic("a.b.c")).error);
  CHECK(b.create(topic("a_b.c")).error->code == errc::invalid_topic);
  REQUIRE_FALSE(b.create(topic_in("a_b", "c")).error);
  CHECK(kafka_names_of(b) == names{"a.b.c", "a_b.c"});
  CHECK(b.create(topic("a_b_c")).error->code == errc::invalid_topic);
  REQUIRE_FALSE(b.remove("a.b.c").error);
  CHECK(b.create(topic("a_b_c")).error->code == errc::invalid_topic);
  REQUIRE_FALSE(b.remove("a_b.c").error);
  CHECK_FALSE(b.create(topic("a_b_c")).error);
}

TEST_CASE("streams: numbers are counted from 0, per kind, and kept over a restart") {
  broker_node b(28);
  REQUIRE(b.start());
  REQUIRE_FALSE(b.create_stream("zero").error);
  REQUIRE_FALSE(b.create(topic("one.a")).error);
  REQUIRE_FALSE(b.create(topic("one.b")).error);
  REQUIRE_FALSE(b.create_stream("two").error);
  REQUIRE_FALSE(b.create(topic_in("zero", "a")).error);
  REQUIRE_FALSE(b.remove_stream("zero").error);
  REQUIRE_FALSE(b.create_stream("three").error);
  const auto check = [&] {
    CHECK(b.seen().find_stream("one")->stream->number == 1);
    CHECK(b.seen().find_stream("two")->stream->number == 2);
    CHECK(b.seen().find_stream("three")->stream->number == 3);
    CHECK(b.seen().find("one.a")->number == 0);
    CHECK(b.seen().find("one.b")->number == 1);
  };
  check();
  REQUIRE(b.stop());
  b.rebuild(1);
  REQUIRE(b.start());
  check();
  REQUIRE_FALSE(b.create(topic("one.c")).error);
  CHECK(b.seen().find("one.c")->number == 2);
}

TEST_CASE("streams: a Kafka name that spells another topic's id takes no directory from it") {
  broker_node b(29);
  REQUIRE(b.start());
  REQUIRE_FALSE(b.create_stream("s.s").error);
  const auto hidden = b.create(topic_in("s.s", "t"));
  REQUIRE_FALSE(hidden.error);
  const std::string id(base::as_view(hidden.topic_id.to_text()));
  REQUIRE_FALSE(b.create(topic(id, 3)).error);
  REQUIRE_FALSE(b.grow({hidden.topic_id, 3, std::nullopt}).error);
  CHECK(b.all_partitions_live());
  std::vector<std::string> directories;
  for (const known_log& l : b.control->logs()) directories.push_back(l.directory);
  std::ranges::sort(directories);
  CHECK(std::ranges::adjacent_find(directories) == directories.end());
  CHECK(directories.size() == 6);
  REQUIRE(b.stop());
  b.rebuild(1);
  REQUIRE(b.start());
  CHECK(b.all_partitions_live());
}

TEST_CASE("streams: a catalog of another version, or with a topic of no stream, stops the start") {
  struct row {
    const char* name;
    std::string key;
    std::string value;
    errc why;
  };
  stored_topic lost;
  lost.id = base::uuid::from_random(5, 6);
  lost.stream = base::uuid::from_random(7, 8);
  lost.name = "t";
  std::string newer = encode_topic(lost);
  newer[0] = 9;
  stored_stream twin;
  twin.id = base::uuid::from_random(9, 10);
  twin.name = "shop";
  const row rows[] = {
      {"a key of the first format", "topic/orders", std::string(26, '\0'), errc::foreign},
      {"a newer value", topic_key(lost.id), newer, errc::foreign},
      {"a topic of no stream", topic_key(lost.id), encode_topic(lost), errc::corrupt},
      {"a stream twice", stream_key(twin.id), encode_stream(twin), errc::corrupt},
      {"no value", topic_key(lost.id), "", errc::corrupt},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    broker_node b(30);
    REQUIRE(b.start());
    REQUIRE_FALSE(b.create(topic("shop.orders")).error);
    REQUIRE(b.stop());
    b.rebuild(1);
    const auto before = b.w.run(b.n, 0, b.store->load());
    REQUIRE(before);
    std::vector<meta_change> more;
    more.push_back({r.key, r.value});
    REQUIRE(b.w.run(b.n, 0, b.store->put_if(before->revision, std::move(more))));
    CHECK(b.start().error().code == r.why);
  }
}

}  // namespace millrace::broker
