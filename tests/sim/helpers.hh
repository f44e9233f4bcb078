#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "reactor/task.hh"
#include "reactor/wait.hh"
#include "sim/world.hh"

/// Small words for the world's own tests: one operation each, with raw handles, so that a crash may
/// destroy the tasks where they stand.

namespace millrace::sim::test {

using reactor::op_kind;
using reactor::task;

inline std::vector<uint8_t> filled(size_t count, uint8_t byte) { return std::vector<uint8_t>(count, byte); }

/// Block-aligned memory, as O_DIRECT wants it.
class aligned {
 public:
  explicit aligned(size_t bytes, uint8_t fill = 0)
      : bytes_(bytes), data_(static_cast<uint8_t*>(std::aligned_alloc(4096, bytes))) {
    std::memset(data_, fill, bytes);
  }
  aligned(const aligned&) = delete;
  aligned& operator=(const aligned&) = delete;
  ~aligned() { std::free(data_); }
  base::mutable_bytes bytes() { return {data_, bytes_}; }

 private:
  size_t bytes_;
  uint8_t* data_;
};

inline task<int64_t> open(reactor::core& on, std::string path, uint32_t flags = reactor::open_write | reactor::open_create) {
  reactor::awaited_op o(on, op_kind::open);
  o.path = path.c_str();
  o.flags = flags;
  co_return co_await o;
}

inline task<int64_t> write(reactor::core& on, int64_t handle, uint64_t position, base::bytes source, bool durable = false) {
  const iovec piece{const_cast<uint8_t*>(source.data()), source.size()};
  reactor::awaited_op o(on, op_kind::write);
  o.handle = static_cast<int>(handle);
  o.iov = &piece;
  o.iov_count = 1;
  o.position = position;
  o.durable = durable;
  co_return co_await o;
}

inline task<int64_t> read(reactor::core& on, int64_t handle, uint64_t position, base::mutable_bytes target) {
  const iovec piece{target.data(), target.size()};
  reactor::awaited_op o(on, op_kind::read);
  o.handle = static_cast<int>(handle);
  o.iov = &piece;
  o.iov_count = 1;
  o.position = position;
  co_return co_await o;
}

/// sync, close, shutdown: what needs a handle alone.
inline task<int64_t> on_handle(reactor::core& on, op_kind kind, int64_t handle, uint64_t position = 0, uint64_t length = 0,
                               uint32_t flags = 0) {
  reactor::awaited_op o(on, kind);
  o.handle = static_cast<int>(handle);
  o.flags = flags;
  o.position = position;
  o.length = length;
  co_return co_await o;
}

inline task<int64_t> on_path(reactor::core& on, op_kind kind, std::string path, std::string path2 = {}) {
  reactor::awaited_op o(on, kind);
  o.path = path.c_str();
  o.path2 = path2.c_str();
  co_return co_await o;
}

inline task<int64_t> connect(reactor::core& on, std::string address, uint16_t port) {
  reactor::awaited_op o(on, op_kind::connect);
  o.path = address.c_str();
  o.port = port;
  co_return co_await o;
}

inline task<int64_t> send(reactor::core& on, int64_t handle, base::bytes source) {
  const iovec piece{const_cast<uint8_t*>(source.data()), source.size()};
  reactor::awaited_op o(on, op_kind::send);
  o.handle = static_cast<int>(handle);
  o.iov = &piece;
  o.iov_count = 1;
  co_return co_await o;
}

/// Accepts and keeps what it accepted; armed again as long as nothing is wrong.
class acceptor final : public reactor::accept_op {
 public:
  acceptor(reactor::core& on, int listener) : core_(on) {
    handle = listener;
    core_.submit(*this);
  }
  void run(reactor::core& on) override {
    for (; count > 0; --count) {
      handles.push_back(accepted[begin]);
      begin = (begin + 1) % capacity;
    }
    if (!in_flight) {
      ends.push_back(result);
      if (result == 1) on.submit(*this);
    }
  }
  std::vector<int> handles;
  std::vector<int64_t> ends;

 private:
  reactor::core& core_;
};

/// Receives and keeps the bytes. `hold`: buffers it does not give back until told.
class receiver final : public reactor::receive_op {
 public:
  receiver(reactor::core& on, int64_t socket) : core_(on) { handle = static_cast<int>(socket); }
  void start() { core_.submit(*this); }
  void run(reactor::core& on) override {
    while (!arrived.empty()) {
      reactor::lent_buffer& b = arrived.pop_front();
      bytes.insert(bytes.end(), b.data, b.data + b.size);
      ++pieces;
      if (hold) {
        held.push_back(b);
      } else {
        on.effects().give_back(b);
      }
    }
    if (in_flight) return;
    ends.push_back(result);
    if (again && (result == 1 || result == -ENOBUFS)) on.submit(*this);
  }
  void give_back_all() {
    while (!held.empty()) core_.effects().give_back(held.pop_front());
  }
  bool ended() const { return !ends.empty() && !in_flight && ends.back() != 1 && ends.back() != -ENOBUFS; }

  std::vector<uint8_t> bytes;
  std::vector<int64_t> ends;
  base::intrusive_list<reactor::lent_buffer> held;
  size_t pieces = 0;
  bool hold = false;
  bool again = true;

 private:
  reactor::core& core_;
};

}  // namespace millrace::sim::test
