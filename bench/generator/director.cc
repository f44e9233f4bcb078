#include "generator/director.hh"

#include <fmt/format.h>
#include <netdb.h>

#include <algorithm>

#include "generator/clock.hh"
#include "generator/progress.hh"
#include "millrace/admin.hh"

namespace millrace::generator {

using base::instant;
using base::result;
using reactor::task;

namespace {

/// Plenty for receive buffers and little else: batches lie on the heap.
constexpr size_t core_memory = size_t{64} << 20;

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
task<result<void>> with_client(reactor::core* on, const settings* s, F* work, std::string* words) {
  client::client cluster(*on, client_options_of(*s));
  result<void> done = co_await cluster.start();
  if (done) done = co_await (*work)(cluster);
  if (!done) *words += explain(cluster, done.error());
  co_await cluster.close();
  co_return done;
}

}  // namespace

client::client_options client_options_of(const settings& s) {
  return {.bootstrap = s.brokers, .client_id = "millrace-bench", .resolve = resolve};
}

std::string explain(const client::client& cluster, base::error why) {
  const std::string& where = cluster.unreachable();
  if (where.empty() || why.code == base::errc::refused) return client::describe(why);
  return where + (why.code == base::errc::not_found ? " does not resolve" : ": " + client::describe(why));
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
  process_usage found;
  if (s_.server_pid != 0 && !usage_of(s_.server_pid, found)) {
    return fail(fmt::format("--server-pid {}: there is no such process", s_.server_pid));
  }
  if (!prepare_topic(out)) {
    if (out.topic_made) remove_topic(s_, false);
    return false;
  }
  stop_.hold();
  bool good = start_cores();
  if (good) {
    good = wait_ready() && begin(out) && watch(out) && finish_reading(out);
    if (!good) run_.fail(failure_);
    run_.readers_stop.store(true);
    while (run_.closed.load() < machine_->cores()) {
      (void)stop_.came();
      nap(glance);
    }
    machine_->request_stop();
    machine_->join();
  }
  if (good) sum_up(out);
  if (last || !good) remove_topic(s_, good || stop_.came() != 0);
  if (run_.failed()) return fail(run_.failure());
  return good;
}

// ---- before

bool director::prepare_topic(outcome& out) {
  std::string words;
  auto work = [&](client::client& cluster) -> task<result<void>> { return prepare_topic_at(&cluster, &s_, &out, &words); };
  const result<void> done = here_->run(with_client(&here_->on(), &s_, &work, &words));
  if (!done) return fail(words);
  const size_t partitions = out.partitions;
  if (s_.partitions_given && !out.topic_made && static_cast<size_t>(s_.partitions) != partitions) {
    return fail(fmt::format("--partitions {}: topic {} is there already, with {}", s_.partitions, s_.topic, partitions));
  }
  for (const int32_t p : s_.assign) {
    if (static_cast<size_t>(p) >= partitions) return fail(fmt::format("--assign: the topic has {} partitions", partitions));
  }
  run_.unix_offset_ns = clock_of(CLOCK_REALTIME).ns - now().ns;
  if (!s_.consumes()) return true;
  std::vector<int64_t> begins;
  std::string why;
  if (!list_offsets(ends_, client::latest, why) || !list_offsets(begins, client::earliest, why)) return fail(why);
  run_.starts = s_.from_begin ? begins : ends_;
  for (size_t g = 0; g < std::max(1u, s_.groups); ++g) {
    auto& checks = run_.checks.emplace_back();
    for (size_t p = 0; p < partitions; ++p) {
      checks.push_back(std::make_unique<partition_check>());
      checks.back()->expect({.run = s_.run_id,
                             .partition = static_cast<int32_t>(p),
                             .foreign_until = s_.produces() ? ends_[p] : INT64_MAX,
                             .from_zero = s_.produces(),
                             .others_from_zero = run_.starts[p] == 0 && !s_.shares_groups()});
      checks.back()->reached(run_.starts[p]);
    }
  }
  return true;
}

bool director::list_offsets(std::vector<int64_t>& to, int64_t time, std::string& why) {
  auto work = [&](client::client& cluster) -> task<result<void>> { return list_offsets_at(&cluster, &s_, time, &to); };
  why = "offsets of the topic: ";
  const result<void> done = here_->run(with_client(&here_->on(), &s_, &work, &why));
  return static_cast<bool>(done);
}

void remove_topic(const settings& s, bool say) {
  if (s.keep) return;
  auto here = reactor::solo::make(size_t{32} << 20, {.receive_buffers = 64});
  if (!here) return;
  auto work = [&](client::client& cluster) -> task<result<void>> { return remove_topic_at(&cluster, &s); };
  std::string why;
  const result<void> done = (*here)->run(with_client(&(*here)->on(), &s, &work, &why));
  if (done || !say) return;
  end_progress();
  fmt::print(stderr, "topic {} is still there: {}\n", s.topic, why);
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
    nap(glance);
  }
  return !run_.failed();
}

}  // namespace millrace::generator
