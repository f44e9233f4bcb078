#include "quiet.hh"

#include "wire/kafka/messages/create_topics.hh"
#include "workload/client.hh"
#include "workload/server_node.hh"

namespace millrace::swarm {

namespace {

constexpr base::duration patience = base::seconds(60);
constexpr base::duration quiet = base::seconds(600);

reactor::task<bool> create_one(client* link) {
  constexpr int16_t version = 5;
  const bool connected = co_await link->connect();
  if (!connected) co_return false;
  wire::kafka::create_topics_request_creatable_topic topic{
      .name = "t", .num_partitions = 1, .replication_factor = 1, .assignments = {}, .configs = {}};
  const wire::kafka::create_topics_request body{.topics = {&topic, 1}, .timeout_ms = 30000};
  std::vector<uint8_t> frame = link->frame_of(body, version);
  const bool sent = co_await link->send(std::move(frame));
  if (!sent) co_return false;
  auto answered = co_await link->receive("create topics");
  if (!answered) co_return false;
  const auto got = link->read<wire::kafka::create_topics_response>(std::move(*answered), version);
  const bool made = got && got->body.topics.size() == 1 && got->body.topics[0].error_code == 0;
  co_await link->drop();
  co_return made;
}

}  // namespace

run_outcome run_quiet(uint64_t seed) {
  run_outcome out;
  const auto failed = [&](const char* what) {
    out.found = {.kind = broken::liveness, .checker = "progress", .what = what};
    return out;
  };
  sim::world world(seed, {});
  server_node server(world, world.add_node(1), {});
  sim::node& clients = world.add_node(1);
  model seen;
  client link(clients.core(), seen, server.node().address());
  server.start(1);
  const bool up = world.run_until([&] { return server.state() == server_state::serving; }, patience);
  if (!up) return failed("the broker does not come up");
  auto making = world.start(clients, 0, create_one(&link));
  const bool ended = world.run_until([&] { return making->done(); }, patience);
  if (!ended || !making->take()) return failed("no topic is made");
  const base::instant begun = world.now();
  const uint64_t events = world.events();
  world.run_for(quiet);
  out.schedule_hash = world.schedule_hash();
  out.events = world.events() - events;
  out.virtual_time = base::instant{(world.now() - begun).ns};
  return out;
}

}  // namespace millrace::swarm
