#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../broker/broker_node.hh"
#include "api/kafka/connection.hh"
#include "api/kafka/door.hh"
#include "api/kafka/fetch_exchange.hh"
#include "api/kafka/produce_exchange.hh"
#include "record/batch_builder.hh"
#include "wire/kafka/api_table.hh"
#include "wire/kafka/header.hh"

/// A broker in the world with a Kafka door on each core. Requests go to the handlers as frames and
/// come back as frames; over sockets by kafka_client (one door, by listen()) or socket_client (all, by open()).

namespace millrace::api::kafka::test {

using broker::test::broker_node;
using broker::test::numbered;

/// What a handler gave. Views in `body` live as long as this.
template <class Response>
struct answered {
  bool closed = false;  ///< the connection would have been closed
  int32_t correlation_id = 0;
  std::vector<uint8_t> frame;
  std::unique_ptr<wire::kafka::arena> memory = std::make_unique<wire::kafka::arena>(64 << 20);
  Response body;
};

class kafka_node {
 public:
  explicit kafka_node(uint64_t seed, unsigned cores = 1, broker::broker_settings settings = {}, door_options options = {},
                      std::optional<broker::placement> where = {}, sim::world_options how = {},
                      size_t connections_limit = SIZE_MAX, bool splice_reads = false, size_t huge_bytes = size_t{200} << 20)
      : b(seed, cores, how),
        shares_(cores, connections_limit),
        huge_frames_(cores, huge_bytes, options.request_bytes_max),
        options_(options) {
    b.options.settings = std::move(settings);
    if (where) b.options.placement = *where;
    b.splice_reads = splice_reads;
    b.rebuild(cores);
    const auto started = b.start();
    ASSERT(started);
    make_doors();
  }
  ~kafka_node() {
    if (b.n.running()) b.w.crash(b.n);
    for (auto& d : doors_) d->abandon();
    doors_.clear();
    b.crash();
  }

  /// Stops, and starts again: what was in memory is on disk only. Before doors open.
  void restart() {
    const unsigned cores = b.n.core_count();
    close_doors();
    doors_.clear();
    const auto stopped = b.stop();
    ASSERT(stopped);
    b.rebuild(cores);
    const auto started = b.start();
    ASSERT(started);
    make_doors();
  }

  static constexpr uint16_t port = 9092;
  /// Opens the door of one core, so that it is the one that accepts every connection.
  void listen(unsigned core) {
    std::vector<door_listener> listeners{{.bind = {.host = "0.0.0.0", .port = port}, .advertised = came_in_by}};
    ASSERT(doors_[core]->open(listeners));
  }
  /// Closes it as a stop does.
  void close(unsigned core) { b.w.run(b.n, core, doors_[core]->close()); }
  door& at(unsigned core) { return *doors_[core]; }
  reactor::connection_shares& shares() { return shares_; }
  static constexpr uint16_t core_port = 9192;  ///< of core 0
  /// From now on clients connect, to any core; where cores are brokers, each core listens at a port of its own too.
  void open_doors() {
    std::vector<door_listener> listeners{
        {.bind = {.host = "0.0.0.0", .port = port, .shared = true}, .advertised = {b.n.address(), port}}};
    std::vector<door*> all;
    for (unsigned i = 0; i < doors_.size(); ++i) {
      const auto own_port = static_cast<uint16_t>(core_port + i);
      door_listener own{.bind = {.host = "0.0.0.0", .port = own_port}, .advertised = {b.n.address(), own_port}};
      ASSERT(doors_[i]->open(listeners, b.options.settings.cores_are_brokers() ? &own : nullptr));
      all.push_back(doors_[i].get());
    }
    for (auto& d : doors_) d->meet(all);
  }
  /// As the server does it: all stop accepting, then all close.
  void close_doors() {
    on_all_doors([](door& d) { return d.stop_accepting(); });
    on_all_doors([](door& d) { return d.close(); });
  }

  /// A request of `version` on a core, and its answer.
  template <class Response, class Request>
  answered<Response> ask(const Request& request, int16_t version, unsigned core = 0) {
    std::vector<uint8_t> body(wire::kafka::size_of(request, version));
    wire::kafka::writer out(body);
    wire::kafka::encode(out, request, version);
    return ask_raw<Response>(Request::api_key, version, body, core);
  }

