#include <algorithm>
#include <string>

#include "../sim/workload/server_node.hh"
#include "fuzz.hh"
#include "reactor/socket.hh"
#include "storage/commit_file.hh"
#include "wire/http/request_head.hh"

/// Bytes where an HTTP request is expected: first into the parser, alone; then over a connection of a broker in the world,
/// which afterwards answers an honest client as before and stops cleanly with all its memory.
///
/// The first byte of an input says in how many pieces the rest is sent.

namespace millrace::fuzz {

namespace {

namespace wh = wire::http;
using reactor::task;

constexpr base::duration patience = base::seconds(30);

/// Whatever is parsed lies within the head.
void check_inside(std::string_view part, std::string_view head) {
  if (part.data() == nullptr) return;
  // "/" stands for the path of a whole URI that has none.
  const bool ours = part == "/" && (part.data() < head.data() || part.data() >= head.data() + head.size());
  ASSERT(ours || (part.data() >= head.data() && part.data() + part.size() <= head.data() + head.size()));
}

void check_parser(base::bytes input) {
  const std::vector<uint8_t> copy = copy_of(input);
  std::string_view text(reinterpret_cast<const char*>(copy.data()), copy.size());
  const size_t empty = wh::empty_lines(text);
  ASSERT(empty <= text.size());
  text.remove_prefix(empty);
  const size_t size = wh::head_size(text, 0);
  ASSERT(size <= text.size());
  for (const size_t looked : {size / 2, size > 0 ? size - 1 : 0, size > 3 ? size - 3 : 0}) {
    ASSERT(wh::head_size(text, looked) == size);
  }
  if (size == 0) {
    (void)wh::too_long(text);
    return;
  }
  // What comes behind a head does not change it, and half of one has no end.
  ASSERT(wh::head_size(text.substr(0, size), 0) == size);
  ASSERT(wh::head_size(text.substr(0, size - 1), 0) == 0);
  const std::string_view head = text.substr(0, size);
  wh::request_head parsed;
  if (wh::parse(head, parsed) != wh::status::ok) return;
  ASSERT(parsed.path == "*" || parsed.path.starts_with('/'));
  check_inside(parsed.path, head);
  check_inside(parsed.query, head);
  for (size_t i = 0; i < parsed.field_count; ++i) {
    check_inside(parsed.fields[i].name, head);
    check_inside(parsed.fields[i].value, head);
    ASSERT(parsed.find(parsed.fields[i].name).data() != nullptr);
  }
}

/// Sends what it has and takes what comes, until the other side ends it, or has been quiet for long.
class talker final : public reactor::timer {
 public:
  talker(reactor::core& on, std::string server) : core_(on), server_(std::move(server)) {}
  ~talker() override {
    if (socket_) socket_->abandon();
  }
  void run(reactor::core&) override { socket_->shutdown(); }

  task<void> talk(std::string text, size_t pieces) {
    std::string address = server_;
    const auto handle = co_await reactor::connect(core_, std::move(address), swarm::http_port);
    if (!handle) co_return;
    socket_ = std::make_unique<reactor::socket>(core_, *handle);
    const size_t step = text.size() / pieces + 1;
    int sent = 0;
    core_.timers().arm(*this, core_.now() + quiet);
    for (size_t at = 0; at < text.size() && sent == 0; at += step) {
      const iovec piece{text.data() + at, std::min(step, text.size() - at)};
      sent = co_await socket_->send({&piece, 1});
    }
    while (sent == 0) {
      core_.timers().arm(*this, core_.now() + quiet);
      const auto got = co_await socket_->receive();
      if (got.buffer == nullptr) break;
      answer.append(reinterpret_cast<const char*>(got.buffer->data), got.buffer->size);
      socket_->give_back(*got.buffer);
    }
    core_.timers().disarm(*this);
    socket_->shutdown();
    co_await socket_->close();
    socket_.reset();
  }

  std::string answer;

 private:
  static constexpr base::duration quiet = base::seconds(2);
  reactor::core& core_;
  std::string server_;
  std::unique_ptr<reactor::socket> socket_;
};

std::string talk(sim::world& w, sim::node& clients, const std::string& server, std::string text, size_t pieces) {
  talker t(clients.core(), server);
  auto talking = w.start(clients, 0, t.talk(std::move(text), pieces));
  ASSERT(w.run_until([&] { return talking->done(); }, base::seconds(4000)));
  (void)talking->take();
  return std::move(t.answer);
}

}  // namespace

void http_stream(base::bytes input) {
  source from(input);
  const size_t pieces = 1 + from.byte() % 8;
  check_parser(from.rest());

  sim::world_options options;
  options.core_memory_bytes = size_t{16} << 20;
  sim::world w(input.size(), options);
  swarm::server_options shape;
  shape.commits.file_bytes = storage::commit_file_bytes_min;
  shape.commits.inline_bytes_max = 4096;
  shape.http = api::http::door_options{};
  swarm::server_node server(w, w.add_node(1), shape);
  sim::node& clients = w.add_node(1);
  server.start(1);
  ASSERT(w.run_until([&] { return server.state() == swarm::server_state::serving; }, patience));
  const std::string address = server.node().address();
  const std::string text(from.rest().begin(), from.rest().end());
  const std::string answer = talk(w, clients, address, text, pieces);
  // Who sends more than the request that ends the connection may see its answer cut short by the reset.
  constexpr std::string_view begin = "HTTP/1.1 ";
  ASSERT(begin.starts_with(std::string_view(answer).substr(0, begin.size())));
  const std::string honest = talk(w, clients, address, "GET /metrics HTTP/1.0\r\n\r\n", 1);
  ASSERT(honest.starts_with("HTTP/1.1 200 OK\r\n") && honest.ends_with("millrace_partitions_not_shown 0\n"));
  ASSERT(w.run_until([&] { return server.http()->connections() == 0; }, patience));
  ASSERT(server.http()->memory().used() == 0);
  server.stop();
  ASSERT(w.run_until([&] { return server.state() != swarm::server_state::stopping; }, patience));
  ASSERT(server.state() == swarm::server_state::stopped);
  ASSERT(server.leave() == 0);
}

}  // namespace millrace::fuzz
