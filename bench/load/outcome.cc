#include "load/outcome.hh"

#include <fstream>

#include "common/die.hh"

namespace millrace::bench {
namespace {

/// Processor seconds in the measured window: the meters span a little more, so by proportion.
double in_window(const outcome& out, double usage::*seconds) {
  const double metered = static_cast<double>((out.after.at - out.before.at).ns) / 1e9;
  return metered <= 0 ? 0 : (out.after.*seconds - out.before.*seconds) * out.seconds / metered;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) out += c;
  }
  return out + '"';
}

double us(uint64_t ns) { return static_cast<double>(ns) / 1e3; }

struct figures {
  double rate, gb_rate, message_rate;
  double own, server, server_user, server_system, server_per_gb, server_us_per_request, switch_rate, steal;

  figures(const outcome& out)
      : rate(static_cast<double>(out.requests) / out.seconds),
        gb_rate(static_cast<double>(out.batch_bytes) / out.seconds / 1e9),
        message_rate(static_cast<double>(out.messages) / out.seconds),
        own(in_window(out, &usage::own_seconds)),
        server(in_window(out, &usage::server_seconds)),
        server_user(in_window(out, &usage::server_user_seconds)),
        server_system(in_window(out, &usage::server_system_seconds)),
        server_per_gb(out.batch_bytes == 0 ? 0 : server * 1e9 / static_cast<double>(out.batch_bytes)),
        server_us_per_request(out.requests == 0 ? 0 : server * 1e6 / static_cast<double>(out.requests)),
        switch_rate(static_cast<double>(out.after.server_switches - out.before.server_switches) / out.seconds),
        steal(in_window(out, &usage::steal_seconds)) {}
};

std::string json_line(const std::string& title, const settings& s, const outcome& out, const figures& f) {
  std::string errors;
  for (const auto& [code, count] : out.errors) {
    errors += fmt::format("{}\"{}\": {}", errors.empty() ? "" : ", ", code, count);
  }
  const histogram& h = out.latency;
  std::string line = "{";
  const auto add = [&line](const char* key, const auto& value) {
    fmt::format_to(std::back_inserter(line), "{}\"{}\": {}", line.size() > 1 ? ", " : "", key, value);
  };
  add("label", quoted(s.label));
  add("run", quoted(title));
  add("broker", quoted(fmt::format("{}:{}", s.broker.host, s.broker.port)));
  add("connections", s.connections);
  add("in_flight", s.in_flight);
  add("partitions", s.partitions);
  add("sticky", s.sticky);
  add("messages_per_batch", s.messages_per_batch);
  add("message_bytes", s.message_bytes);
  add("acks", s.acks);
  add("rate_asked", s.rate);
  add("max_bytes", s.max_bytes);
  add("spin_us", s.spin.us());
  add("cpu", s.cpu);
  add("seconds", out.seconds);
  add("requests", out.requests);
  add("requests_per_s", f.rate);
  add("messages_per_s", f.message_rate);
  add("mb_per_s", f.gb_rate * 1e3);
  add("p50_us", us(h.quantile_ns(0.5)));
  add("p99_us", us(h.quantile_ns(0.99)));
  add("p999_us", us(h.quantile_ns(0.999)));
  add("max_us", us(h.max_ns()));
  add("empty_fetches", out.empty_fetches);
  add("unsent", out.unsent);
  add("errors", "{" + errors + "}");
  add("load_cpu_s", f.own);
  add("server_cpu_s", f.server);
  add("server_user_s", f.server_user);
  add("server_sys_s", f.server_system);
  add("server_cpu_s_per_gb", f.server_per_gb);
  add("server_switches_per_s", f.switch_rate);
  add("server_rss_kib", out.after.server_resident_kib);
  add("steal_s", f.steal);
  add("host", quoted(host_name()));
  add("cpu_model", quoted(cpu_model()));
  add("kernel", quoted(kernel_release()));
  add("compiler", quoted(__VERSION__));
  add("commit", quoted(MILLRACE_COMMIT));
  return line + "}\n";
}

}  // namespace

stopwatch::stopwatch(const settings& s, uint64_t bytes_limit, outcome& out)
    : out_(out), server_pid_(s.server_pid), bytes_limit_(bytes_limit), open_(now() + s.warmup), end_(open_ + s.seconds) {
  if (bytes_limit_ == 0) return;
  open_ = open_ + (base::duration{0} - s.warmup);
  end_ = base::instant::never();
}

bool stopwatch::tick(base::instant time, uint64_t bytes_so_far) {
  if (bytes_limit_ > 0) {
    out_.seconds = static_cast<double>((time - open_).ns) / 1e9;
    return bytes_so_far < bytes_limit_;
  }
  if (!metered_ && time >= open_ + (base::duration{0} - lead)) {
    out_.before = usage_now(server_pid_);
    metered_ = true;
  }
  if (!opened_ && time >= open_) {
    opened_ = true;
    open_ = time;
    const usage before = out_.before;
    out_ = outcome();
    out_.before = before;
  }
  if (time < end_) return true;
  out_.seconds = static_cast<double>((time - open_).ns) / 1e9;
  out_.after = usage_now(server_pid_);
  return false;
}

void report(const std::string& title, const settings& s, const outcome& out) {
  const figures f(out);
  const histogram& h = out.latency;
  fmt::print(
      "{}: {:.1f} k requests/s, {:.3f} GB/s, {:.1f} k messages/s; us p50 {:.0f} p99 {:.0f} p99.9 "
      "{:.0f} max {:.0f}",
      title, f.rate / 1e3, f.gb_rate, f.message_rate / 1e3, us(h.quantile_ns(0.5)), us(h.quantile_ns(0.99)),
      us(h.quantile_ns(0.999)), us(h.max_ns()));
  fmt::print("; load {:.0f} % of a core", 100 * f.own / out.seconds);
  if (s.server_pid != 0) {
    fmt::print(
        ", server {:.0f} % (user {:.0f} sys {:.0f}), {:.2f} us/request, {:.3f} s/GB, {:.0f} "
        "sleeps/s, {} MiB",
        100 * f.server / out.seconds, 100 * f.server_user / out.seconds, 100 * f.server_system / out.seconds,
        f.server_us_per_request, f.server_per_gb, f.switch_rate, out.after.server_resident_kib / 1024);
  }
  fmt::print(", steal {:.0f} %\n", 100 * f.steal / out.seconds);
  if (out.unsent > 0) fmt::print("  {} requests were due and not sent at the end\n", out.unsent);
  if (out.empty_fetches > 0) fmt::print("  {} fetches brought nothing\n", out.empty_fetches);
  for (const auto& [code, count] : out.errors) fmt::print("  error {} in {} answers\n", code, count);
  if (s.json_path.empty()) return;
  std::ofstream file(s.json_path, std::ios::app);
  file << json_line(title, s, out, f);
  if (!file.flush()) die("cannot write {}", s.json_path);
}

}  // namespace millrace::bench
