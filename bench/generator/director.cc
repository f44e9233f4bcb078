#include "generator/director.hh"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <netdb.h>
#include <time.h>

#include <algorithm>
#include <ctime>
#include <thread>

#include "generator/progress.hh"
#include "millrace/admin.hh"

namespace millrace::generator {

using base::instant;
using base::result;
using reactor::task;

namespace {

/// Plenty for receive buffers and little else: batches lie on the heap.
constexpr size_t core_memory = size_t{64} << 20;
constexpr auto glance = std::chrono::milliseconds(5);
constexpr const char* too_early = "told to end before anything was measured";

instant clock_of(clockid_t which) {
  timespec t{};
  clock_gettime(which, &t);
  return {t.tv_sec * 1'000'000'000 + t.tv_nsec};
}
instant now() { return clock_of(CLOCK_MONOTONIC); }

base::duration seconds_of(double s) { return base::nanoseconds(static_cast<int64_t>(s * 1e9)); }

void nap(base::duration length) { std::this_thread::sleep_for(std::chrono::nanoseconds(length.ns)); }

/// By the system's resolver, IPv4 first: what brokers advertise as a name.
result<std::string> resolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return base::fail(base::errc::not_found);
  std::string numeric;
  char room[NI_MAXHOST];
  for (const int family : {AF_INET, AF_INET6}) {
    for (const addrinfo* a = found; a != nullptr && numeric.empty(); a = a->ai_next) {
      if (a->ai_family != family) continue;
      if (getnameinfo(a->ai_addr, a->ai_addrlen, room, sizeof room, nullptr, 0, NI_NUMERICHOST) == 0) numeric = room;
    }
  }
  freeaddrinfo(found);
  if (numeric.empty()) return base::fail(base::errc::not_found);
  return numeric;
}

/// A client for as long as one task takes.
template <class F>
task<result<void>> with_client(reactor::core* on, const settings* s, F* work) {
  client::client cluster(*on, client_options_of(*s));
  result<void> done = co_await cluster.start();
  if (done) done = co_await (*work)(cluster);
  co_await cluster.close();
  co_return done;
}

}  // namespace

client::client_options client_options_of(const settings& s) {
  return {.bootstrap = s.brokers, .client_id = "millrace-bench", .resolve = resolve};
}

director::director(const settings& s, interruption& stop) : s_(s), stop_(stop), run_(s) {}
director::~director() = default;

bool director::fail(std::string why) {
  if (failure_.empty()) failure_ = std::move(why);
  return false;
}

bool director::run(outcome& out, bool last) {
  auto here = reactor::solo::make(size_t{32} << 20, {.receive_buffers = 64});
  if (!here) return fail(fmt::format("io_uring: {}", client::describe(here.error())));
  here_ = std::move(*here);
  if (!prepare_topic(out)) return false;
  stop_.hold();
  bool good = start_cores();
  if (good) {
    good = wait_ready() && begin(out) && watch(out) && wait_for_readers();
    if (!good) run_.fail(failure_);
    run_.readers_stop.store(true);
    while (run_.closed.load() < machine_->cores()) {
      (void)stop_.came();
      std::this_thread::sleep_for(glance);
    }
    machine_->request_stop();
    machine_->join();
  }
  if (good) sum_up(out, *program_);
  if (last || !good) remove_topic(s_, good || stop_.came() != 0);
  if (run_.failed()) return fail(run_.failure());
  return good;
}

// ---- before

bool director::prepare_topic(outcome& out) {
  std::string words;
  auto work = [&](client::client& cluster) -> task<result<void>> { return prepare_topic_at(&cluster, &s_, &out, &words); };
  const result<void> done = here_->run(with_client(&here_->on(), &s_, &work));
  if (!done) {
    const std::string what = client::describe(done.error());
    return fail(words.empty() ? fmt::format("{} at {}:{}", what, s_.brokers[0].host, s_.brokers[0].port) : words + what);
  }
  const size_t partitions = out.partitions;
  for (const int32_t p : s_.assign) {
    if (static_cast<size_t>(p) >= partitions) return fail(fmt::format("--assign: the topic has {} partitions", partitions));
  }
  run_.unix_offset_ns = clock_of(CLOCK_REALTIME).ns - now().ns;
  if (!s_.consumes()) return true;
  std::vector<int64_t> begins;
  if (!list_offsets(ends_, client::latest) || !list_offsets(begins, client::earliest)) return false;
  run_.starts = s_.from_begin ? begins : ends_;
  for (size_t g = 0; g < std::max(1u, s_.groups); ++g) {
    auto& checks = run_.checks.emplace_back();
    for (size_t p = 0; p < partitions; ++p) {
      checks.push_back(std::make_unique<partition_check>());
      checks.back()->expect(s_.run_id, s_.produces() ? ends_[p] : INT64_MAX, s_.produces());
      checks.back()->reached(run_.starts[p]);
    }
  }
  return true;
}

bool director::list_offsets(std::vector<int64_t>& to, int64_t time) {
  auto work = [&](client::client& cluster) -> task<result<void>> { return list_offsets_at(&cluster, &s_, time, &to); };
  const result<void> done = here_->run(with_client(&here_->on(), &s_, &work));
  return done ? true : fail("offsets of the topic: " + client::describe(done.error()));
}

void remove_topic(const settings& s, bool say) {
  if (s.keep) return;
  auto here = reactor::solo::make(size_t{32} << 20, {.receive_buffers = 64});
  if (!here) return;
  auto work = [&](client::client& cluster) -> task<result<void>> { return remove_topic_at(&cluster, &s); };
  const result<void> done = (*here)->run(with_client(&(*here)->on(), &s, &work));
  if (!done && say) fmt::print(stderr, "topic {} is still there: {}\n", s.topic, client::describe(done.error()));
}

bool director::start_cores() {
  program_ = std::make_unique<load_program>(run_, static_cast<unsigned>(s_.cores.size()));
  reactor::machine_options how;
  how.cpus = s_.cores;
  how.memory_bytes = core_memory;
  how.touched_at_start = core_memory;
  how.stall_threshold = base::seconds(3600);
  how.log_least = base::log_level::error;
  machine_ = std::make_unique<reactor::machine>(how, *program_);
  const result<void> started = machine_->start();
  return started ? true : fail(fmt::format("the cores of the load: {}", client::describe(started.error())));
}

bool director::wait_ready() {
  while (run_.ready.load() < machine_->cores()) {
    if (stop_.came() != 0) return fail(too_early);
    std::this_thread::sleep_for(glance);
  }
  return !run_.failed();
}

// ---- while it runs

/// False: told to end before that.
bool director::begin(outcome& out) {
  const instant wanted{static_cast<int64_t>(s_.start_at * 1e9) - run_.unix_offset_ns};
  const instant start = std::max(now() + base::milliseconds(20), wanted);
  if (wanted > now() + base::seconds(1))
    fmt::print(stderr, "starts in {:.0f} s\n", static_cast<double>((wanted - now()).ms()) / 1e3);
  run_.measured.begin = start + seconds_of(s_.warmup);
  run_.measured.end = start + seconds_of(s_.warmup + s_.seconds);
  if (s_.produces()) run_.produce_until_ns.store(run_.measured.end.ns);
  run_.begin_ns.store(start.ns);
  while (now() < start) {
    if (stop_.came() != 0) return fail(too_early);
    nap(std::min(start - now(), base::milliseconds(100)));
  }
  const std::time_t unix_now = std::time(nullptr);
  out.started = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(unix_now));
  look_at_server(server_before_);
  usage_of(0, load_before_);
  return true;
}

