#include <algorithm>

#include "../sim/workload/server_node.hh"
#include "fuzz.hh"
#include "reactor/socket.hh"
#include "record/batch_builder.hh"
#include "record/verify.hh"
#include "storage/commit_file.hh"
#include "wire/kafka/header.hh"
#include "wire/kafka/messages/api_versions.hh"
#include "wire/kafka/messages/create_topics.hh"
#include "wire/kafka/messages/fetch.hh"
#include "wire/kafka/messages/produce.hh"
#include "wire/kafka/produce_reader.hh"

/// A broker in the world with one topic, and a connection that sends what the input says. Afterwards an honest client is
/// served as before, and the broker stops cleanly with all its memory.
///
/// An input is one request's frame without its length; or, after two bytes of 0xff, a sequence of pieces: a length of two
/// bytes, whose highest bit says that the piece goes out as it is (else it becomes a frame), and the piece.

namespace millrace::fuzz {

namespace {

namespace wk = wire::kafka;
using reactor::task;

constexpr std::string_view topic_name = "fuzzed";
constexpr base::duration patience = base::seconds(30);

template <class Request>
std::vector<uint8_t> frame_of(const Request& request, int16_t version) {
  const wk::request_header header{
      .request_api_key = Request::api_key, .request_api_version = version, .correlation_id = 77, .client_id = "honest"};
  const size_t body = wk::size_of(request, version);
  std::vector<uint8_t> frame(wk::request_frame_size(header, body));
  wk::writer out(frame);
  wk::begin_request_frame(out, header, body);
  wk::encode(out, request, version);
  return frame;
}

void add_frame(std::vector<uint8_t>& out, base::bytes body) {
  const size_t at = out.size();
  out.resize(at + 4);
  base::store_big<int32_t>(out.data() + at, static_cast<int32_t>(body.size()));
  out.insert(out.end(), body.begin(), body.end());
}

/// Gives the batches of a Produce request their lengths and CRCs, where its correlation id is even: else no record would be
/// looked at.
std::vector<uint8_t> with_whole_batches(base::bytes frame) {
  std::vector<uint8_t> copy = copy_of(frame);
  wk::reader in{base::bytes(copy)};
  const auto header = wk::decode_request_header(in);
  if (!header || header->request_api_key != wk::produce_request::api_key || header->correlation_id % 2 != 0) return copy;
  auto request = wk::produce_reader::open(in, header->request_api_version);
  if (!request) return copy;
  wk::produce_topic topic;
  wk::produce_request_partition_data partition;
  while (request->next_topic(topic)) {
    while (request->next_partition(partition)) {
      if (!partition.records || partition.records->size() < record::header::size) continue;
      uint8_t* batch = const_cast<uint8_t*>(partition.records->data());
      const size_t size = partition.records->size();
      batch[record::header::magic_at] = record::header::magic;
      base::store_big<int32_t>(batch + record::header::batch_length_at,
                               static_cast<int32_t>(size - record::header::frame_size));
      record::seal({batch, size});
    }
  }
  return copy;
}

std::vector<uint8_t> stream_of(base::bytes input) {
  std::vector<uint8_t> stream;
  if (input.size() < 2 || input[0] != 0xff || input[1] != 0xff) {
    add_frame(stream, with_whole_batches(input));
    return stream;
  }
  source from(input.subspan(2));
  while (!from.empty()) {
    const uint16_t length = from.two();
    const base::bytes piece = from.take(length & 0x7fff);
    if ((length & 0x8000) != 0) {
      stream.insert(stream.end(), piece.begin(), piece.end());
    } else {
      add_frame(stream, with_whole_batches(piece));
    }
  }
  return stream;
}

/// Sends everything and takes what comes, until the other side ends it or `quiet` passes without a byte.
class rude_client final : public reactor::timer {
 public:
  rude_client(reactor::core& on, std::string server) : core_(on), server_(std::move(server)) {}
  ~rude_client() override {
    if (socket_) socket_->abandon();
  }
  void run(reactor::core&) override { socket_->shutdown(); }

  task<void> talk(std::vector<uint8_t> stream) {
    std::string address = server_;
    const auto handle = co_await reactor::connect(core_, std::move(address), swarm::kafka_port);
    if (!handle) co_return;
    socket_ = std::make_unique<reactor::socket>(core_, *handle);
    const iovec piece{stream.data(), stream.size()};
    core_.timers().arm(*this, core_.now() + quiet);
    const int sent = co_await socket_->send({&piece, 1});
    while (sent == 0) {
      core_.timers().arm(*this, core_.now() + quiet);
      const auto got = co_await socket_->receive();
      if (got.buffer == nullptr) break;
      socket_->give_back(*got.buffer);
    }
    core_.timers().disarm(*this);
    socket_->shutdown();
    co_await socket_->close();
    socket_.reset();
  }

 private:
  static constexpr base::duration quiet = base::seconds(2);
  reactor::core& core_;
  std::string server_;
  std::unique_ptr<reactor::socket> socket_;
};

/// A client that does as it should: each request gets its answer.
class honest_client {
 public:
  honest_client(reactor::core& on, std::string server) : core_(on), server_(std::move(server)) {}
  ~honest_client() {
    if (socket_) socket_->abandon();
  }

