#include <fmt/format.h>

#include "generator/outcome.hh"

namespace millrace::generator {

namespace {

double us(int64_t ns) { return static_cast<double>(ns) / 1e3; }

std::string flow_row(const char* what, const flow& f, double seconds, const hdr_histogram& h) {
  const auto rate = [seconds](uint64_t n) { return static_cast<double>(n) / seconds; };
  return fmt::format("{:<12}{:>12.1f}{:>12.2f}{:>12.1f}{:>8}{:>10.0f}{:>10.0f}{:>10.0f}{:>12.0f}\n", what,
                     rate(f.records) / 1e3, rate(f.bytes) / 1e6, rate(f.requests) / 1e3, f.errors, us(h.percentile(50)),
                     us(h.percentile(99)), us(h.percentile(99.9)), us(h.max()));
}

}  // namespace

std::string to_table(const settings& s, const outcome& out) {
  std::string text = fmt::format("{}: {:.1f} s on {} core{} against {}:{}, {} partition{}\n", name_of(s.kind), out.seconds,
                                 s.cores.size(), s.cores.size() == 1 ? "" : "s", s.brokers[0].host, s.brokers[0].port,
                                 out.partitions, out.partitions == 1 ? "" : "s");
  text += fmt::format("{:<12}{:>12}{:>12}{:>12}{:>8}{:>10}{:>10}{:>10}{:>12}\n", "", "k records/s", "MB/s", "k req/s",
                      "errors", "p50 us", "p99 us", "p99.9 us", "max us");
  if (s.produces()) text += flow_row("produced", out.sum.produced, out.seconds, out.sum.produce_latency);
  if (s.consumes()) text += flow_row("read", out.sum.consumed, out.seconds, out.sum.fetch_latency);
  if (const hdr_histogram& h = out.sum.end_to_end; s.consumes() && (s.produces() || h.count() > 0)) {
    text += fmt::format("{:<12}{:>56}{:>10.0f}{:>10.0f}{:>10.0f}{:>12.0f}\n", "end to end", "", us(h.percentile(50)),
                        us(h.percentile(99)), us(h.percentile(99.9)), us(h.max()));
  }
  if (s.consumes()) {
    const verified& v = out.checked;
    text += fmt::format("checked {} records: {} missing, {} duplicates, {} out of order, {} corrupt\n", v.records, v.missing,
                        v.duplicates, v.out_of_order, v.corrupt);
  }
  if (out.unread > 0) text += fmt::format("not caught up: {} records were still to be read\n", out.unread);
  if (out.server_cpu_seconds) {
    const double gb = static_cast<double>(out.bytes()) / 1e9;
    text += fmt::format("server: {:.2f} CPU seconds, {:.3f} a GB\n", *out.server_cpu_seconds,
                        gb > 0 ? *out.server_cpu_seconds / gb : 0.0);
  }
  for (const search_step& one : out.steps) {
    text += fmt::format("  {:>12.0f} records/s: reached {:>12.0f}, p99 {:>8.0f} us, {}\n", one.rate, one.reached, one.p99_us,
                        one.held ? "held" : "not held");
  }
  if (s.kind == run_kind::search) {
    text += fmt::format("highest rate with p99 under {} ms: {}{:.0f} records/s\n", s.p99_ms,
                        out.search_ended ? "" : "at least ", out.search_rate);
  }
  if (s.produces() && !s.topic_configs.empty() && !out.topic_made) {
    text += fmt::format("topic {} was there before: --topic-config changed nothing\n", s.topic);
  }
  if (out.steal_percent >= 1) text += fmt::format("the host took {:.1f} % of the processors meanwhile\n", out.steal_percent);
  return text;
}

}  // namespace millrace::generator
