#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../api/kafka_node.hh"
#include "client/connection.hh"
#include "millrace/admin.hh"
#include "millrace/client.hh"
#include "millrace/consumer.hh"
#include "millrace/producer.hh"
#include "reactor/wait.hh"

/// A broker, of two cores where nothing else is said, and a machine with clients, in one world.

namespace millrace::client::test {

using api::kafka::test::kafka_node;
using base::result;
using reactor::task;

class client_world {
 public:
  explicit client_world(uint64_t seed, sim::world_options how = {}, unsigned cores = 2, api::kafka::door_options doors = {})
      : broker(seed, cores, {}, doors, {}, how), home(world().add_node()) {
    broker.open_doors();
    cluster = std::make_unique<client>(on(), options());
    const result<void> up = run(cluster->start());
    ASSERT(up);
  }
  ~client_world() {
    world().crash(home);
    cluster->abandon();
  }

  sim::world& world() { return broker.b.w; }
  reactor::core& on() { return home.core(); }
  client_options options() {
    return {.bootstrap = {{broker.b.n.address(), kafka_node::port}}, .request_timeout = base::seconds(10)};
  }
  template <class T>
  T run(task<T> work) {
    return world().run(home, 0, std::move(work));
  }
  void create(const std::string& name, int32_t partitions = 1) {
    const result<void> made = run(admin(*cluster).create_topic({.name = name, .partitions = partitions, .configs = {}}));
    ASSERT(made);
  }

  kafka_node broker;
  sim::node& home;
  std::unique_ptr<client> cluster;
};

/// The values of all records of a topic, partition by partition: what a new consumer reads from the begin to the end.
inline task<std::vector<std::vector<std::string>>> read_all(client* cluster, std::string topic) {
  admin asking(*cluster);
  auto begins = co_await asking.list_offsets(topic, earliest);
  auto ends = co_await asking.list_offsets(topic, latest);
  ASSERT(begins && ends);
  std::vector<std::vector<std::string>> values(ends->size());
  std::vector<start_position> from;
  int64_t left = 0;
  for (size_t i = 0; i < ends->size(); ++i) {
    from.push_back({.topic = topic, .partition = static_cast<int32_t>(i), .offset = (*begins)[i]});
    left += (*ends)[i] - (*begins)[i];
  }
  consumer reading(*cluster, {.max_wait = base::milliseconds(50)});
  const result<void> assigned = co_await reading.assign(from);
  ASSERT(assigned);
  batch_records opener;
  while (left > 0) {
    const fetched* got = co_await reading.next();
    for (const fetched_partition& p : got->partitions) {
      ASSERT(!p.why);
      left -= p.next - p.from;
      for (record::batch_iterator batches(p.batches); !batches.done();) {
        const auto batch = batches.next();
        auto records = opener.open(*batch);
        ASSERT(records);
        record::record_view one;
        while (*records->next(one)) {
          if (batch->base_offset().value() + one.offset_delta < p.from) continue;
          values[static_cast<size_t>(p.partition)].emplace_back(base::as_text(*one.value));
        }
      }
    }
  }
  co_await reading.close();
  co_return values;
}

}  // namespace millrace::client::test
