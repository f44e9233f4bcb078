#include "reactor/log_writer.hh"

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>

namespace millrace::reactor {

log_writer::channel::channel(log_writer& owner)
    : owner_(owner),
      lines_(new line[lines_per_core]),
      full_(lines_per_core),
      empty_(lines_per_core) {
  for (uint32_t i = 0; i < lines_per_core; ++i) {
    const bool fits = empty_.try_push(i);
    ASSERT(fits);
  }
}

void log_writer::channel::sink(void* self, std::string_view text) {
  auto& own = *static_cast<channel*>(self);
  uint32_t number = 0;
  if (!own.empty_.try_pop(number)) {
    own.dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  line& slot = own.lines_[number];
  const size_t size = text.size() < sizeof slot.text ? text.size() : sizeof slot.text - 1;
  std::memcpy(slot.text, text.data(), size);
  slot.text[size] = '\n';
  slot.size = static_cast<uint16_t>(size + 1);
  const bool fits = own.full_.try_push(number);
  ASSERT(fits);
  // The same handshake as for mail: both sides write, then read what the other wrote.
  own.owner_.signal_.fetch_add(1, std::memory_order_seq_cst);
  if (own.owner_.sleeping_.load(std::memory_order_seq_cst)) own.owner_.signal_.notify_one();
}

base::unix_ms log_writer::channel::wall_clock(void*) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

log_writer::log_writer(unsigned cores, int descriptor) : descriptor_(descriptor) {
  for (unsigned i = 0; i < cores; ++i) channels_.push_back(std::make_unique<channel>(*this));
  thread_ = std::thread([this] { run(); });
}

log_writer::~log_writer() {
  stopping_.store(true, std::memory_order_seq_cst);
  signal_.fetch_add(1, std::memory_order_seq_cst);
  signal_.notify_one();
  thread_.join();
}

void log_writer::run() {
  for (;;) {
    const uint32_t seen = signal_.load(std::memory_order_seq_cst);
    const bool stopping = stopping_.load(std::memory_order_seq_cst);
    if (drain()) continue;
    if (stopping) return;
    sleeping_.store(true, std::memory_order_seq_cst);
    signal_.wait(seen, std::memory_order_seq_cst);
    sleeping_.store(false, std::memory_order_seq_cst);
  }
}

bool log_writer::drain() {
  bool any = false;
  for (const auto& channel : channels_) any = drain_channel(*channel) || any;
  return any;
}

bool log_writer::drain_channel(channel& from) {
  // Many short lines leave in one call.
  char batch[16 * (base::log_line_bytes_max + 1)];
  size_t filled = 0;
  bool any = false;
  uint32_t number = 0;
  while (from.full_.try_pop(number)) {
    const channel::line& line = from.lines_[number];
    if (filled + line.size > sizeof batch) {
      write_all(batch, filled);
      filled = 0;
    }
    std::memcpy(batch + filled, line.text, line.size);
    filled += line.size;
    any = true;
    const bool fits = from.empty_.try_push(number);
    ASSERT(fits);
  }
  write_all(batch, filled);
  say_dropped(from);
  return any;
}

void log_writer::say_dropped(channel& from) {
  const uint64_t dropped = from.dropped();
  if (dropped == from.dropped_said_) return;
  char text[64];
  char* at = std::to_chars(text, text + 24, dropped - from.dropped_said_).ptr;
  constexpr std::string_view rest = " lines dropped\n";
  std::memcpy(at, rest.data(), rest.size());
  write_all(text, static_cast<size_t>(at - text) + rest.size());
  from.dropped_said_ = dropped;
}

void log_writer::flush_in_crash() noexcept {
  // The thread may be popping at the same time: a line may then appear twice or not at all. Nothing
  // worse.
  for (const auto& channel : channels_) {
    uint32_t number = 0;
    for (size_t i = 0; i < lines_per_core && channel->full_.try_pop(number); ++i) {
      const channel::line& line = channel->lines_[number];
      write_all(line.text, line.size);
    }
  }
}

void log_writer::write_all(const char* text, size_t size) noexcept {
  while (size > 0) {
    const ssize_t n = write(descriptor_, text, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // nobody reads the log: there is nobody to tell
    text += n;
    size -= static_cast<size_t>(n);
  }
}

}  // namespace millrace::reactor
