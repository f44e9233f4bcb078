#include "reactor/probe.hh"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <thread>

#include "reactor/uring_backend/compat.hh"

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

struct ring_offers {
  int error = 0;  // errno with which a ring was refused
  bool buffer_ring = false;
  bool ftruncate = false;
  bool send_zero_copy = false;
  bool send_to_ring = false;
  bool splice = false;
};

ring_offers ask_ring() {
  ring_offers offers;
  io_uring ring{};
  const int answer = io_uring_queue_init(
      8, &ring,
      IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG);
  if (answer < 0) {
    offers.error = -answer;
    return offers;
  }
  if (io_uring_probe* const ops = io_uring_get_probe_ring(&ring); ops != nullptr) {
    offers.ftruncate = io_uring_opcode_supported(ops, uring::op_ftruncate) != 0;
    offers.send_zero_copy = io_uring_opcode_supported(ops, IORING_OP_SENDMSG_ZC) != 0;
    offers.send_to_ring = io_uring_opcode_supported(ops, IORING_OP_MSG_RING) != 0;
    offers.splice = io_uring_opcode_supported(ops, IORING_OP_SPLICE) != 0;
    io_uring_free_probe(ops);
  }
  const std::unique_ptr<void, void (*)(void*)> page(std::aligned_alloc(4096, 4096), std::free);
  if (page != nullptr) {
    std::memset(page.get(), 0, 4096);
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<uintptr_t>(page.get());
    registration.ring_entries = 8;
    offers.buffer_ring = io_uring_register_buf_ring(&ring, &registration, 0) == 0;
  }
  io_uring_queue_exit(&ring);
  return offers;
}

struct disk_offers {
  std::string file_system = "unknown";
  bool writable = false;
  bool direct = false;
  bool direct_durable = false;
};

disk_offers ask_disk(const std::string& directory) {
  disk_offers offers;
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

}  // namespace

probe_report probe(const std::string& directory) {
  probe_report report;
  utsname system{};
  uname(&system);
  const ring_offers ring = ask_ring();
  const disk_offers disk = ask_disk(directory);

  report.offers.push_back({"kernel", system.release});
  report.offers.push_back(
      {"io_uring", ring.error == 0 ? "yes" : std::string("no: ") + std::strerror(ring.error)});
  report.offers.push_back({"io_uring buffer rings", yes_or_no(ring.buffer_ring)});
  report.offers.push_back({"io_uring ftruncate", yes_or_no(ring.ftruncate)});
  report.offers.push_back({"io_uring zero-copy send", yes_or_no(ring.send_zero_copy)});
  report.offers.push_back({"io_uring splice", yes_or_no(ring.splice)});
  report.offers.push_back({"io_uring messages to rings", yes_or_no(ring.send_to_ring)});
  add_processor(report.offers);
  report.offers.push_back(
      {"transparent huge pages", first_line("/sys/kernel/mm/transparent_hugepage/enabled")});
  report.offers.push_back({"locked memory limit", limit_text(RLIMIT_MEMLOCK)});
  report.offers.push_back({"open files limit", limit_text(RLIMIT_NOFILE)});
  report.offers.push_back(
      {"connections waiting limit", first_line("/proc/sys/net/core/somaxconn")});
  report.offers.push_back({"directory", directory});
  report.offers.push_back({"file system", disk.file_system});
  report.offers.push_back({"writable", yes_or_no(disk.writable)});
  report.offers.push_back({"O_DIRECT", yes_or_no(disk.direct)});
  report.offers.push_back({"RWF_DSYNC with O_DIRECT", yes_or_no(disk.direct_durable)});

  report.usable = ring.error == 0 && ring.buffer_ring && disk.writable && disk.direct_durable;
  report.uses.push_back({"wait", "spin up to 200 us after work, then block in the ring"});
  report.uses.push_back({"receive", "multishot into provided buffers"});
  report.uses.push_back({"send", "gather send from pooled memory"});
  report.uses.push_back({"make durable", "O_DIRECT writes with RWF_DSYNC"});
  report.uses.push_back({"cold read", "O_DIRECT into pooled memory"});
  report.uses.push_back(
      {"truncate", ring.ftruncate ? "through the ring" : "a plain call on the core"});
  report.uses.push_back(
      {"wake another core", ring.send_to_ring ? "message to its ring, else eventfd" : "eventfd"});
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
  text += report.usable ? "a broker can run here\n" : "a broker cannot run here\n";
  return text;
}

}  // namespace millrace::reactor
