#include "load/fetcher.hh"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "common/die.hh"

namespace millrace::bench {
namespace {

/// Small enough to stay in the second-level cache, where larger ones cost more than the calls that
/// they save.
constexpr size_t inbox_bytes = 64 << 10;

enum class event : uint64_t { sent = 0, received = 1 };

uint64_t tag(event what, size_t connection) { return connection << 1 | static_cast<uint64_t>(what); }

/// The part of a log that holds about its last `megabytes`, at `message_bytes` a message.
log_ends tail_of(log_ends whole, uint64_t megabytes, uint32_t message_bytes) {
  const auto messages = static_cast<int64_t>((megabytes << 20) / std::max(message_bytes, 1u));
  return {std::max(whole.begin, whole.limit - messages), whole.limit};
}

}  // namespace

fetcher::fetcher(const settings& s, const topic_leaders& leaders, const std::vector<log_ends>& ends)
    : settings_(s), ring_(s.spin), request_(make_fetch_request(s.topic, s.max_bytes)) {
  connect_all(leaders, ends);
}

fetcher::~fetcher() {
  for (const auto& c : connections_) close(c->fd);
}

/// What a connection reads of a log with these ends.
log_ends fetcher::range_of(log_ends whole) const {
  if (settings_.follow) return {whole.limit, INT64_MAX};
  return settings_.from_start ? whole : tail_of(whole, settings_.window_mb, settings_.message_bytes);
}

void fetcher::connect_all(const topic_leaders& leaders, const std::vector<log_ends>& ends) {
  uint8_t* inboxes = huge_memory(inbox_bytes * settings_.connections);
  for (size_t i = 0; i < settings_.connections; ++i) {
    auto c = std::make_unique<connection>(fetch_parser(settings_.topic.size(), settings_.check_crc));
    const size_t p = i % leaders.size();
    c->index = i;
    c->fd = connect_to(leaders[p]);
    c->partition = static_cast<int32_t>(p);
    c->range = range_of(ends[p]);
    if (c->range.begin >= c->range.limit) die("partition {} is empty: use --preload-mb", p);
    c->offset = c->range.begin;
    c->request = request_.bytes;
    c->inbox = inboxes + i * inbox_bytes;
    connections_.push_back(std::move(c));
  }
}

outcome fetcher::run() {
  stopwatch watch(settings_, 0, out_);
  for (auto& c : connections_) {
    arm_receive(*c);
    send_request(*c);
  }
  for (base::instant time = now(); watch.tick(time, 0);) {
    ring_.wait(watch.end());
    time = now();
    ring_.drain([&](const io_uring_cqe& cqe) {
      connection& c = *connections_[cqe.user_data >> 1];
      if (static_cast<event>(cqe.user_data & 1) == event::received) {
        on_received(c, cqe.res, time);
        return;
      }
      if (static_cast<size_t>(cqe.res) != c.request.size()) die("send: {}", std::strerror(-cqe.res));
      c.sending = false;
      // The answer may overtake the completion of the send that asked for it.
      if (!c.waiting) send_request(c);
    });
  }
  return out_;
}

void fetcher::send_request(connection& c) {
  if (c.sending) return;
  uint8_t* at = c.request.data();
  base::store_big(at + request_correlation_at, ++c.correlation);
  base::store_big(at + request_.partition_at, c.partition);
  base::store_big(at + request_.offset_at, c.offset);
  c.since = now().ns;
  c.sending = c.waiting = true;
  io_uring_sqe* sqe = ring_.sqe();
  io_uring_prep_send(sqe, c.fd, at, c.request.size(), MSG_NOSIGNAL | MSG_WAITALL);
  sqe->user_data = tag(event::sent, c.index);
}

void fetcher::arm_receive(connection& c) {
  io_uring_sqe* sqe = ring_.sqe();
  io_uring_prep_recv(sqe, c.fd, c.inbox, inbox_bytes, 0);
  sqe->user_data = tag(event::received, c.index);
}

void fetcher::on_received(connection& c, int answer, base::instant time) {
  if (answer < 0) die("recv: {}", std::strerror(-answer));
  if (answer == 0) die("the broker closed a connection");
  c.parser.consume({c.inbox, static_cast<size_t>(answer)}, [&](const fetched& response) { on_response(c, response, time); });
  arm_receive(c);
}

void fetcher::on_response(connection& c, const fetched& response, base::instant time) {
  if (!c.waiting) die("an answer without a request");
  if (response.correlation != c.correlation) die("an answer to request {}, not {}", response.correlation, c.correlation);
  if (response.partition != c.partition) die("an answer for partition {}, not {}", response.partition, c.partition);
  c.waiting = false;
  if (response.error != 0) {
    ++out_.errors[response.error];
  } else if (response.next_offset < 0) {
    ++out_.empty_fetches;
  } else {
    c.offset = response.next_offset;
    out_.latency.add(time.ns - c.since);
    ++out_.requests;
    out_.batch_bytes += response.batch_bytes;
    out_.messages += response.messages;
  }
  if (c.offset >= c.range.limit) c.offset = c.range.begin;
  send_request(c);
}

}  // namespace millrace::bench