  /// The same for bytes of any kind. The answer is read in `answer_version`, by default the
  /// request's.
  template <class Response>
  answered<Response> ask_raw(int16_t key, int16_t version, const std::vector<uint8_t>& body, unsigned core = 0,
                             std::optional<int16_t> answer_version = {}) {
    answered<Response> got;
    wire::kafka::arena memory(64 << 20);
    request_context context{.door = *doors_[core],
                            .advertised = came_in_by,
                            .key = key,
                            .version = version,
                            .correlation_id = 4711,
                            .client_id = "test",
                            .body = wire::kafka::reader(body),
                            .memory = memory,
                            .answer = got.frame};
    const auto handled = b.w.run(b.n, core, find_api(key)->handle(context));
    got.closed = !handled.ok();
    if (got.closed) return got;
    const int16_t read_as = answer_version.value_or(version);
    wire::kafka::reader in(got.frame);
    const auto length = in.number<int32_t>();
    ASSERT(length == static_cast<int32_t>(in.remaining()));
    const auto header = wire::kafka::decode<wire::kafka::response_header>(
        in, wire::kafka::response_header_version(key, read_as), *got.memory);
    ASSERT(header);
    got.correlation_id = header->correlation_id;
    auto decoded = wire::kafka::decode<Response>(in, read_as, *got.memory);
    ASSERT(decoded);
    got.body = *decoded;
    return got;
  }

  void create(const std::string& name, int32_t partitions = 1, broker::config_overrides configs = {}) {
    broker::new_topic t{.name = name, .partitions = partitions, .assignment = {}, .configs = {}};
    for (const auto& [key, value] : configs) t.configs.emplace_back(key, value);
    const auto made = b.create(std::move(t));
    ASSERT(!made.error);
  }

  /// Appends one batch with records of these times and waits until it is acknowledged.
  void append(const std::string& topic, size_t partition, std::vector<int64_t> times) {
    const broker::partition_info& p = b.seen().find(topic)->partitions[partition];
    const auto done = b.w.run(b.n, p.owner.value(), append_there(b.brokers[p.owner.value()].get(), p.id, std::move(times)));
    ASSERT(done);
  }

  broker_node b;
  listener_address came_in_by{.host = "here.example", .port = 9092};  ///< what ask() says of its listener

 private:
  void make_doors() {
    for (unsigned i = 0; i < b.n.core_count(); ++i) {
      doors_.push_back(std::make_unique<door>(b.n.core(i), *b.brokers[i], *b.catalogs[i], *b.control, *b.groups[i], shares_,
                                              huge_frames_, options_));
    }
  }
  template <class Step>
  void on_all_doors(Step step) {
    std::vector<std::unique_ptr<sim::started<void>>> running;
    for (unsigned i = 0; i < doors_.size(); ++i) running.push_back(b.w.start(b.n, i, step(*doors_[i])));
    for (auto& r : running) ASSERT(b.w.run_until([&] { return r->done(); }, base::seconds(60)));
  }
  static reactor::task<base::result<void>> append_there(broker::broker_core* there, storage::log_id id,
                                                        std::vector<int64_t> times) {
    std::vector<uint8_t> bytes;
    record::batch_builder builder(bytes, {});
    for (const int64_t t : times) {
      builder.add({.timestamp = t, .key = std::nullopt, .value = base::as_bytes("value"), .headers = {}});
    }
    CO_TRY_CHECK(builder.finish());
    const auto batch = record::batch_view::frame(bytes);
    storage::log& log = there->find(id)->log();
    const auto done = log.append(*batch, there->epoch(), storage::crc_check::compute);
    if (!done) co_return done.failure();
    while (there->find(id)->high_watermark() < done->next) co_await reactor::sleep(there->on(), base::milliseconds(1));
    co_return base::result<void>();
  }

  reactor::connection_shares shares_;
  huge_frames huge_frames_;
  const door_options options_;
  std::vector<std::unique_ptr<door>> doors_;
};

/// An array for a request, from elements that live as long as it does.
template <class T>
wire::kafka::array<T> list(std::vector<T>& elements) {
  return {elements.data(), elements.size()};
}

}  // namespace millrace::api::kafka::test