  task<bool> ask_all(std::vector<std::vector<uint8_t>> frames) {
    std::string address = server_;
    const auto handle = co_await reactor::connect(core_, std::move(address), swarm::kafka_port);
    if (!handle) co_return false;
    socket_ = std::make_unique<reactor::socket>(core_, *handle);
    bool good = true;
    for (size_t i = 0; good && i < frames.size(); ++i) good = co_await ask(&frames[i]);
    socket_->shutdown();
    co_await socket_->close();
    socket_.reset();
    co_return good;
  }

 private:
  task<bool> ask(std::vector<uint8_t>* frame) {
    const iovec piece{frame->data(), frame->size()};
    const int sent = co_await socket_->send({&piece, 1});
    if (sent != 0) co_return false;
    while (true) {
      if (buffer_.size() >= 4) {
        const auto whole = 4 + static_cast<size_t>(base::load_big<int32_t>(buffer_.data()));
        if (buffer_.size() >= whole) {
          const bool its = base::load_big<int32_t>(buffer_.data() + 4) == 77;
          buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(whole));
          co_return its;
        }
      }
      const auto got = co_await socket_->receive();
      if (got.buffer == nullptr) co_return false;
      buffer_.insert(buffer_.end(), got.buffer->data, got.buffer->data + got.buffer->size);
      socket_->give_back(*got.buffer);
    }
  }

  reactor::core& core_;
  std::string server_;
  std::unique_ptr<reactor::socket> socket_;
  std::vector<uint8_t> buffer_;
};

std::vector<uint8_t> create_frame() {
  wk::create_topics_request request;
  wk::create_topics_request_creatable_topic topic;
  topic.name = topic_name;
  topic.num_partitions = 2;
  topic.replication_factor = 1;
  request.topics = {&topic, 1};
  request.timeout_ms = 10000;
  return frame_of(request, 5);
}

std::vector<uint8_t> produce_frame() {
  std::vector<uint8_t> batch;
  record::batch_builder builder(batch, {});
  builder.add({.timestamp = 1'700'000'000'000, .key = std::nullopt, .value = base::as_bytes("honest"), .headers = {}});
  ASSERT(builder.finish().ok());
  wk::produce_request request;
  wk::produce_request_topic_data topic;
  wk::produce_request_partition_data partition;
  partition.index = 1;
  partition.records = base::bytes(batch);
  topic.name = topic_name;
  topic.partition_data = {&partition, 1};
  request.topic_data = {&topic, 1};
  request.acks = -1;
  request.timeout_ms = 10000;
  return frame_of(request, 8);
}

std::vector<uint8_t> fetch_frame() {
  wk::fetch_request request;
  wk::fetch_request_topic topic;
  wk::fetch_request_partition partition;
  partition.partition = 1;
  partition.partition_max_bytes = 1 << 20;
  topic.topic = topic_name;
  topic.partitions = {&partition, 1};
  request.topics = {&topic, 1};
  request.max_bytes = 1 << 20;
  request.max_wait_ms = 100;
  request.session_epoch = -1;
  return frame_of(request, 11);
}

swarm::server_options options_of() {
  swarm::server_options options;
  options.commits.file_bytes = storage::commit_file_bytes_min;
  options.commits.inline_bytes_max = 4096;
  options.door.request_bytes_max = 1 << 20;
  return options;
}

void serve_honest(sim::world& w, sim::node& clients, const std::string& server, std::vector<std::vector<uint8_t>> frames) {
  honest_client honest(clients.core(), server);
  auto asking = w.start(clients, 0, honest.ask_all(std::move(frames)));
  ASSERT(w.run_until([&] { return asking->done(); }, patience));
  ASSERT(asking->take());
}

}  // namespace

void door_stream(base::bytes input) {
  std::vector<uint8_t> stream = stream_of(input);
  sim::world_options options;
  options.core_memory_bytes = size_t{16} << 20;
  sim::world w(stream.size(), options);
  swarm::server_node server(w, w.add_node(1), options_of());
  sim::node& clients = w.add_node(1);
  server.start(1 + static_cast<unsigned>(stream.size() % 2));
  ASSERT(w.run_until([&] { return server.state() == swarm::server_state::serving; }, patience));
  const std::string address = server.node().address();
  serve_honest(w, clients, address, {create_frame()});
  {
    rude_client rude(clients.core(), address);
    auto talking = w.start(clients, 0, rude.talk(std::move(stream)));
    ASSERT(w.run_until([&] { return talking->done(); }, base::seconds(4000)));
    (void)talking->take();
  }
  // What the input asked for may have taken the topic away, or changed it: making it again may be refused, and so may what
  // goes there. But there is an answer to each.
  serve_honest(w, clients, address,
               {create_frame(), produce_frame(), fetch_frame(), frame_of(wk::api_versions_request{}, 0)});
  server.stop();
  ASSERT(w.run_until([&] { return server.state() != swarm::server_state::stopping; }, patience));
  ASSERT(server.state() == swarm::server_state::stopped);
  ASSERT(server.leave() == 0);
}

}  // namespace millrace::fuzz
