#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "base/crc32c.hh"
#include "common/buffer_ring.hh"
#include "common/die.hh"
#include "common/machine.hh"
#include "common/ring.hh"
#include "limit/bare.hh"

namespace millrace::bench {
namespace {

constexpr uint64_t block = 4096;
constexpr uint64_t write_bytes_max = 1 << 20;
constexpr size_t writes_in_flight_max = 4;

enum class event : uint64_t { received, sent, written };

uint64_t tag(event what, size_t index, uint64_t extra = 0) {
  return static_cast<uint64_t>(what) << 56 | static_cast<uint64_t>(index) << 32 | extra;
}

struct write_in_flight {
  uint64_t size;
  uint64_t covers;  ///< everything before this position is written when this and all before it are done
  bool tail;
  bool done = false;
};

struct waiting_answer {
  size_t connection;
  uint64_t end;
};

/// An append buffer that wraps, over a file that wraps too. Positions only grow; issued <=
/// appended. Nobody checks for space: the buffer is four times what the connections may have
/// unanswered.
struct partition {
  int fd = -1;
  uint8_t* memory = nullptr;
  uint64_t capacity = 0;
  uint64_t file_size = 0;
  uint64_t appended = 0;
  uint64_t issued = 0;  ///< whole blocks before it are written or being written
  uint64_t durable = 0;
  bool tail_busy = false;
  uint64_t first_write = 0;  ///< number of the oldest write in flight
  std::deque<write_in_flight> writes;
  std::deque<waiting_answer> answers;
};

struct connection {
  int fd = -1;
  size_t part = 0;
  frame_header header{};
  size_t header_filled = 0;
  uint64_t body_at = 0;
  size_t body_filled = 0;
  uint32_t crc = 0;
  uint64_t answers_due = 0;
  bool armed = false;
  bool sending = false;
  bool closed = false;
};

class server {
 public:
  server(int listener, const bare_settings& s);
  void run();

 private:
  void open_partition(partition& p, int32_t number);
  void arm(size_t index);
  void on_received(size_t index, const io_uring_cqe& cqe);
  void consume(size_t index, const uint8_t* data, size_t size);
  void begin_body(connection& c);
  void end_body(size_t index);
  void on_written(size_t index, uint32_t write, int answer);
  void write_what_waits(size_t index);
  void put(size_t index, uint64_t from, uint64_t to, uint64_t covers, bool tail);
  void answer(size_t index);

