#include "generator/progress.hh"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

namespace millrace::generator {

namespace {

/// Whether a line is there whose end has not come.
bool stands = false;

/// Columns of the terminal that stderr is; 0: it is none.
size_t terminal_width() {
  constexpr size_t usual = 80;
  if (isatty(STDERR_FILENO) == 0) return 0;
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : usual;
}

double us(int64_t ns) { return static_cast<double>(ns) / 1e3; }

std::string flow_text(const char* what, const flow& f) {
  std::string text = fmt::format("  {} {:.1f} k/s {:.2f} MB/s", what, static_cast<double>(f.records) / 1e3,
                                 static_cast<double>(f.bytes) / 1e6);
  if (f.errors > 0) text += fmt::format(" {} errors", f.errors);
  return text;
}

std::string latency_text(const char* what, const percentiles& p) {
  if (p.count == 0) return "";
  return fmt::format("  {} us p50 {:.0f} p99 {:.0f} p99.9 {:.0f} max {:.0f}", what, us(p.p50), us(p.p99), us(p.p999),
                     us(p.max));
}

}  // namespace

void show_progress(const settings& s, const shown_interval& second, bool in_window) {
  std::string line = fmt::format("{:7.1f} s", second.at);
  if (s.produces()) line += flow_text("produced", second.produced) + latency_text("answer", second.produce_latency);
  if (s.consumes()) line += flow_text("read", second.consumed) + latency_text("fetch", second.fetch_latency);
  if (s.consumes()) line += latency_text("end to end", second.end_to_end);
  if (!in_window) line += "  (not measured)";
  if (!second.trouble.empty()) line += "  " + second.trouble;
  if (const size_t width = terminal_width(); width > 0) {
    fmt::print(stderr, "\r\033[K{}", line.substr(0, width - 1));
    stands = true;
  } else {
    fmt::print(stderr, "{}\n", line);
  }
  std::fflush(stderr);
}

void end_progress() {
  if (stands) fmt::print(stderr, "\n");
  stands = false;
}

}  // namespace millrace::generator
