#include "server/process_numbers.hh"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <memory>

namespace millrace::server {

namespace {

base::duration length_of(const timeval& t) { return base::seconds(t.tv_sec) + base::microseconds(t.tv_usec); }

/// The size of the process and what of it is resident, in pages (proc(5), statm).
bool read_pages(unsigned long& size, unsigned long& resident) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/self/statm", "r"), std::fclose);
  return file != nullptr && std::fscanf(file.get(), "%lu %lu", &size, &resident) == 2;
}

/// When the process began: its start is said in ticks since the boot (proc(5), stat), so now less its age.
base::unix_ms started_at() {
  timespec wall{};
  timespec since_boot{};
  clock_gettime(CLOCK_REALTIME, &wall);
  clock_gettime(CLOCK_BOOTTIME, &since_boot);
  const auto ms_of = [](const timespec& t) { return int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1000000; };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/self/stat", "r"), std::fclose);
  unsigned long long ticks = 0;
  // The second field, a name in parentheses, is ours: it has no closing one. The start is the 22nd.
  const char* const fields = "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu";
  if (file == nullptr || std::fscanf(file.get(), fields, &ticks) != 1) return ms_of(wall);
  return ms_of(wall) - ms_of(since_boot) + static_cast<int64_t>(ticks * 1000 / static_cast<uint64_t>(sysconf(_SC_CLK_TCK)));
}

}  // namespace

api::http::process_numbers read_process_numbers() {
  static const base::unix_ms began = started_at();
  api::http::process_numbers now{.started_at = began};
  rusage used{};
  if (getrusage(RUSAGE_SELF, &used) == 0) now.cpu = length_of(used.ru_utime) + length_of(used.ru_stime);
  unsigned long size = 0;
  unsigned long resident = 0;
  if (read_pages(size, resident)) {
    const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    now.virtual_bytes = size * page;
    now.resident_bytes = resident * page;
  }
  // From Linux 6.2 on the directory's size is how many there are; to count them one by one would take too long.
  struct stat files {};
  if (stat("/proc/self/fd", &files) == 0 && files.st_size > 0) now.open_files = static_cast<uint64_t>(files.st_size);
  rlimit most{};
  if (getrlimit(RLIMIT_NOFILE, &most) == 0) now.open_files_max = most.rlim_cur;
  return now;
}

}  // namespace millrace::server
