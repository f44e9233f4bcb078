#include "generator/watch.hh"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

namespace millrace::generator {

namespace {

std::string slurp(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<uint64_t> numbers(const std::string& text) {
  std::istringstream in(text);
  std::vector<uint64_t> all;
  for (std::string word; in >> word;) all.push_back(std::strtoull(word.c_str(), nullptr, 10));
  return all;
}

/// The number behind `key`, where that is there.
std::optional<uint64_t> number_after(const std::string& text, std::string_view key) {
  const size_t at = text.find(key);
  if (at == std::string::npos) return std::nullopt;
  return std::strtoull(text.c_str() + at + key.size(), nullptr, 10);
}

double ticks(uint64_t count) { return static_cast<double>(count) / static_cast<double>(sysconf(_SC_CLK_TCK)); }

}  // namespace

bool usage_of(int pid, process_usage& to) {
  const std::string root = pid == 0 ? "/proc/self/" : fmt::format("/proc/{}/", pid);
  const std::string stat = slurp(root + "stat");
  // proc(5): the second field is in brackets and may hold spaces; utime and stime are fields 14 and 15, rss is 24.
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return false;
  const std::vector<uint64_t> fields = numbers(stat.substr(name_end + 1));
  if (fields.size() < 22) return false;
  to.user_seconds = ticks(fields[11]);
  to.system_seconds = ticks(fields[12]);
  to.rss_bytes = fields[21] * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const std::string io = slurp(root + "io");
  to.read_bytes = number_after(io, "\nread_bytes:");
  to.written_bytes = number_after(io, "\nwrite_bytes:");
  return true;
}

machine_time machine_now() {
  // "cpu  user nice system idle iowait irq softirq steal ..."
  const std::string text = slurp("/proc/stat");
  const std::vector<uint64_t> fields = numbers(text.substr(0, text.find('\n')));
  machine_time now;
  for (size_t i = 1; i < fields.size() && i <= 8; ++i) now.all += ticks(fields[i]);
  if (fields.size() > 8) now.steal = ticks(fields[8]);
  return now;
}

host_facts look_at_host() {
  utsname name{};
  uname(&name);
  host_facts facts{
      .name = name.nodename,
      .cpus = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)),
      .cpu_model = "unknown",
      .memory_bytes = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)),
      .kernel = name.release};
  const std::string info = slurp("/proc/cpuinfo");
  const size_t at = info.find("model name");
  if (at != std::string::npos) {
    const size_t begin = info.find(": ", at) + 2;
    facts.cpu_model = info.substr(begin, info.find('\n', begin) - begin);
  }
  return facts;
}

}  // namespace millrace::generator
