#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>

#include "common/die.hh"
#include "common/machine.hh"
#include "limit/bare.hh"

/// bare_path: the server in a child process on one CPU, the load in this one on another. See
/// README.md beside this.

namespace millrace::bench {

std::string prepare_file(const bare_settings& s, int32_t number, size_t size) {
  const std::string path = fmt::format("{}/{}.{}", s.directory, s.fresh ? "fresh" : "bare", number);
  struct stat existing {};
  if (s.fresh) {
    unlink(path.c_str());
  } else if (stat(path.c_str(), &existing) == 0 && static_cast<size_t>(existing.st_size) >= size) {
    return path;
  }
  const int fd = must(open(path.c_str(), O_RDWR | O_CREAT | O_DIRECT, 0644), path.c_str());
  if (s.fresh) {
    must(fallocate(fd, 0, 0, static_cast<off_t>(size)), "fallocate");
  } else {
    constexpr size_t step = 4 << 20;
    const uint8_t* zeros = huge_memory(step);
    for (size_t at = 0; at < size; at += step) must(pwrite(fd, zeros, step, static_cast<off_t>(at)), "pwrite");
  }
  must(fsync(fd), "fsync");
  close(fd);
  return path;
}

int accept_one(int listener) {
  const int fd = must(accept(listener, nullptr, nullptr), "accept");
  const int one = 1;
  must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), "TCP_NODELAY");
  must(send(fd, "", 1, MSG_NOSIGNAL), "send");
  return fd;
}

namespace {

bare_settings parse(int argc, char** argv) {
  bare_settings s;
  double seconds = 2;
  double warmup = 0.5;
  int64_t spin_us = 50;
  size_t file_mb = 1024;
  s.run.cpu = 1;
  CLI::App app{"bare_path: what one core of this machine can do at all"};
  app.require_subcommand(1);
  auto* produce = app.add_subcommand("produce", "receive, check and copy, write, answer");
  auto* fetch = app.add_subcommand("fetch", "send frames from memory (--disk none) or from a file (--disk write)");
  const std::map<std::string, disk_kind> disks{
      {"none", disk_kind::none}, {"write", disk_kind::write}, {"durable", disk_kind::durable}};
  for (auto* mode : {produce, fetch}) {
    mode->add_option("--frame", s.frame, "bytes of a body")->capture_default_str();
    mode->add_option("--connections", s.run.connections)->capture_default_str();
    mode->add_option("--in-flight", s.run.in_flight)->capture_default_str();
    mode->add_option("--partitions", s.run.partitions,
                     "append buffers and files; 1 for many connections stands for "
                     "one commit log")
        ->capture_default_str();
    mode->add_option("--disk", s.disk, "none, write or durable")->transform(CLI::CheckedTransformer(disks));
    mode->add_option("--directory", s.directory, "holds the files, made once and kept")->capture_default_str();
    mode->add_option("--file-mb", file_mb, "at least, of each file")->capture_default_str();
    mode->add_flag("--fresh", s.fresh, "write into new files that were only fallocated");
    mode->add_option("--seconds", seconds)->capture_default_str();
    mode->add_option("--warmup", warmup)->capture_default_str();
    mode->add_option("--spin-us", spin_us, "both sides")->capture_default_str();
    mode->add_option("--server-cpu", s.server_cpu)->capture_default_str();
    mode->add_option("--load-cpu", s.run.cpu)->capture_default_str();
    mode->add_option("--json", s.run.json_path, "append the result to FILE, one line");
    mode->add_option("--label", s.run.label, "a name for the JSON line");
  }
  produce->add_option("--rate", s.run.rate, "open loop: so many frames/s, latency counts from when each is due")
      ->check(CLI::PositiveNumber);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    std::exit(app.exit(e));
  }
  s.run.kind = produce->parsed() ? run_kind::produce : run_kind::fetch;
  s.run.seconds = {static_cast<int64_t>(seconds * 1e9)};
  s.run.warmup = {static_cast<int64_t>(warmup * 1e9)};
  s.run.spin = base::microseconds(spin_us);
  s.file_bytes = file_mb << 20;
  return s;
}

int listen_anywhere(uint16_t& port) {
  const int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof where;
  must(bind(fd, reinterpret_cast<sockaddr*>(&where), size), "bind");
  must(listen(fd, 1024), "listen");
  must(getsockname(fd, reinterpret_cast<sockaddr*>(&where), &size), "getsockname");
  port = ntohs(where.sin_port);
  return fd;
}

int run(bare_settings s) {
  uint16_t port = 0;
  const int listener = listen_anywhere(port);
  const pid_t child = must(fork(), "fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin(s.server_cpu);
    s.run.kind == run_kind::produce ? serve_produce(listener, s) : serve_fetch(listener, s);
    return 0;
  }
  close(listener);
  pin(s.run.cpu);
  s.run.server_pid = child;
  drive(port, s);
  int status = 0;
  must(waitpid(child, &status, 0), "waitpid");
  return status == 0 ? 0 : 1;
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) { return millrace::bench::run(millrace::bench::parse(argc, argv)); }
