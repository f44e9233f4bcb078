#include "reactor/log_writer.hh"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "support.hh"

namespace millrace::reactor {
namespace {

TEST_CASE("log writer: lines of many cores arrive whole and in order of their core") {
  const test::temporary_directory directory;
  const std::string path = directory.of("log");
  const int file = open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  REQUIRE(file >= 0);
  constexpr unsigned cores = 4;
  constexpr int lines = 300;  // fewer than a ring holds: none is dropped
  {
    log_writer writer(cores, file);
    std::vector<std::thread> threads;
    for (unsigned c = 0; c < cores; ++c) {
      threads.emplace_back([&writer, c] {
        base::logger log(base::core_id(c), base::log_level::info, &writer.of(c), log_writer::channel::sink,
                         log_writer::channel::wall_clock);
        for (int i = 0; i < lines; ++i) log.info("test", "a line", base::field("number", i));
        log.debug("test", "nobody wants this");
      });
    }
    for (std::thread& t : threads) t.join();
    for (unsigned c = 0; c < cores; ++c) CHECK(writer.of(c).dropped() == 0);
  }
  close(file);
  std::ifstream in(path);
  std::string line;
  int next[cores] = {};
  int total = 0;
  while (std::getline(in, line)) {
    const auto core_at = line.find("core=");
    const auto number_at = line.find("number=");
    REQUIRE(core_at != std::string::npos);
    REQUIRE(number_at != std::string::npos);
    const int core = std::stoi(line.substr(core_at + 5));
    CHECK(std::stoi(line.substr(number_at + 7)) == next[core]++);
    ++total;
  }
  CHECK(total == cores * lines);
}

TEST_CASE("log writer: a reader that does not read blocks nobody; what did not fit is counted and said") {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  REQUIRE(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 4096);
  std::string all;
  std::thread reader;
  uint64_t dropped = 0;
  constexpr size_t sent = log_writer::lines_per_core * 4;
  {
    log_writer writer(1, ends[1]);
    const std::string line(500, 'x');
    for (size_t i = 0; i < sent; ++i) log_writer::channel::sink(&writer.of(0), line);
    dropped = writer.of(0).dropped();
    CHECK(dropped > 0);
    reader = std::thread([&all, from = ends[0]] {
      char buffer[4096];
      for (ssize_t n = 0; (n = read(from, buffer, sizeof buffer)) > 0;) all.append(buffer, static_cast<size_t>(n));
    });
  }
  close(ends[1]);
  reader.join();
  close(ends[0]);
  const auto whole_lines = static_cast<size_t>(std::count(all.begin(), all.end(), '\n'));
  size_t said = 0;
  size_t notices = 0;
  for (size_t at = all.find(" lines dropped\n"); at != std::string::npos; at = all.find(" lines dropped\n", at + 1)) {
    said += std::stoul(all.substr(all.rfind('\n', at) + 1));
    ++notices;
  }
  CHECK(said == dropped);
  CHECK(whole_lines - notices == sent - dropped);
}

/// All that can be read until the end.
std::string read_to_end(int from) {
  std::string all;
  char buffer[4096];
  for (ssize_t n = 0; (n = read(from, buffer, sizeof buffer)) > 0;) all.append(buffer, static_cast<size_t>(n));
  return all;
}

TEST_CASE("log writer: a pipe that nobody reads holds up the end for a second, not for ever") {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  REQUIRE(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 4096);
  const auto begin = std::chrono::steady_clock::now();
  {
    log_writer writer(1, ends[1]);
    const std::string line(1000, 'x');
    for (int i = 0; i < 100; ++i) log_writer::channel::sink(&writer.of(0), line);
  }
  const auto took = std::chrono::steady_clock::now() - begin;
  CHECK(took > std::chrono::milliseconds(900));
  CHECK(took < std::chrono::seconds(5));
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("log writer: a descriptor that does not block loses no line to a slow reader") {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  REQUIRE(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 4096);
  REQUIRE(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
  std::string all;
  std::thread reader;
  constexpr int lines = 200;
  {
    log_writer writer(1, ends[1]);
    const std::string line(1000, 'x');
    for (int i = 0; i < lines; ++i) log_writer::channel::sink(&writer.of(0), line);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    reader = std::thread([&all, from = ends[0]] { all = read_to_end(from); });
  }
  close(ends[1]);
  reader.join();
  close(ends[0]);
  CHECK(std::count(all.begin(), all.end(), '\n') == lines);
}

TEST_CASE("log writer: what was logged before a crash is written") {
  for (const int number : {SIGABRT, SIGSEGV}) {
    CAPTURE(number);
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    const pid_t child = fork();
    if (child == 0) {
      const rlimit no_core{0, 0};
      setrlimit(RLIMIT_CORE, &no_core);
      for (const int caught : {SIGABRT, SIGSEGV}) std::signal(caught, SIG_DFL);  // doctest's
      log_writer writer(2, ends[1]);
      writer.flush_on_crash();
      for (int i = 0; i < 40; ++i) log_writer::channel::sink(&writer.of(i % 2), "before " + std::to_string(i));
      if (number == SIGABRT) std::abort();
      std::raise(number);
      _exit(0);
    }
    REQUIRE(child > 0);
    close(ends[1]);
    const std::string all = read_to_end(ends[0]);
    close(ends[0]);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == number);
    for (int i = 0; i < 40; ++i) CHECK(all.find("before " + std::to_string(i) + "\n") != std::string::npos);
  }
}

TEST_CASE("log writer: a line of the greatest length keeps its last byte") {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  {
    log_writer writer(1, ends[1]);
    log_writer::channel::sink(&writer.of(0), std::string(base::log_line_bytes_max, 'y'));
  }
  char buffer[base::log_line_bytes_max + 10];
  CHECK(read(ends[0], buffer, sizeof buffer) == static_cast<ssize_t>(base::log_line_bytes_max + 1));
  CHECK(buffer[base::log_line_bytes_max] == '\n');
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace millrace::reactor
