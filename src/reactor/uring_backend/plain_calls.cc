#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "reactor/uring_backend/uring_backend.hh"

namespace millrace::reactor {

namespace {

constexpr int backlog = 4096;  // the kernel cuts it to net.core.somaxconn

/// A descriptor that is closed unless it is released.
class descriptor {
 public:
  explicit descriptor(int handle) : handle_(handle) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (handle_ >= 0) close(handle_);
  }
  int get() const { return handle_; }
  int release() { return std::exchange(handle_, -1); }

 private:
  int handle_;
};

void switch_on(int handle, int level, int option) {
  const int on = 1;
  (void)setsockopt(handle, level, option, &on, sizeof on);
}

template <class Address>
base::result<uint16_t> bind_and_listen(int handle, Address& address) {
  socklen_t size = sizeof address;
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  if (bind(handle, plain, size) != 0 || ::listen(handle, backlog) != 0 || getsockname(handle, plain, &size) != 0) {
    return base::fail_errno(errno);
  }
  if constexpr (std::is_same_v<Address, sockaddr_in>) {
    return ntohs(address.sin_port);
  } else {
    return ntohs(address.sin6_port);
  }
}

}  // namespace

base::instant uring_backend::clock() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return {now.tv_sec * 1000000000 + now.tv_nsec};
}

base::unix_ms uring_backend::wall_clock() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

thread_use uring_backend::used() const noexcept {
  timespec on_cpu{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &on_cpu);
  rusage counted{};
  getrusage(RUSAGE_THREAD, &counted);
  return {.on_cpu = {on_cpu.tv_sec * 1000000000 + on_cpu.tv_nsec}, .sleeps = static_cast<uint64_t>(counted.ru_nvcsw)};
}

uint64_t uring_backend::entropy() {
  uint64_t bits = 0;
  const ssize_t got = getrandom(&bits, sizeof bits, 0);
  ASSERT(got == static_cast<ssize_t>(sizeof bits));  // the kernel promises so for up to 256 bytes
  return bits;
}

base::result<listening> uring_backend::listen(const listen_address& where) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  const bool is_v4 = inet_pton(AF_INET, where.host.c_str(), &v4.sin_addr) == 1;
  if (!is_v4 && inet_pton(AF_INET6, where.host.c_str(), &v6.sin6_addr) != 1) {
    return base::fail(base::errc::invalid_argument);
  }
  v4.sin_family = AF_INET;
  v4.sin_port = htons(where.port);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(where.port);
  descriptor made(::socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (made.get() < 0) return base::fail_errno(errno);
  switch_on(made.get(), SOL_SOCKET, SO_REUSEADDR);
  if (where.shared) switch_on(made.get(), SOL_SOCKET, SO_REUSEPORT);
  switch_on(made.get(), IPPROTO_TCP, TCP_NODELAY);  // accepted sockets inherit it
  TRY(const uint16_t port, is_v4 ? bind_and_listen(made.get(), v4) : bind_and_listen(made.get(), v6));
  return listening{.handle = made.release(), .port = port};
}

base::result<std::vector<directory_entry>> uring_backend::list(const std::string& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(directory.c_str()), closedir);
  if (open == nullptr) return base::fail_errno(errno);
  std::vector<directory_entry> entries;
  for (;;) {
    errno = 0;
    const dirent* const found = readdir(open.get());
    if (found == nullptr) break;
    const std::string_view name(found->d_name);
    if (name == "." || name == "..") continue;
    struct stat about {};
    if (fstatat(dirfd(open.get()), found->d_name, &about, 0) != 0) continue;  // gone meanwhile
    const bool is_directory = S_ISDIR(about.st_mode);
    entries.push_back({.name = std::string(name),
                       .is_directory = is_directory,
                       .size = is_directory ? 0 : static_cast<uint64_t>(about.st_size)});
  }
  if (errno != 0) return base::fail_errno(errno);
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return entries;
}

base::result<uint64_t> uring_backend::size_of(const std::string& path) {
  struct stat about {};
  if (stat(path.c_str(), &about) != 0) return base::fail_errno(errno);
  return static_cast<uint64_t>(about.st_size);
}

base::result<disk_space> uring_backend::free_space(const std::string& path) {
  struct statvfs about {};
  if (statvfs(path.c_str(), &about) != 0) return base::fail_errno(errno);
  return disk_space{.total_bytes = uint64_t{about.f_blocks} * about.f_frsize,
                    .free_bytes = uint64_t{about.f_bavail} * about.f_frsize};
}

base::result<void> uring_backend::lock(const std::string& path) {
  descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (file.get() < 0) return base::fail_errno(errno);
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return base::fail(base::errc::locked, errno);
    return base::fail_errno(errno);
  }
  locks_.push_back(file.release());
  return {};
}

std::string uring_backend::peer_name(int handle) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getpeername(handle, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "unknown";
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(ntohs(v4.sin_port));
  }
  if (address.ss_family != AF_INET6) return "unknown";
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  return "[" + std::string(text) + "]:" + std::to_string(ntohs(v6.sin6_port));
}

}  // namespace millrace::reactor