  const bare_settings& settings_;
  ring ring_;
  buffer_ring buffers_;
  std::vector<connection> connections_;
  std::vector<partition> partitions_;
  std::vector<uint8_t> acks_ = std::vector<uint8_t>(64 << 10);
  size_t open_;
};

server::server(int listener, const bare_settings& s)
    : settings_(s),
      ring_(s.run.spin),
      buffers_(ring_.raw()),
      connections_(s.run.connections),
      partitions_(static_cast<size_t>(s.run.partitions)),
      open_(connections_.size()) {
  for (size_t i = 0; i < partitions_.size(); ++i) open_partition(partitions_[i], static_cast<int32_t>(i));
  for (size_t i = 0; i < connections_.size(); ++i) {
    connections_[i].fd = accept_one(listener);
    connections_[i].part = i % partitions_.size();
  }
}

void server::open_partition(partition& p, int32_t number) {
  const size_t sharing = (connections_.size() + partitions_.size() - 1) / partitions_.size();
  p.capacity = 4u << 20;
  while (p.capacity < 4 * settings_.frame * settings_.run.in_flight * sharing) p.capacity *= 2;
  p.memory = huge_memory(p.capacity);
  if (settings_.disk == disk_kind::none) return;
  const std::string path = prepare_file(settings_, number, std::max(settings_.file_bytes, p.capacity));
  p.fd = must(open(path.c_str(), O_RDWR | O_DIRECT), path.c_str());
  p.file_size = static_cast<uint64_t>(lseek(p.fd, 0, SEEK_END)) / p.capacity * p.capacity;
}

void server::run() {
  for (size_t i = 0; i < connections_.size(); ++i) arm(i);
  while (open_ > 0) {
    ring_.wait();
    ring_.drain([this](const io_uring_cqe& cqe) {
      const auto index = static_cast<size_t>(cqe.user_data >> 32 & 0xffffff);
      switch (static_cast<event>(cqe.user_data >> 56)) {
        case event::received:
          return on_received(index, cqe);
        case event::sent:
          connections_[index].sending = false;
          return;
        case event::written:
          return on_written(index, static_cast<uint32_t>(cqe.user_data), cqe.res);
      }
    });
    buffers_.publish();
    for (size_t i = 0; i < partitions_.size(); ++i) write_what_waits(i);
    for (size_t i = 0; i < connections_.size(); ++i) answer(i);
  }
}

void server::arm(size_t index) {
  connection& c = connections_[index];
  c.armed = true;
  io_uring_sqe* sqe = ring_.sqe();
  io_uring_prep_recv_multishot(sqe, c.fd, nullptr, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = buffer_ring::group;
  sqe->user_data = tag(event::received, index);
}

void server::on_received(size_t index, const io_uring_cqe& cqe) {
  connection& c = connections_[index];
  if ((cqe.flags & IORING_CQE_F_MORE) == 0) c.armed = false;
  if (cqe.res == -ENOBUFS) return;
  if (cqe.res <= 0) {
    open_ -= c.closed ? 0 : 1;
    c.closed = true;
    return;
  }
  const auto id = static_cast<uint16_t>(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
  consume(index, buffers_.buffer(id), static_cast<size_t>(cqe.res));
  buffers_.give_back(id);
}

void server::consume(size_t index, const uint8_t* data, size_t size) {
  connection& c = connections_[index];
  partition& p = partitions_[c.part];
  while (size > 0) {
    if (c.header_filled < sizeof c.header) {
      const size_t take = std::min(size, sizeof c.header - c.header_filled);
      std::memcpy(reinterpret_cast<uint8_t*>(&c.header) + c.header_filled, data, take);
      c.header_filled += take;
      data += take;
      size -= take;
      if (c.header_filled == sizeof c.header) begin_body(c);
      continue;
    }
    const size_t take = std::min<size_t>(size, c.header.size - c.body_filled);
    c.crc = base::crc32c_copy(c.crc, p.memory + (c.body_at + c.body_filled) % p.capacity, data, take);
    c.body_filled += take;
    data += take;
    size -= take;
    if (c.body_filled == c.header.size) end_body(index);
  }
}

/// The body's place is taken when its header is read, so that connections which share a partition
/// do not wait for each other; a body never wraps.
void server::begin_body(connection& c) {
  partition& p = partitions_[c.part];
  const uint64_t lap_left = p.capacity - p.appended % p.capacity;
  if (c.header.size > lap_left) p.appended += lap_left;
  c.body_at = p.appended;
  p.appended += c.header.size;
  c.body_filled = 0;
  c.crc = 0;
}

void server::end_body(size_t index) {
  connection& c = connections_[index];
  if (c.crc != c.header.crc) die("a body with a wrong CRC");
  c.header_filled = 0;
  if (settings_.disk == disk_kind::none) {
    ++c.answers_due;
  } else {
    partitions_[c.part].answers.push_back({index, partitions_[c.part].appended});
  }
}

/// Whole megabytes go out at once, up to four; what is left goes as one write of whole blocks when
/// nothing else is on the way: everything that arrives meanwhile is the next group.
void server::write_what_waits(size_t index) {
  partition& p = partitions_[index];
  if (p.fd < 0) return;
  while (!p.tail_busy && p.writes.size() < writes_in_flight_max) {
    const uint64_t lap_end = (p.issued / p.capacity + 1) * p.capacity;
    const uint64_t limit = std::min(p.appended, lap_end);
    const uint64_t whole = limit / block * block;
    if (whole - p.issued >= write_bytes_max || (limit == lap_end && whole > p.issued)) {
      const uint64_t to = std::min(whole, p.issued + write_bytes_max);
      put(index, p.issued, to, to, false);
      p.issued = to;
      continue;
    }
    if (p.writes.empty() && p.appended > p.durable && limit > p.issued) {
      put(index, p.issued, (limit + block - 1) / block * block, limit, true);
      p.issued = whole;
    }
    break;
  }
}

void server::put(size_t index, uint64_t from, uint64_t to, uint64_t covers, bool tail) {
  partition& p = partitions_[index];
  const auto number = static_cast<uint32_t>(p.first_write + p.writes.size());
  io_uring_sqe* sqe = ring_.sqe();
  io_uring_prep_write(sqe, p.fd, p.memory + from % p.capacity, static_cast<unsigned>(to - from), from % p.file_size);
  if (settings_.disk == disk_kind::durable) {
    sqe->rw_flags = RWF_DSYNC;
    ring_.keep_flushes_out();
  }
  sqe->user_data = tag(event::written, index, number);
  p.writes.push_back({to - from, covers, tail});
  p.tail_busy = tail;
}

void server::on_written(size_t index, uint32_t write, int answer) {
  partition& p = partitions_[index];
  write_in_flight& w = p.writes[write - static_cast<uint32_t>(p.first_write)];
  if (answer < 0 || static_cast<uint64_t>(answer) != w.size) die("a write of {} bytes answered {}", w.size, answer);
  w.done = true;
  if (w.tail) p.tail_busy = false;
  for (; !p.writes.empty() && p.writes.front().done; ++p.first_write) {
    p.durable = p.writes.front().covers;
    p.writes.pop_front();
  }
  for (; !p.answers.empty() && p.answers.front().end <= p.durable; p.answers.pop_front()) {
    ++connections_[p.answers.front().connection].answers_due;
  }
}

/// Arms the receive again where it ended, and sends the answers that are due: all in one send.
void server::answer(size_t index) {
  connection& c = connections_[index];
  if (c.closed) return;
  if (!c.armed) arm(index);
  if (c.answers_due == 0 || c.sending) return;
  const uint64_t count = std::min<uint64_t>(c.answers_due, acks_.size() / sizeof(frame_header));
  c.answers_due -= count;
  c.sending = true;
  io_uring_sqe* sqe = ring_.sqe();
  io_uring_prep_send(sqe, c.fd, acks_.data(), count * sizeof(frame_header), MSG_NOSIGNAL | MSG_WAITALL);
  sqe->user_data = tag(event::sent, index);
}

}  // namespace

void serve_produce(int listener, const bare_settings& s) { server(listener, s).run(); }

}  // namespace millrace::bench
