#include "reactor/probe.hh"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "base/crc32c.hh"
#include "reactor/probe_ring.hh"

namespace millrace::reactor {

namespace {

std::string yes_or_no(bool yes) { return yes ? "yes" : "no"; }

std::string limit_text(__rlimit_resource_t which) {
  rlimit limit{};
  if (getrlimit(which, &limit) != 0) return "unknown";
  return limit.rlim_cur == RLIM_INFINITY ? "unlimited" : std::to_string(limit.rlim_cur);
}

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line.empty() ? "unknown" : line;
}

struct disk_offers {
  std::string directory;  // that was tried
  bool will_be_made = false;
  std::string file_system = "unknown";
  bool writable = false;
  bool direct = false;
  bool direct_durable = false;
};

/// `directory`, or the nearest one above it that is there. It is not made for a question.
std::string nearest_there(const std::string& directory) {
  std::error_code ignored;
  std::filesystem::path at = std::filesystem::absolute(directory, ignored);
  while (!std::filesystem::exists(at, ignored) && at.has_relative_path()) at = at.parent_path();
  return at.string();
}

disk_offers ask_disk(const std::string& wanted) {
  disk_offers offers;
  std::error_code ignored;
  offers.will_be_made = !std::filesystem::exists(wanted, ignored);
  const std::string directory = offers.will_be_made ? nearest_there(wanted) : wanted;
  offers.directory = directory;
  struct statfs about {};
  if (statfs(directory.c_str(), &about) == 0) {
    switch (static_cast<unsigned long>(about.f_type)) {
      case 0xEF53:
        offers.file_system = "ext4";
        break;
      case 0x58465342:
        offers.file_system = "xfs";
        break;
      case 0x9123683E:
        offers.file_system = "btrfs";
        break;
      case 0x01021994:
        offers.file_system = "tmpfs";
        break;
      case 0x794C7630:
        offers.file_system = "overlayfs";
        break;
      default:
        break;
    }
  }
  std::string path = directory + "/.probe-XXXXXX";
  const int made = mkostemp(path.data(), O_CLOEXEC);
  if (made < 0) return offers;
  offers.writable = true;
  close(made);
  const int file = open(path.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC);
  if (file >= 0) {
    const std::unique_ptr<void, void (*)(void*)> block(std::aligned_alloc(4096, 4096), std::free);
    if (block != nullptr) {
      std::memset(block.get(), 0, 4096);
      const iovec piece{block.get(), 4096};
      offers.direct = pwritev2(file, &piece, 1, 0, 0) == 4096;
      offers.direct_durable = pwritev2(file, &piece, 1, 0, RWF_DSYNC) == 4096;
    }
    close(file);
  }
  unlink(path.c_str());
  return offers;
}

void add_processor(std::vector<probe_line>& offers) {
  offers.push_back({"processors", std::to_string(std::thread::hardware_concurrency())});
#if defined(__x86_64__)
  std::string features;
  const auto add = [&](bool has, const char* name) {
    if (has) features += (features.empty() ? "" : " ") + std::string(name);
  };
  add(__builtin_cpu_supports("sse4.2") != 0, "sse4.2");
  add(__builtin_cpu_supports("pclmul") != 0, "pclmul");
  add(__builtin_cpu_supports("avx2") != 0, "avx2");
  add(__builtin_cpu_supports("avx512f") != 0, "avx512f");
  add(__builtin_cpu_supports("vpclmulqdq") != 0, "vpclmulqdq");
  offers.push_back({"processor features", features});
#endif
}

std::string cpu_list(const cpu_set_t& set) {
  std::string text;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) text += (text.empty() ? "" : ",") + std::to_string(cpu);
  }
  return text;
}

