#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

#include "common/die.hh"
#include "common/machine.hh"
#include "common/ring.hh"
#include "limit/bare.hh"

namespace millrace::bench {
namespace {

/// What the hot server sends from, round and round.
constexpr size_t hot_bytes = 8 << 20;

enum class event : uint64_t { received, sent, read };

uint64_t tag(event what, size_t index) { return static_cast<uint64_t>(what) << 56 | index; }

struct connection {
  int fd = -1;
  std::array<uint8_t, 4096> inbox;
  size_t inbox_filled = 0;  ///< bytes of a request that has not all come
  uint64_t asked = 0;       ///< requests without an answer under way
  frame_header header{};
  std::array<iovec, 2> parts{};
  msghdr message{};
  bool sending = false;
  bool closed = false;
  // Cold: two buffers, one sent while the other is read.
  uint8_t* buffers = nullptr;
  size_t turn = 0;
  bool reading = false;
  bool ready = false;
};

class server {
 public:
  server(int listener, const bare_settings& s);
  void run();

 private:
  void arm(size_t index);
  void on_received(size_t index, int answer);
  void start_read(size_t index);
  void start_send(size_t index, uint8_t* body);
  void advance(size_t index);

  const bare_settings& settings_;
  ring ring_;
  std::vector<connection> connections_;
  uint8_t* hot_ = nullptr;
  size_t hot_frames_ = 0;
  int file_ = -1;
  uint64_t file_frames_ = 0;
  uint64_t next_frame_ = 0;
  size_t open_;
};

server::server(int listener, const bare_settings& s)
    : settings_(s), ring_(s.run.spin), connections_(s.run.connections), open_(connections_.size()) {
  if (s.disk == disk_kind::none) {
    hot_frames_ = std::max<size_t>(hot_bytes / s.frame, 2);
    hot_ = huge_memory(hot_frames_ * s.frame);
    fill_random(hot_, hot_frames_ * s.frame, 1);
  } else {
    if (s.frame % 4096 != 0) die("a cold frame is whole blocks of 4096 bytes");
    const std::string path = prepare_file(s, 0, s.file_bytes);
    file_ = must(open(path.c_str(), O_RDONLY | O_DIRECT), path.c_str());
    file_frames_ = static_cast<uint64_t>(lseek(file_, 0, SEEK_END)) / s.frame;
  }
  for (connection& c : connections_) {
    if (file_ >= 0) c.buffers = huge_memory(2 * s.frame);
    c.fd = accept_one(listener);
  }
}

void server::run() {
  for (size_t i = 0; i < connections_.size(); ++i) arm(i);
  while (open_ > 0) {
    ring_.wait();
    ring_.drain([this](const io_uring_cqe& cqe) {
      const auto index = static_cast<size_t>(cqe.user_data & 0xffffffff);
      connection& c = connections_[index];
      switch (static_cast<event>(cqe.user_data >> 56)) {
        case event::received:
          return on_received(index, cqe.res);
        case event::sent:
          c.sending = false;
          return;
        case event::read:
          if (static_cast<size_t>(cqe.res) != settings_.frame) die("a read answered {}", cqe.res);
          c.reading = false;
          c.ready = true;
          return;
      }
    });
    for (size_t i = 0; i < connections_.size(); ++i) advance(i);
  }
}

void server::arm(size_t index) {
  connection& c = connections_[index];
  io_uring_sqe* sqe = ring_.sqe();
  io_uring_prep_recv(sqe, c.fd, c.inbox.data(), c.inbox.size(), 0);
  sqe->user_data = tag(event::received, index);
}

void server::on_received(size_t index, int answer) {
  connection& c = connections_[index];
  if (answer <= 0) {
    open_ -= c.closed ? 0 : 1;
    c.closed = true;
    return;
  }
  c.inbox_filled += static_cast<size_t>(answer);
  c.asked += c.inbox_filled / sizeof(frame_header);
  c.inbox_filled %= sizeof(frame_header);
  arm(index);
}

void server::start_read(size_t index) {
  connection& c = connections_[index];
  io_uring_sqe* sqe = ring_.sqe();
  io_uring_prep_read(sqe, file_, c.buffers + c.turn * settings_.frame, static_cast<unsigned>(settings_.frame),
                     next_frame_++ % file_frames_ * settings_.frame);
  sqe->user_data = tag(event::read, index);
  c.reading = true;
}

void server::start_send(size_t index, uint8_t* body) {
  connection& c = connections_[index];
  c.header = {static_cast<uint32_t>(settings_.frame), 0, 0};
  c.parts = {iovec{&c.header, sizeof c.header}, iovec{body, settings_.frame}};
  c.message = {};
  c.message.msg_iov = c.parts.data();
  c.message.msg_iovlen = c.parts.size();
  io_uring_sqe* sqe = ring_.sqe();
  io_uring_prep_sendmsg(sqe, c.fd, &c.message, MSG_NOSIGNAL | MSG_WAITALL);
  sqe->user_data = tag(event::sent, index);
  c.sending = true;
  --c.asked;
}

void server::advance(size_t index) {
  connection& c = connections_[index];
  if (c.closed) return;
  if (file_ < 0) {
    if (c.asked > 0 && !c.sending) start_send(index, hot_ + next_frame_++ % hot_frames_ * settings_.frame);
    return;
  }
  // A scan is sequential, so the next frame is read before it is asked for.
  if (c.asked > 0 && c.ready && !c.sending) {
    start_send(index, c.buffers + c.turn * settings_.frame);
    c.ready = false;
    c.turn ^= 1;
  }
  if (!c.reading && !c.ready) start_read(index);
}

}  // namespace

void serve_fetch(int listener, const bare_settings& s) { server(listener, s).run(); }

}  // namespace millrace::bench
