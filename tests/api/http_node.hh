#pragma once

#include "api/http/connection.hh"
#include "api/http/door.hh"
#include "http_client.hh"
#include "kafka_node.hh"

/// A broker in the world with an HTTP door on core 0, beside its Kafka doors.

namespace millrace::api::http::test {

class http_node {
 public:
  static constexpr uint16_t port = 8080;

  explicit http_node(uint64_t seed, unsigned cores = 1, door_options options = {}, sim::world_options how = {})
      : k(seed, cores, {}, {}, {}, how) {
    node_view view{.version = "1.2.3", .state = node_state::serving, .cores = {}, .topics = k.b.catalogs[0].get()};
    for (unsigned i = 0; i < cores; ++i) {
      view.cores.push_back({&k.b.n.core(i), k.b.brokers[i].get(), k.b.groups[i].get(), &k.at(i)});
    }
    door = std::make_unique<http::door>(k.b.n.core(), std::move(view), options);
    ASSERT(door->open({.host = "0.0.0.0", .port = port, .shared = false}));
  }
  ~http_node() {
    if (!closed_) close();
  }
  /// As a stop does it.
  void close() {
    closed_ = true;
    k.b.w.run(k.b.n, 0, door->close());
  }
  std::unique_ptr<http_client> client() { return std::make_unique<http_client>(k.b.w, k.b.n.address(), port); }
  /// What /metrics says.
  std::string metrics() {
    const auto c = client();
    const auto got = c->ask("/metrics");
    ASSERT(got && got->status == 200);
    return got->body;
  }

  kafka::test::kafka_node k;
  std::unique_ptr<http::door> door;

 private:
  bool closed_ = false;
};

}  // namespace millrace::api::http::test
