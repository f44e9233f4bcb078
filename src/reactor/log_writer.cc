#include "reactor/log_writer.hh"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <csignal>
#include <cstring>
#include <ctime>
#include <iterator>

namespace millrace::reactor {

namespace {

constexpr int look_ms = 50;  ///< how often a writer that waits for room looks whether it shall end
constexpr int crash_patience_ms = 200;
constexpr int ending_signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE};

std::atomic<log_writer*> crash_writer{nullptr};
struct sigaction before_us[std::size(ending_signals)];

void restore_handlers() {
  for (size_t i = 0; i < std::size(ending_signals); ++i) (void)sigaction(ending_signals[i], &before_us[i], nullptr);
}

int64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

extern "C" void flush_and_end(int number, siginfo_t* about, void*) {
  if (log_writer* const writer = crash_writer.exchange(nullptr)) writer->flush_in_crash();
  restore_handlers();
  // A fault happens again when this returns; a signal that was sent is sent again.
  if (about->si_code <= 0) (void)std::raise(number);
}

}  // namespace

log_writer::channel::channel(log_writer& owner)
    : owner_(owner), lines_(new line[lines_per_core]), full_(lines_per_core), empty_(lines_per_core) {
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
  give_up_at_.store(monotonic_ns() + stop_limit.ns, std::memory_order_relaxed);
  stopping_.store(true, std::memory_order_seq_cst);
  signal_.fetch_add(1, std::memory_order_seq_cst);
  signal_.notify_one();
  thread_.join();
  end_of_crash_watch();
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

void log_writer::flush_on_crash() {
  crash_writer.store(this);
  struct sigaction action {};
  action.sa_sigaction = flush_and_end;
  action.sa_flags = SA_SIGINFO;
  for (size_t i = 0; i < std::size(ending_signals); ++i) (void)sigaction(ending_signals[i], &action, &before_us[i]);
}

void log_writer::end_of_crash_watch() noexcept {
  log_writer* self = this;
  if (crash_writer.compare_exchange_strong(self, nullptr)) restore_handlers();
}

bool log_writer::all_written() const noexcept {
  if (!sleeping_.load(std::memory_order_seq_cst)) return false;
  return std::all_of(channels_.begin(), channels_.end(), [](const auto& channel) { return channel->full_.empty(); });
}

void log_writer::flush_in_crash() noexcept {
  const timespec step{.tv_sec = 0, .tv_nsec = 1'000'000};
  for (int i = 0; i < crash_patience_ms && !all_written(); ++i) (void)nanosleep(&step, nullptr);
  if (all_written()) return;
  crashing_.store(true, std::memory_order_relaxed);
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

/// False: nobody takes lines any more, or not in time.
bool log_writer::wait_for_room() noexcept {
  for (;;) {
    pollfd room{.fd = descriptor_, .events = POLLOUT, .revents = 0};
    const bool crashing = crashing_.load(std::memory_order_relaxed);
    const int found = poll(&room, 1, crashing ? 0 : look_ms);
    if (found > 0) return (room.revents & POLLNVAL) == 0;
    if (found < 0 && errno != EINTR) return false;
    if (crashing || monotonic_ns() >= give_up_at_.load(std::memory_order_relaxed)) return false;
  }
}

/// In pieces that a pipe with room takes whole, so that no write() waits.
void log_writer::write_all(const char* text, size_t size) noexcept {
  while (size > 0 && wait_for_room()) {
    const ssize_t n = write(descriptor_, text, std::min<size_t>(size, PIPE_BUF));
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return;  // nobody reads the log: there is nobody to tell
    text += n;
    size -= static_cast<size_t>(n);
  }
}

}  // namespace millrace::reactor