std::string mebibytes(size_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

const char* name_of(base::crc32c_kernel kernel) {
  switch (kernel) {
    case base::crc32c_kernel::portable:
      return "a table";
    case base::crc32c_kernel::sse42:
      return "SSE4.2";
    case base::crc32c_kernel::vpclmul:
      return "AVX-512 with VPCLMULQDQ";
  }
  return "unknown";
}

void add_machine(std::vector<probe_line>& uses, const machine_options& machine) {
  std::string cores;
  for (const unsigned cpu : machine.cpus) cores += (cores.empty() ? "" : ",") + std::to_string(cpu);
  uses.push_back({"cores", std::to_string(machine.cpus.size()) + ", on CPU " + cores});
  uses.push_back({"memory", mebibytes(machine.memory_bytes) + " of each core for buffers, " +
                                mebibytes(std::min(machine.touched_at_start, machine.memory_bytes)) +
                                " of it backed before ready"});
  const std::string pages = first_line("/sys/kernel/mm/transparent_hugepage/enabled");
  const bool never = pages.find("[never]") != std::string::npos;
  uses.push_back({"pages", never ? "small ones: transparent huge pages are off" : "huge ones"});
  uses.push_back({"receive buffers", std::to_string(machine.ring.receive_buffers) + " of " +
                                         std::to_string(machine.ring.receive_buffer_bytes >> 10) + " KiB a core"});
  uses.push_back(
      {"connections", std::to_string(connections_max(machine.ring)) + " a core at most, as far as the open files allow"});
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  (void)sched_getaffinity(0, sizeof allowed, &allowed);
  uses.push_back({"kernel workers", std::to_string(machine.ring.workers_max) + " a core at most, on CPU " +
                                        cpu_list(worker_cpus(allowed, machine.cpus))});
}

std::string send_words(const probe_request& asked, const ring_offers& ring) {
  const std::string how = " (" + asked.send + ")";
  std::string copy = "gather send from pooled memory" + how;
  if (asked.send == "copy") return copy;
  if (!ring.zero_copy_send) return copy + ": the kernel has no zero copy";
  if (asked.send == "zerocopy") return "zero copy of large answers" + how;
  return "zero copy of large answers to other machines, until the kernel copies them; else gather send from pooled memory" +
         how;
}

void add_paths(std::vector<probe_line>& uses, const probe_request& asked, const ring_offers& ring) {
  const int64_t spin_us = asked.machine.ring.spin_max.us();
  uses.push_back({"wait", spin_us == 0
                              ? "block in the ring"
                              : "spin up to " + std::to_string(spin_us) + " us after work, then block in the ring"});
  uses.push_back({"receive", "multishot into provided buffers"});
  uses.push_back({"send", send_words(asked, ring)});
  uses.push_back({"make durable", "O_DIRECT writes with RWF_DSYNC"});
  const std::string direct = "O_DIRECT into pooled memory (" + asked.cold_read + ")";
  const bool splice = asked.cold_read == "splice";
  uses.push_back({"cold read", !splice       ? direct
                               : ring.splice ? "O_DIRECT into pooled memory, then splice from file to socket (splice)"
                                             : direct + ": the kernel has no splice"});
  uses.push_back({"truncate", ring.ftruncate ? "through the ring" : "a plain call on the core"});
  uses.push_back({"wake another core", ring.messages_to_rings ? "message to its ring, else eventfd" : "eventfd"});
  uses.push_back({"checksum", std::string("CRC-32C by ") + name_of(base::crc32c_kernel_in_use())});
}

/// The first thing that keeps a broker from running; empty where nothing does.
std::string hindrance(const ring_offers& ring, const disk_offers& disk) {
  if (!ring.refused.empty()) return "io_uring: " + ring.refused;
  if (!disk.writable) return disk.directory + " cannot be written";
  if (!disk.direct) return disk.directory + " refuses O_DIRECT";
  if (!disk.direct_durable) return disk.directory + " refuses RWF_DSYNC with O_DIRECT";
  return "";
}

}  // namespace

probe_report probe(const probe_request& asked) {
  probe_report report;
  utsname system{};
  uname(&system);
  const ring_offers ring = ask_ring();
  const disk_offers disk = ask_disk(asked.directory);

  report.offers.push_back({"kernel", system.release});
  report.offers.push_back({"io_uring", ring.refused.empty() ? "yes" : "no: " + ring.refused});
  report.offers.push_back({"io_uring buffer rings", yes_or_no(ring.buffer_rings)});
  report.offers.push_back({"io_uring multishot receive", yes_or_no(ring.multishot_receive)});
  report.offers.push_back({"io_uring ftruncate", yes_or_no(ring.ftruncate)});
  report.offers.push_back({"io_uring zero-copy send", ring.zero_copy_words});
  report.offers.push_back({"io_uring splice", ring.splice_words});
  report.offers.push_back({"io_uring messages to rings", yes_or_no(ring.messages_to_rings)});
  add_processor(report.offers);
  report.offers.push_back({"transparent huge pages", first_line("/sys/kernel/mm/transparent_hugepage/enabled")});
  report.offers.push_back({"locked memory limit", limit_text(RLIMIT_MEMLOCK)});
  report.offers.push_back({"open files limit", limit_text(RLIMIT_NOFILE)});
  report.offers.push_back({"connections waiting limit", first_line("/proc/sys/net/core/somaxconn")});
  report.offers.push_back({"directory", disk.will_be_made
                                            ? asked.directory + " (will be made; tried: " + disk.directory + ")"
                                            : asked.directory});
  report.offers.push_back({"file system", disk.file_system});
  report.offers.push_back({"writable", yes_or_no(disk.writable)});
  report.offers.push_back({"O_DIRECT", yes_or_no(disk.direct)});
  report.offers.push_back({"RWF_DSYNC with O_DIRECT", yes_or_no(disk.direct_durable)});

  report.hindrance = hindrance(ring, disk);
  report.usable = report.hindrance.empty();
  add_machine(report.uses, asked.machine);
  add_paths(report.uses, asked, ring);
  return report;
}

std::string to_text(const probe_report& report) {
  std::string text;
  const auto add = [&](const probe_line& line) {
    std::string name = line.name;
    name.resize(name.size() < 30 ? 30 : name.size(), ' ');
    text += "  " + name + " " + line.value + "\n";
  };
  text += "offers\n";
  for (const probe_line& line : report.offers) add(line);
  text += "uses\n";
  for (const probe_line& line : report.uses) add(line);
  text += report.usable ? "a broker can run here\n" : "a broker cannot run here: " + report.hindrance + "\n";
  return text;
}

}  // namespace millrace::reactor
