#include "common/machine.hh"

#include <dirent.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "base/prng.hh"
#include "common/die.hh"

namespace millrace::bench {
namespace {

std::string slurp(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// The number behind `key` in a file of "key: number" lines; 0 without it.
uint64_t number_after(const std::string& text, const char* key) {
  const size_t at = text.find(key);
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + std::strlen(key), nullptr, 10);
}

/// Field `index` (from 0) of words divided by spaces; 0 without it.
uint64_t field(const char* text, int index) {
  for (; index > 0 && text != nullptr; --index) {
    text = std::strchr(text, ' ');
    if (text != nullptr) ++text;
  }
  return text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
}

int64_t clock_ns(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000 + t.tv_nsec;
}

/// Of all threads of a process, also of those that ended: the kernel's io workers come and go.
double cpu_seconds_of(int pid) {
  clockid_t clock = 0;
  if (const int error = clock_getcpuclockid(pid, &clock); error != 0) die("process {}: {}", pid, std::strerror(error));
  return static_cast<double>(clock_ns(clock)) / 1e9;
}

void add_server(int pid, usage& sum) {
  const std::string root = fmt::format("/proc/{}/", pid);
  const double tick = 1.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
  // proc(5): the second field is in brackets and may hold spaces; user and system time are fields
  // 14 and 15.
  const std::string stat = slurp(root + "stat");
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) die("there is no process {}", pid);
  const char* rest = stat.c_str() + name_end + 2;
  sum.server_user_seconds = static_cast<double>(field(rest, 11)) * tick;
  sum.server_system_seconds = static_cast<double>(field(rest, 12)) * tick;
  sum.server_seconds = cpu_seconds_of(pid);
  sum.server_resident_kib = number_after(slurp(root + "status"), "VmRSS:");
  DIR* tasks = opendir((root + "task").c_str());
  if (tasks == nullptr) return;
  while (const dirent* entry = readdir(tasks)) {
    if (entry->d_name[0] == '.') continue;
    const std::string status = slurp(root + "task/" + entry->d_name + "/status");
    if (status.find("\tiou-wrk-") != std::string::npos) continue;  // the kernel's: it comes and goes
    sum.server_switches += number_after(status, "\nvoluntary_ctxt_switches:");
  }
  closedir(tasks);
}

}  // namespace

base::instant now() { return {clock_ns(CLOCK_MONOTONIC)}; }

void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) die("cannot run on CPU {}: {}", cpu, std::strerror(errno));
}

void raise_file_limit() {
  rlimit limit{};
  must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

uint8_t* huge_memory(size_t size) {
  constexpr size_t page = 2u << 20;
  size = (size + page - 1) / page * page;
  // One page more than asked, so that a 2 MiB boundary lies inside.
  void* raw = mmap(nullptr, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) die("no memory for {} bytes", size);
  auto* start = reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(raw) + page - 1) / page * page);
  madvise(start, size, MADV_HUGEPAGE);
  std::memset(start, 0, size);
  return start;
}

void fill_random(uint8_t* target, size_t size, uint64_t seed) { base::prng(seed).fill({target, size}); }

usage usage_now(int server_pid) {
  usage sum;
  sum.at = now();
  sum.own_seconds = static_cast<double>(clock_ns(CLOCK_PROCESS_CPUTIME_ID)) / 1e9;
  // proc(5): "cpu  user nice system idle iowait irq softirq steal"; two spaces make steal field 9.
  sum.steal_seconds = static_cast<double>(field(slurp("/proc/stat").c_str(), 9)) / static_cast<double>(sysconf(_SC_CLK_TCK));
  if (server_pid != 0) add_server(server_pid, sum);
  return sum;
}

std::string host_name() {
  utsname name{};
  uname(&name);
  return name.nodename;
}

std::string kernel_release() {
  utsname name{};
  uname(&name);
  return name.release;
}

std::string cpu_model() {
  const std::string info = slurp("/proc/cpuinfo");
  const size_t at = info.find("model name");
  if (at == std::string::npos) return "unknown";
  const size_t begin = info.find(": ", at) + 2;
  return info.substr(begin, info.find('\n', begin) - begin);
}

}  // namespace millrace::bench