/// Until the measured window has ended and all answers are in. Shows each second.
bool director::watch(outcome& out) {
  const instant start{run_.begin_ns.load()};
  instant end = run_.measured.end;
  machine_time machine_before;
  machine_time machine_after;
  bool begun = false;
  bool ended = false;
  size_t second = 0;
  const auto producing = [this] { return s_.produces() && run_.produced.load() < machine_->cores(); };
  while (!ended || producing()) {
    std::this_thread::sleep_for(glance);
    if (run_.failed()) return false;
    if (!begun && now() >= run_.measured.begin) {
      begun = true;
      machine_before = machine_now();
      look_at_server(server_at_begin_);
    }
    const bool told = stop_.came() != 0;
    if (told && !begun) return fail(too_early);
    if (begun && !ended && (told || finished_early())) {
      end = std::min(end, now());
      cut(end);
    }
    if (!ended && now() >= end) {
      ended = true;
      machine_after = machine_now();
      look_at_server(server_at_end_);
    }
    const instant due = start + base::seconds(static_cast<int64_t>(second) + 1);
    if (now() >= due) look(out, second++, due > run_.measured.begin && due <= end + base::milliseconds(1));
  }
  const double all = machine_after.all - machine_before.all;
  out.steal_percent = all > 0 ? 100 * (machine_after.steal - machine_before.steal) / all : 0;
  out.seconds = static_cast<double>((end - run_.measured.begin).ns) / 1e9;
  return true;
}

