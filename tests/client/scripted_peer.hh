#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.hh"
#include "client_world.hh"
#include "reactor/listener.hh"
#include "reactor/scope.hh"
#include "reactor/socket.hh"
#include "reactor/wait.hh"
#include "wire/kafka/messages/metadata.hh"

/// A peer of the client that says what a test wrote down for it.

namespace millrace::client::test {

/// Answers whatever comes with the next of its answers.
class scripted_peer final : public reactor::connection_handler {
 public:
  scripted_peer(reactor::core& on, std::vector<std::vector<uint8_t>> answers)
      : core_(on), answers_(std::move(answers)), tasks_(on) {}
  ~scripted_peer() override {
    tasks_.abandon();
    for (auto& s : sockets_) s->abandon();
  }
  void on_accept(int handle) override {
    sockets_.push_back(std::make_unique<reactor::socket>(core_, handle));
    tasks_.spawn(answer(sockets_.back().get()));
  }

 private:
  reactor::task<void> answer(reactor::socket* to) {
    for (std::vector<uint8_t>& bytes : answers_) {
      const auto got = co_await to->receive();
      if (got.buffer == nullptr) co_return;
      // A request may come in pieces: what belongs to it comes at once.
      co_await reactor::sleep(core_, base::milliseconds(100));
      to->give_back(*got.buffer);
      while (to->has_arrived()) to->give_back(to->next_arrived());
      const iovec piece{bytes.data(), bytes.size()};
      (void)co_await to->send({&piece, 1});
    }
  }
  reactor::core& core_;
  std::vector<std::vector<uint8_t>> answers_;
  std::vector<std::unique_ptr<reactor::socket>> sockets_;
  reactor::scope tasks_;
};

/// A Metadata answer of version 4: one broker, 1, which leads the one partition of the topic "t".
inline std::vector<uint8_t> metadata_answer(int32_t correlation, const std::string& host, uint16_t port) {
  using namespace wire::kafka;
  metadata_response_broker node;
  node.node_id = 1;
  node.host = host;
  node.port = port;
  metadata_response_partition partition;
  partition.leader_id = 1;
  metadata_response_topic topic;
  topic.name = std::string_view("t");
  topic.partitions = {&partition, 1};
  metadata_response body;
  body.brokers = {&node, 1};
  body.controller_id = 1;
  body.topics = {&topic, 1};
  const size_t size = size_of(body, 4);
  std::vector<uint8_t> frame(8 + size);
  writer out(frame);
  out.number(static_cast<int32_t>(4 + size));
  out.number(correlation);
  encode(out, body, 4);
  return frame;
}

/// What a broker says to who asks for its versions, then for the cluster, then for the topic: it offers Metadata alone.
inline std::vector<std::vector<uint8_t>> only_metadata(const std::string& host, uint16_t port) {
  return {{0, 0, 0, 16, 0, 0, 0, 1, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 2},
          {0, 0, 0, 16, 0, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0, 3, 0, 0, 0, 4},
          metadata_answer(3, host, port),
          metadata_answer(4, host, port)};
}

/// A broker that offers Metadata alone, and a client for which it is the cluster.
class metadata_alone {
 public:
  explicit metadata_alone(client_world& w)
      : w_(w),
        node_(w.world().add_node()),
        answering_(node_.core(), only_metadata(node_.address(), port)),
        door_(node_.core(), answering_),
        cluster(w.on(), {.bootstrap = {{node_.address(), port}}}) {
    REQUIRE(door_.open({.host = "0.0.0.0", .port = port}));
    REQUIRE(w.run(cluster.start()));
  }
  ~metadata_alone() {
    w_.run(cluster.close());
    w_.world().crash(node_);
    door_.abandon();
  }

 private:
  static constexpr uint16_t port = 7000;
  client_world& w_;
  sim::node& node_;
  scripted_peer answering_;
  reactor::listener door_;

 public:
  client cluster;
};

}  // namespace millrace::client::test
