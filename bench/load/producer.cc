#include "load/producer.hh"

#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "common/die.hh"

namespace millrace::bench {
namespace {

constexpr size_t slot_size_max = 2048;
constexpr size_t send_bytes_max = 1 << 20;
constexpr uint64_t send_parts_max = 512;
constexpr size_t inbox_bytes = 16 << 10;

enum class event : uint64_t { sent = 0, received = 1 };

uint64_t tag(event what, size_t connection) { return connection << 1 | static_cast<uint64_t>(what); }

}  // namespace

producer::producer(const settings& s, const topic_leaders& leaders)
    : settings_(s),
      leaders_(leaders),
      ring_(s.spin),
      batch_(make_batch(s.messages_per_batch, s.message_bytes, time(nullptr) * 1000)),
      prefix_(make_produce_prefix(s.topic, s.acks, batch_.size())),
      response_(s.topic.size()) {
  const size_t request = prefix_.bytes.size() + batch_.size();
  batch_in_slot_ = request <= slot_size_max;
  slot_size_ = batch_in_slot_ ? request : prefix_.bytes.size();
  requests_per_send_ = std::clamp<uint64_t>(send_bytes_max / request, 1, send_parts_max / 2);
}

producer::~producer() {
  for (const auto& c : connections_) close(c->fd);
}

outcome producer::run(uint64_t bytes_limit) {
  connect_all();
  stopwatch watch(settings_, bytes_limit, out_);
  begin_ = now();
  for (auto& c : connections_) {
    if (settings_.acks != 0) arm_receive(*c);
    want_pump(*c);
  }
  const bool open = settings_.kind == run_kind::open;
  for (base::instant time = begin_; watch.tick(time, acknowledged_bytes_);) {
    if (open) owe_due_requests(time);
    for (size_t i = 0; i < to_pump_.size(); ++i) pump(*to_pump_[i], time);
    to_pump_.clear();
    ring_.wait(open ? std::min(base::instant{due(due_requests_)}, watch.end()) : watch.end());
    time = now();
    ring_.drain([&](const io_uring_cqe& cqe) {
      connection& c = *connections_[cqe.user_data >> 1];
      if (static_cast<event>(cqe.user_data & 1) == event::sent) {
        on_sent(c, cqe.res);
      } else {
        on_received(c, cqe.res, time);
      }
    });
  }
  for (const auto& c : connections_) out_.unsent += c->owed;
  return out_;
}

void producer::connect_all() {
  const std::vector<lane> lanes = deal_lanes(leaders_, settings_.connections, settings_.sticky);
  const size_t room = settings_.in_flight;
  for (const lane& l : lanes) {
    auto c = std::make_unique<connection>();
    c->index = connections_.size();
    c->fd = connect_to(l.leader);
    c->route = l;
    c->since.resize(room);
    c->partition.resize(room);
    c->inbox.resize(std::max(inbox_bytes, response_.size));
    c->parts.reserve(send_parts_max);
    c->slots.resize(room * slot_size_);
    for (size_t slot = 0; slot < room; ++slot) {
      uint8_t* at = c->slots.data() + slot * slot_size_;
      std::ranges::copy(prefix_.bytes, at);
      if (batch_in_slot_) std::ranges::copy(batch_, at + prefix_.bytes.size());
    }
    connections_.push_back(std::move(c));
  }
}

void producer::want_pump(connection& c) {
  if (c.pump_wanted) return;
  c.pump_wanted = true;
  to_pump_.push_back(&c);
}

/// Open loop: when request number n of the run should leave. Number n goes out on connection n mod
/// connections.
int64_t producer::due(uint64_t request) const {
  return begin_.ns + static_cast<int64_t>(static_cast<double>(request) * 1e9 / settings_.rate);
}

void producer::owe_due_requests(base::instant time) {
  for (; due(due_requests_) <= time.ns; ++due_requests_) {
    connection& c = *connections_[due_requests_ % connections_.size()];
    ++c.owed;
    want_pump(c);
  }
}

/// Sends what there is room for, unless a send is on its way: then its completion comes here again.
void producer::pump(connection& c, base::instant time) {
  c.pump_wanted = false;
  if (c.sending > 0) return;
  const bool open = settings_.kind == run_kind::open;
  uint64_t count = std::min(settings_.in_flight - (c.sent - c.answered), requests_per_send_);
  if (open) count = std::min(count, c.owed);
  if (count == 0) return;
  c.parts.clear();
  for (uint64_t i = 0; i < count; ++i, ++c.sent) {
    const uint64_t slot = c.sent % settings_.in_flight;
    c.since[slot] = open ? due(c.sent * connections_.size() + c.index) : time.ns;
    c.partition[slot] = c.route.partitions[c.route.next];
    c.route.next = (c.route.next + 1) % c.route.partitions.size();
    gather(c, slot);
  }
  if (open) c.owed -= count;
  c.sending_requests = count;
  c.message = {};
  c.message.msg_iov = c.parts.data();
  c.message.msg_iovlen = c.parts.size();
  io_uring_sqe* sqe = ring_.sqe();
  io_uring_prep_sendmsg(sqe, c.fd, &c.message, MSG_NOSIGNAL | MSG_WAITALL);
  sqe->user_data = tag(event::sent, c.index);
}

/// Completes the slot's request and adds it to the send.
void producer::gather(connection& c, uint64_t slot) {
  uint8_t* at = c.slots.data() + slot * slot_size_;
  base::store_big(at + request_correlation_at, static_cast<uint32_t>(c.sent));
  base::store_big(at + prefix_.partition_at, c.partition[slot]);
  iovec* last = c.parts.empty() ? nullptr : &c.parts.back();
  if (last != nullptr && static_cast<uint8_t*>(last->iov_base) + last->iov_len == at) {
    last->iov_len += slot_size_;
  } else {
    c.parts.push_back({at, slot_size_});
  }
  if (!batch_in_slot_) c.parts.push_back({batch_.data(), batch_.size()});
  c.sending += prefix_.bytes.size() + batch_.size();
}

void producer::on_sent(connection& c, int answer) {
  if (answer < 0) die("send: {}", std::strerror(-answer));
  if (static_cast<size_t>(answer) != c.sending) die("the broker closed the connection in a send");
  c.sending = 0;
  if (settings_.acks == 0) {
    c.answered = c.sent;
    count(c.sending_requests);
  }
  want_pump(c);
}

void producer::arm_receive(connection& c) {
  io_uring_sqe* sqe = ring_.sqe();
  io_uring_prep_recv(sqe, c.fd, c.inbox.data() + c.inbox_filled, c.inbox.size() - c.inbox_filled, 0);
  sqe->user_data = tag(event::received, c.index);
}

void producer::on_received(connection& c, int answer, base::instant time) {
  if (answer < 0) die("recv: {}", std::strerror(-answer));
  if (answer == 0) die("the broker closed a connection after {} answers", c.answered);
  c.inbox_filled += static_cast<size_t>(answer);
  const uint8_t* at = c.inbox.data();
  size_t left = c.inbox_filled;
  for (; left >= response_.size; left -= response_.size, at += response_.size) on_response(c, at, time);
  std::memmove(c.inbox.data(), at, left);
  c.inbox_filled = left;
  arm_receive(c);
  want_pump(c);
}

void producer::on_response(connection& c, const uint8_t* response, base::instant time) {
  const uint64_t slot = c.answered % settings_.in_flight;
  const auto size = base::load_big<uint32_t>(response);
  const auto correlation = base::load_big<uint32_t>(response + 4);
  const auto partition = base::load_big<int32_t>(response + response_.partition_at);
  const auto error = base::load_big<int16_t>(response + response_.error_at);
  if (c.answered == c.sent) die("an answer without a request");
  if (size != response_.size - 4) die("a Produce response of {} bytes, not {}", size, response_.size - 4);
  if (correlation != static_cast<uint32_t>(c.answered)) {
    die("the answer to request {} came where that to {} belongs", correlation, c.answered);
  }
  if (partition != c.partition[slot]) die("an answer for partition {}, not {}", partition, c.partition[slot]);
  ++c.answered;
  if (error != 0) {
    ++out_.errors[error];
    return;
  }
  out_.latency.add(time.ns - c.since[slot]);
  count(1);
}

void producer::count(uint64_t requests) {
  out_.requests += requests;
  out_.messages += requests * settings_.messages_per_batch;
  out_.batch_bytes += requests * batch_.size();
  acknowledged_bytes_ += requests * batch_.size();
}

}  // namespace millrace::bench