/// Leaves `to` as it is where the server is not named, or gone.
void director::look_at_server(process_usage& to) const {
  if (s_.server_pid != 0) usage_of(s_.server_pid, to);
}

/// A second is over: the cores hand it in within a few milliseconds.
void director::look(outcome& out, size_t second, bool in_window) {
  shown_interval one;
  const instant limit = now() + base::milliseconds(300);
  while (!run_.seconds.take(second, machine_->cores(), one.counts) && now() < limit) nap(base::milliseconds(1));
  process_usage server = server_before_;  // what is gone took nothing more
  process_usage load;
  look_at_server(server);
  usage_of(0, load);
  const auto since = [](const process_usage& after, const process_usage& before) {
    return process_usage{.user_seconds = after.user_seconds - before.user_seconds,
                         .system_seconds = after.system_seconds - before.system_seconds,
                         .rss_bytes = after.rss_bytes,
                         .read_bytes = after.read_bytes - before.read_bytes,
                         .written_bytes = after.written_bytes - before.written_bytes};
  };
  if (s_.server_pid != 0) one.server = since(server, server_before_);
  one.load = since(load, load_before_);
  server_before_ = server;
  load_before_ = load;
  one.at = static_cast<double>(second) + 1 - s_.warmup;
  show_progress(s_, one, in_window);
  if (in_window) out.intervals.push_back(std::move(one));
}

// ---- the end

int64_t director::read_so_far() {
  int64_t sum = 0;
  for (auto& group : run_.checks) {
    for (auto& check : group) {
      const std::lock_guard hold(check->lock());
      sum += check->next();
    }
  }
  return sum;
}

bool director::readers_reach(const std::vector<int64_t>& ends) {
  for (auto& group : run_.checks) {
    for (size_t p = 0; p < group.size(); ++p) {
      const bool read =
          s_.assign.empty() || s_.groups > 0 || std::ranges::find(s_.assign, static_cast<int32_t>(p)) != s_.assign.end();
      const std::lock_guard hold(group[p]->lock());
      if (read && group[p]->next() < ends[p]) return false;
    }
  }
  return true;
}

/// A catch-up ends where it has caught up.
bool director::finished_early() { return s_.kind == run_kind::consume && s_.from_begin && readers_reach(ends_); }

/// The measured window ends before its time, and producers stop.
void director::cut(instant end) {
  run_.measured.cut_ns.store(end.ns);
  if (s_.produces()) run_.produce_until_ns.store(end.ns);
}

/// Readers go on until they have everything, or get nothing for too long: then what they lack is missing.
bool director::wait_for_readers() {
  if (!s_.consumes() || !s_.produces()) return true;
  std::vector<int64_t> ends;
  int64_t before = -1;
  instant progress = now();
  while (now() - progress < seconds_of(s_.drain_seconds)) {
    // Without answers what was sent last may not be there yet.
    const std::vector<int64_t> known = ends;
    if (!list_offsets(ends, client::latest)) return false;
    const bool steady = s_.acks != 0 || known == ends;
    for (int i = 0; i < 50; ++i) {
      if (readers_reach(ends) && steady) return true;
      if (run_.failed()) return false;
      (void)stop_.came();  // nothing is left to cut short, but the next one ends the process
      std::this_thread::sleep_for(glance);
    }
    const int64_t read = read_so_far();
    if (read != before || !steady) progress = now();
    before = read;
  }
  return true;
}

void director::sum_up(outcome& out, load_program& program) {
  out.sum = program.sum();
  for (auto& group : run_.checks) {
    for (size_t p = 0; p < group.size(); ++p) {
      const auto partition = static_cast<int32_t>(p);
      const bool read = s_.assign.empty() || s_.groups > 0 || std::ranges::find(s_.assign, partition) != s_.assign.end();
      if (read) out.checked.add(group[p]->finish(program.acknowledged(p), s_.first_producer));
    }
  }
  if (s_.server_pid == 0) return;
  out.server_cpu_seconds = server_at_end_.user_seconds + server_at_end_.system_seconds - server_at_begin_.user_seconds -
                           server_at_begin_.system_seconds;
}

}  // namespace millrace::generator
