#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/crc32c.hh"
#include "common/die.hh"
#include "common/machine.hh"
#include "common/ring.hh"
#include "limit/bare.hh"
#include "load/admin.hh"
#include "load/outcome.hh"

namespace millrace::bench {
namespace {

constexpr size_t inbox_bytes = 64 << 10;
constexpr size_t source_bytes_max = 1 << 20;

enum class event : uint64_t { sent, received };

uint64_t tag(event what, size_t index) { return index << 1 | static_cast<uint64_t>(what); }

struct connection {
  int fd = -1;
  uint8_t* inbox = nullptr;
  uint64_t sent = 0;
  uint64_t answered = 0;
  size_t answer_filled = 0;  ///< bytes of the next answer that have come
  uint64_t owed = 0;         ///< due and not sent yet, in an open loop
  bool sending = false;
  std::vector<int64_t> since;  ///< by number of the request mod in_flight
};

/// Closed loop: every connection keeps in_flight frames (or requests for them) on the way. Open loop, with a rate: frame n
/// leaves on connection n mod connections when it is due, and its latency counts from then.
class driver {
 public:
  driver(uint16_t port, const bare_settings& s);
  outcome run();

 private:
  int64_t due(uint64_t request) const;
  void owe_due_requests(base::instant time);
  void pump(size_t index, base::instant time);
  void arm(size_t index);
  void on_received(size_t index, int answer, base::instant time);

  const bare_settings& settings_;
  bool fetch_;
  bool open_;
  size_t request_size_;
  size_t answer_size_;
  size_t source_requests_;  ///< how many lie in source_: one send carries so many at most
  uint8_t* source_;
  ring ring_;
  std::vector<connection> connections_;
  base::instant begin_{};
  uint64_t due_requests_ = 0;
  outcome out_;
};

driver::driver(uint16_t port, const bare_settings& s)
    : settings_(s),
      fetch_(s.run.kind == run_kind::fetch),
      open_(s.run.rate > 0),
      request_size_(sizeof(frame_header) + (fetch_ ? 0 : s.frame)),
      answer_size_(sizeof(frame_header) + (fetch_ ? s.frame : 0)),
      source_requests_(std::min<size_t>(s.run.in_flight, source_bytes_max / request_size_ + 1)),
      source_(huge_memory(source_requests_ * request_size_)),
      ring_(s.run.spin),
      connections_(s.run.connections) {
  for (size_t i = 0; !fetch_ && i < source_requests_; ++i) {
    uint8_t* body = source_ + i * request_size_ + sizeof(frame_header);
    fill_random(body, s.frame, i);
    const frame_header header{static_cast<uint32_t>(s.frame), base::crc32c(0, {body, s.frame}), i};
    std::memcpy(body - sizeof header, &header, sizeof header);
  }
  uint8_t* inboxes = huge_memory(inbox_bytes * connections_.size());
  for (size_t i = 0; i < connections_.size(); ++i) {
    connections_[i].fd = connect_to({"127.0.0.1", port});
    connections_[i].inbox = inboxes + i * inbox_bytes;
    connections_[i].since.resize(s.run.in_flight);
  }
  uint8_t greeting = 0;
  for (const connection& c : connections_) {
    if (recv(c.fd, &greeting, 1, 0) != 1) die("the server did not start");
  }
}

outcome driver::run() {
  stopwatch watch(settings_.run, 0, out_);
  base::instant time = begin_ = now();
  for (size_t i = 0; i < connections_.size(); ++i) arm(i);
  while (watch.tick(time, 0)) {
    if (open_) owe_due_requests(time);
    for (size_t i = 0; i < connections_.size(); ++i) pump(i, time);
    ring_.wait(open_ ? std::min(base::instant{due(due_requests_)}, watch.end()) : watch.end());
    time = now();
    ring_.drain([&](const io_uring_cqe& cqe) {
      const size_t index = cqe.user_data >> 1;
      if (static_cast<event>(cqe.user_data & 1) == event::received) return on_received(index, cqe.res, time);
      if (cqe.res < 0) die("send: {}", std::strerror(-cqe.res));
      connections_[index].sending = false;
    });
  }
  for (const connection& c : connections_) {
    out_.unsent += c.owed;
    shutdown(c.fd, SHUT_RDWR);
  }
  return out_;
}

int64_t driver::due(uint64_t request) const {
  return begin_.ns + static_cast<int64_t>(static_cast<double>(request) * 1e9 / settings_.run.rate);
}

void driver::owe_due_requests(base::instant time) {
  for (; due(due_requests_) <= time.ns; ++due_requests_) ++connections_[due_requests_ % connections_.size()].owed;
}

void driver::pump(size_t index, base::instant time) {
  connection& c = connections_[index];
  uint64_t count = std::min<uint64_t>(settings_.run.in_flight - (c.sent - c.answered), source_requests_);
  if (open_) count = std::min(count, c.owed);
  if (c.sending || count == 0) return;
  for (uint64_t i = 0; i < count; ++i, ++c.sent) {
    c.since[c.sent % settings_.run.in_flight] = open_ ? due(c.sent * connections_.size() + index) : time.ns;
  }
  if (open_) c.owed -= count;
  c.sending = true;
  io_uring_sqe* sqe = ring_.sqe();
  io_uring_prep_send(sqe, c.fd, source_, count * request_size_, MSG_NOSIGNAL | MSG_WAITALL);
  sqe->user_data = tag(event::sent, index);
}

void driver::arm(size_t index) {
  io_uring_sqe* sqe = ring_.sqe();
  io_uring_prep_recv(sqe, connections_[index].fd, connections_[index].inbox, inbox_bytes, 0);
  sqe->user_data = tag(event::received, index);
}

void driver::on_received(size_t index, int answer, base::instant time) {
  connection& c = connections_[index];
  if (answer <= 0) die("the server closed a connection: {}", answer);
  c.answer_filled += static_cast<size_t>(answer);
  for (; c.answer_filled >= answer_size_; c.answer_filled -= answer_size_, ++c.answered) {
    out_.latency.add(time.ns - c.since[c.answered % settings_.run.in_flight]);
    ++out_.requests;
    out_.batch_bytes += settings_.frame;
  }
  arm(index);
}

}  // namespace

void drive(uint16_t port, const bare_settings& s) {
  const char* disks[] = {"none", "write", "durable"};
  const outcome out = driver(port, s).run();
  report(fmt::format("bare {} of {} B, {} connections x {}, {} partitions, disk {}{}{}",
                     s.run.kind == run_kind::fetch ? "fetch" : "produce", s.frame, s.run.connections, s.run.in_flight,
                     s.run.partitions, disks[static_cast<size_t>(s.disk)], s.fresh ? ", fresh files" : "",
                     s.run.rate > 0 ? fmt::format(", {}/s", s.run.rate) : ""),
         s.run, out);
}

}  // namespace millrace::bench
