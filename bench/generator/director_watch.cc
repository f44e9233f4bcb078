#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "generator/clock.hh"
#include "generator/director.hh"
#include "generator/progress.hh"

/// While the load runs: its begin, each second, its end.

namespace millrace::generator {

using base::instant;

namespace {

/// A shorter rest of a second is in the totals only: its rates would say nothing.
constexpr base::duration shortest_interval = base::milliseconds(100);
/// For a core that hands a second in late.
constexpr base::duration late_most = base::seconds(1);

template <class T>
std::optional<T> less(const std::optional<T>& after, const std::optional<T>& before) {
  if (!after || !before) return std::nullopt;
  return *after - *before;
}

process_usage since(const process_usage& before, const process_usage& after) {
  return {.user_seconds = after.user_seconds - before.user_seconds,
          .system_seconds = after.system_seconds - before.system_seconds,
          .rss_bytes = after.rss_bytes,
          .read_bytes = less(after.read_bytes, before.read_bytes),
          .written_bytes = less(after.written_bytes, before.written_bytes)};
}

}  // namespace

/// False: told to end before that, or not ready for it.
bool director::begin(outcome& out) {
  const instant wanted{static_cast<int64_t>(s_.start_at * 1e9) - run_.unix_offset_ns};
  if (s_.start_at > 0 && wanted < now()) {
    return fail(
        fmt::format("--start-at is {:.1f} s past: all processes must be ready before it", in_seconds(now() - wanted)));
  }
  const instant start = std::max(now() + base::milliseconds(20), wanted);
  if (wanted > now() + base::seconds(1)) fmt::print(stderr, "starts in {:.0f} s\n", in_seconds(wanted - now()));
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
  instant end = run_.measured.end;
  machine_time machine_before;
  machine_time machine_after;
  bool begun = false;
  bool ended = false;
  size_t second = 0;
  const auto producing = [this] { return s_.produces() && run_.produced.load() < machine_->cores(); };
  while (!ended || producing() || belongs(second, end)) {
    nap(glance);
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
      server_at_end_ = server_before_;  // the last that is known where it is gone
      look_at_server(server_at_end_);
    }
    if (now() >= run_.second_end(second)) {
      look(out, second, end);
      ++second;
    }
  }
  const double all = machine_after.all - machine_before.all;
  out.steal_percent = all > 0 ? 100 * (machine_after.steal - machine_before.steal) / all : 0;
  out.seconds = in_seconds(end - run_.measured.begin);
  return true;
}

/// Whether that second, or enough of it, lies in the window.
bool director::belongs(size_t second, instant end) const {
  const instant to = run_.second_end(second);
  return to > run_.measured.begin && to - base::seconds(1) + shortest_interval < end;
}

/// Leaves `to` as it is where the server is not named, or gone.
void director::look_at_server(process_usage& to) const {
  if (s_.server_pid != 0) usage_of(s_.server_pid, to);
}

/// A second is over: the cores hand it in within a few milliseconds.
void director::look(outcome& out, size_t second, instant end) {
  interval counts;
  const instant limit = now() + late_most;
  bool whole = run_.seconds.take(second, machine_->cores(), counts);
  for (; !whole && now() < limit; whole = run_.seconds.take(second, machine_->cores(), counts)) nap(base::milliseconds(1));
  if (whole) trouble_ = counts.trouble;
  shown_interval one(counts);
  process_usage server = server_before_;  // what is gone took nothing more
  process_usage load;
  look_at_server(server);
  usage_of(0, load);
  if (s_.server_pid != 0) one.server = since(server_before_, server);
  one.load = since(load_before_, load);
  server_before_ = server;
  load_before_ = load;
  const bool in_window = belongs(second, end);
  const instant until = in_window ? std::min(run_.second_end(second), end) : run_.second_end(second);
  one.at = in_seconds(until - run_.measured.begin);
  if (!whole) return;
  show_progress(s_, one, in_window);
  if (in_window) out.intervals.push_back(std::move(one));
}

/// A catch-up ends where it has caught up.
bool director::finished_early() { return s_.kind == run_kind::consume && s_.from_begin && unread(ends_) == 0; }

/// The measured window ends before its time, and producers stop.
void director::cut(instant end) {
  run_.measured.cut_ns.store(end.ns);
  if (s_.produces()) run_.produce_until_ns.store(end.ns);
}

}  // namespace millrace::generator
