#include <doctest/doctest.h>

#include "socket_requests.hh"
#include "wire/kafka/messages/fetch.hh"
#include "wire/kafka/messages/find_coordinator.hh"
#include "wire/kafka/messages/join_group.hh"
#include "wire/kafka/messages/metadata.hh"
#include "wire/kafka/messages/produce.hh"

/// What clients can make a core hold, and who is closed for it: rude clients beside honest ones.

namespace millrace::api::kafka {
namespace {

using namespace test;
using namespace wire::kafka;

using clients = std::vector<std::unique_ptr<socket_client>>;

std::vector<uint8_t> metadata(socket_client& c) {
  metadata_request request;
  return c.frame_of(request, 9);
}

bool served(socket_client& c, base::duration limit) {
  c.send(metadata(c));
  return c.answer<metadata_response>(9, limit).has_value();
}

std::vector<uint8_t> produce(socket_client& c, size_t bytes) {
  std::vector<uint8_t> batch;
  record::batch_builder builder(batch, {});
  std::vector<uint8_t> value(bytes, 'v');
  builder.add({.timestamp = 1'767'225'600'000, .value = base::bytes(value)});
  ASSERT(builder.finish());
  produce_request_partition_data part{.index = 0, .records = base::bytes(batch)};
  produce_request_topic_data topic{.name = "t", .topic_id = {}, .partition_data = {&part, 1}};
  produce_request request{.transactional_id = {}, .acks = -1, .timeout_ms = 1000, .topic_data = {&topic, 1}};
  return c.frame_of(request, 9);
}

/// Clients whose frames have begun, and more of them than there is room for: until memory is what is asked.
clients begin_until(kafka_node& k, bool (held_memory::*state)() const noexcept) {
  clients begun;
  while (!(k.at(0).held().*state)() && begun.size() < 300) {
    begun.push_back(std::make_unique<socket_client>(k));
    begun.back()->send(begun_frame(3'500'000, 200'000));
    k.b.w.run_for(base::milliseconds(5));
  }
  REQUIRE((k.at(0).held().*state)());
  return begun;
}

bool taken(socket_client& c, base::duration limit) {
  const auto got = c.answer<produce_response>(9, limit);
  return got && got->body.responses[0].partition_responses[0].error_code == 0;
}

}  // namespace

TEST_CASE("memory: answers that nobody reads are bounded, and their clients go; others are served meanwhile") {
  kafka_node k(1, 1);
  k.open_doors();
  for (int i = 0; i < 40; ++i) k.create(numbered("topic-", i), 20);
  const size_t bound = k.b.n.core().memory().capacity() / 8;
  clients rude;
  for (int i = 0; i < 40; ++i) {
    rude.push_back(std::make_unique<socket_client>(k));
    std::vector<uint8_t> all;
    for (int n = 0; n < 200; ++n) {
      const std::vector<uint8_t> one = metadata(*rude.back());
      all.insert(all.end(), one.begin(), one.end());
    }
    rude.back()->send(std::move(all));
  }
  socket_client honest(k);
  size_t most = 0;
  for (int i = 0; i < 60; ++i) {
    CHECK(served(honest, base::seconds(2)));
    most = std::max(most, k.at(0).held().now().own);
    k.b.w.run_for(base::milliseconds(100));
  }
  MESSAGE("at most ", most >> 10, " KiB held, bound ", bound >> 10);
  CHECK(most > bound);
  CHECK(most < 2 * bound);
  CHECK(k.at(0).counters().refused > 0);
}

TEST_CASE("memory: members that wait for each other hold nothing of what they sent, and others are served") {
  kafka_node k(9, 1);
  k.open_doors();
  find_coordinator_request where;
  where.key = "g";
  REQUIRE(k.ask<find_coordinator_response>(where, 3).body.error_code == 0);
  const std::vector<uint8_t> said(24 << 10);
  join_group_request_protocol protocol{.name = "range", .metadata = said};
  join_group_request joining;
  joining.group_id = "g";
  joining.session_timeout_ms = joining.rebalance_timeout_ms = 600'000;
  joining.protocol_type = "consumer";
  joining.protocols = {&protocol, 1};
  clients members;
  for (int i = 0; i < 50; ++i) {
    members.push_back(std::make_unique<socket_client>(k));
    members.back()->send(members.back()->frame_of(joining, 3));
  }
  // The group waits for three seconds for more of them.
  k.b.w.run_for(base::seconds(1));
  CHECK(k.at(0).held().now().own < (64 << 10));
  socket_client honest(k);
  CHECK(served(honest, base::seconds(1)));
  for (auto& m : members) {
    const auto got = m->answer<join_group_response>(3);
    REQUIRE(got);
    CHECK(got->body.error_code == 0);
  }
}

TEST_CASE("memory: who takes its answers is not closed, however much others hold") {
  kafka_node k(2, 1);
  k.open_doors();
  k.create("t", 1);
  socket_client writer(k);
  for (int i = 0; i < 8; ++i) {
    writer.send(produce(writer, 900'000));
    REQUIRE(taken(writer, base::seconds(5)));
  }
  clients readers;
  for (int i = 0; i < 12; ++i) readers.push_back(std::make_unique<socket_client>(k));
  for (int round = 0; round < 2; ++round) {
    for (auto& c : readers) c->send(fetch(*c, 0, 1 << 20));
    for (auto& c : readers) c->read();
    for (auto& c : readers) CHECK(c->answer<fetch_response>(11).has_value());
  }
  CHECK(k.at(0).counters().refused == 0);
  CHECK(k.at(0).held().now().blocks == 0);
}

TEST_CASE("memory: fetches behind one another do not hold more than one connection may") {
  kafka_node k(3, 1);
  k.open_doors();
  k.create("t", 1);
  socket_client writer(k);
  for (int i = 0; i < 12; ++i) {
    writer.send(produce(writer, 200'000));
    REQUIRE(taken(writer, base::seconds(5)));
  }
  socket_client rude(k);
  std::vector<uint8_t> all;
  for (int i = 0; i < 40; ++i) {
    const std::vector<uint8_t> one = i == 0 ? fetch(rude, 12, 250'000, 1, 20'000) : fetch(rude, i % 12, 250'000);
    all.insert(all.end(), one.begin(), one.end());
  }
  rude.send(std::move(all));
  size_t most = 0;
  for (int i = 0; i < 100; ++i) {
    k.b.w.run_for(base::milliseconds(100));
    most = std::max(most, k.at(0).held().now().blocks);
  }
  CHECK(most > (1 << 20));
  CHECK(most < (3 << 20));
  // They come in the end, in order.
  writer.send(produce(writer, 10));
  REQUIRE(taken(writer, base::seconds(5)));
  for (int32_t i = 1; i <= 40; ++i) {
    const auto got = rude.answer<fetch_response>(11);
    REQUIRE(got);
    REQUIRE(got->correlation_id == i);
    CHECK(got->body.responses[0].partitions[0].error_code == 0);
    CHECK(got->body.responses[0].partitions[0].records);
  }
  CHECK(k.at(0).held().now().blocks == 0);
}

TEST_CASE("memory: frames that are announced and do not come leave room for those that do") {
  kafka_node k(4, 1);
  k.open_doors();
  k.create("t", 1);
  clients rude;
  for (int i = 0; i < 100; ++i) {
    rude.push_back(std::make_unique<socket_client>(k));
    rude.back()->send(begun_frame(60'000, 1));
  }
  for (int i = 0; i < 20; ++i) {
    rude.push_back(std::make_unique<socket_client>(k));
    rude.back()->send(begun_frame(4'000'000, 66'000));
  }
  k.b.w.run_for(base::seconds(1));
  socket_client honest(k);
  for (const size_t bytes : {size_t{50'000}, size_t{900'000}}) {
    honest.send(produce(honest, bytes));
    CHECK(taken(honest, base::seconds(2)));
  }
}

TEST_CASE("memory: a frame that only crawls is given up where another waits for its room") {
  kafka_node k(5, 1);
  k.open_doors();
  k.create("t", 1);
  clients rude;
  for (int i = 0; i < 80; ++i) {
    rude.push_back(std::make_unique<socket_client>(k));
    rude.back()->send(begun_frame(4'000'000, 130'000));
  }
  k.b.w.run_for(base::seconds(1));
  const uint64_t refused = k.at(0).counters().refused;
  socket_client honest(k);
  socket_client second(k);
  honest.send(produce(honest, 900'000));
  second.send(produce(second, 900'000));
  bool both = false;
  for (int i = 0; i < 10 && !both; ++i) {
    for (auto& c : rude) c->send({0});
    k.b.w.run_for(base::seconds(10));
    both = honest.receive(base::microseconds(1)).has_value();
  }
  CHECK(taken(second, base::seconds(30)));
  CHECK(k.at(0).counters().refused > refused);
}

TEST_CASE("memory: large frames that wait for room let small requests through, and come in one after the other") {
  kafka_node k(8, 1, {}, {}, {}, fast_network());
  k.open_doors();
  k.create("t", 1, {{"max.message.bytes", "4000000"}});
  clients large;
  for (int i = 0; i < 20; ++i) {
    large.push_back(std::make_unique<socket_client>(k));
    // Begun by all before any of them is whole.
    large.back()->send(begun_frame(3'500'000, 20'000));
  }
  k.b.w.run_for(base::seconds(1));
  for (auto& c : large) c->send(std::vector<uint8_t>(3'480'000));
  socket_client honest(k);
  size_t most = 0;
  for (int i = 0; i < 100; ++i) {
    CHECK(served(honest, base::seconds(1)));
    most = std::max(most, k.at(0).held().now().own);
    k.b.w.run_for(base::milliseconds(10));
  }
  CHECK(!k.at(0).held().over());
  MESSAGE("at most ", most >> 10, " KiB held beside the frames");
  // Zeros are no request: each of them ends its connection, and none waits for ever.
  for (auto& c : large) CHECK(c->closes(base::seconds(20)));
}

TEST_CASE("memory: where others' frames have no room, small requests are read all the same, and the first frame goes on") {
  kafka_node k(11, 1, {}, {}, {}, fast_network());
  k.open_doors();
  k.create("t", 1);
  clients first;  // before all others: one of them finishes, whatever the others wait for, and then the next
  for (int i = 0; i < 3; ++i) {
    first.push_back(std::make_unique<socket_client>(k));
    first.back()->send(begun_frame(3'500'000, 100'000));
    k.b.w.run_for(base::milliseconds(100));
  }
  const clients large = begin_until(k, &held_memory::exhausted);
  REQUIRE(!k.at(0).held().full());
  const uint64_t refused = k.at(0).counters().refused;
  socket_client honest(k);
  CHECK(served(honest, base::milliseconds(100)));
  const std::vector<uint8_t> request = produce(honest, 20'000);
  honest.send({request.begin(), request.begin() + 5000});
  k.b.w.run_for(base::milliseconds(10));
  honest.send({request.begin() + 5000, request.end()});
  CHECK(taken(honest, base::milliseconds(100)));

  for (auto& c : first) c->send(std::vector<uint8_t>(20'000));  // for which there is a place
  k.b.w.run_for(base::milliseconds(10));
  first[2]->send(std::vector<uint8_t>(3'380'000));
  CHECK(!first[2]->closes(base::milliseconds(100)));
  first[0]->send(std::vector<uint8_t>(3'380'000));
  CHECK(first[0]->closes(base::milliseconds(100)));  // zeros are no request
  first[1].reset();                                  // its client leaves
  CHECK(first[2]->closes(base::milliseconds(100)));
  CHECK(k.at(0).held().exhausted());
  CHECK(k.at(0).counters().refused == refused + 2);
}

TEST_CASE("memory: while frames come in one after the other, however slowly, nobody goes for what has no room") {
  kafka_node k(13, 1, {}, {}, {}, fast_network());
  k.open_doors();
  socket_client first(k);
  first.send(begun_frame(3'500'000, 100'000));
  k.b.w.run_for(base::milliseconds(100));
  const clients large = begin_until(k, &held_memory::exhausted);
  k.b.w.run_for(base::milliseconds(1500));
  const uint64_t refused = k.at(0).counters().refused;
  first.send(std::vector<uint8_t>(3'400'000));
  CHECK(first.closes(base::milliseconds(100)));
  k.b.w.run_for(base::milliseconds(1500));
  CHECK(k.at(0).held().exhausted());
  CHECK(k.at(0).counters().refused == refused + 1);  // the first one: zeros are no request
  k.b.w.run_for(base::seconds(1));
  CHECK(k.at(0).counters().refused > refused + 1);
}

TEST_CASE("memory: a large frame behind a fetch that waits goes on where memory is tight, for others wait for it") {
  kafka_node k(12, 1, {}, {}, {}, fast_network());
  k.open_doors();
  k.create("t", 1);
  socket_client first(k);
  first.send(fetch(first, 0, 1 << 20, 1, 600'000));
  first.send(begun_frame(3'500'000, 100'000));
  k.b.w.run_for(base::milliseconds(100));
  const clients large = begin_until(k, &held_memory::tight);
  first.send(std::vector<uint8_t>(3'400'000));
  CHECK(first.closes(base::milliseconds(500)));  // zeros are no request
}

TEST_CASE("memory: so many large frames without room that nobody is read: those that sent most go, and others are served") {
  kafka_node k(10, 1, {}, {}, {}, fast_network());
  k.open_doors();
  clients large;
  for (int i = 0; i < 300; ++i) {
    large.push_back(std::make_unique<socket_client>(k));
    large.back()->send(begun_frame(3'500'000, 200'000));
  }
  socket_client honest(k);
  CHECK(!served(honest, base::seconds(1)));
  CHECK(k.at(0).held().full());
  CHECK(honest.answer<metadata_response>(9, base::seconds(4)).has_value());
  CHECK(k.at(0).counters().refused > 0);
  CHECK(k.at(0).counters().refused < 150);
}

TEST_CASE("idle: a quiet connection, and one in the middle of a frame, end when their time is over") {
  kafka_node k(6, 1, {}, {.idle_max = base::seconds(100)});
  k.open_doors();
  socket_client quiet(k);
  socket_client half(k);
  CHECK(served(quiet, base::seconds(1)));
  half.send(begun_frame(1000, 10));
  CHECK(!half.closes(base::seconds(25)));
  CHECK(half.closes(base::seconds(40)));
  CHECK(!quiet.closes(base::seconds(20)));
  CHECK(quiet.closes(base::seconds(60)));
}

TEST_CASE("idle: a connection with a parked fetch is not idle, however long that is parked") {
  kafka_node k(12, 1, {}, {.idle_max = base::seconds(10)});
  k.open_doors();
  k.create("t", 1);
  socket_client c(k);
  c.send(fetch(c, 0, 1 << 20, 1, 65'000));
  CHECK(!c.closes(base::seconds(60)));
  CHECK(c.answer<fetch_response>(11, base::seconds(10)).has_value());
  CHECK(!c.closes(base::seconds(9)));
  CHECK(c.closes(base::seconds(2)));
}

TEST_CASE("a connection with 256 unanswered requests is not read on, and answers all in order") {
  kafka_node k(7, 1);
  k.open_doors();
  k.create("t", 1);
  socket_client c(k);
  std::vector<uint8_t> all;
  for (int i = 0; i < 1000; ++i) {
    const std::vector<uint8_t> one = produce(c, 10);
    all.insert(all.end(), one.begin(), one.end());
  }
  c.send(std::move(all));
  for (int32_t i = 1; i <= 1000; ++i) {
    const auto got = c.answer<produce_response>(9);
    REQUIRE(got);
    REQUIRE(got->correlation_id == i);
  }
}

}  // namespace millrace::api::kafka
