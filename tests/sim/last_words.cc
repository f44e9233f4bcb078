#include "last_words.hh"

#include <unistd.h>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "checkers/findings.hh"
#include "workload/run.hh"

// Of the sanitizers, where one is compiled in: their ends are crashes like others.
extern "C" {
void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));
const char* __asan_default_options();
const char* __ubsan_default_options();
const char* __asan_default_options() { return "exitcode=2"; }
const char* __ubsan_default_options() { return "exitcode=2"; }
}

namespace millrace::swarm {

namespace {

std::string program = "swarm";
std::string commit = "unknown";
run_named running;
bool dying = false;
// A stack that has run over has no room for last words.
alignas(16) char spare_stack[64 << 10];

/// The commit of the sources. Asked for early: who dies starts no other program.
std::string find_commit() {
  char own[4096];
  const ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
  if (length <= 0) return "unknown";
  const std::string path(own, static_cast<size_t>(length));
  for (const std::string& place : {std::string("."), path.substr(0, path.rfind('/'))}) {
    const std::string command = "git -C '" + place + "' describe --always --dirty 2>/dev/null";
    FILE* asked = popen(command.c_str(), "r");
    if (asked == nullptr) continue;
    char line[128] = {};
    const bool got = std::fgets(line, sizeof line, asked) != nullptr;
    pclose(asked);
    if (got) return std::string(line, std::strcspn(line, "\n"));
  }
  return "unknown";
}

/// Into a buffer of its own: the heap may be what broke.
void write_failed(std::string_view checker, const run_named& of) {
  char line[4096];
  char* at = line;
  char* const end = line + sizeof line;
  const double seconds = of.it == nullptr ? 0 : static_cast<double>(of.it->now().ns) / 1e9;
  at = fmt::format_to_n(at, static_cast<size_t>(end - at), "FAILED {} at {:.6f} s   replay: {} --seed={}{}   commit {}",
                        checker, seconds, program, of.seed, of.words, commit)
           .out;
  if (of.it != nullptr)
    at = fmt::format_to_n(at, static_cast<size_t>(end - at), "   schedule_hash={:016x}", of.it->schedule_hash()).out;
  if (at == end) --at;
  *at++ = '\n';
  for (const char* from = line; from < at;) {
    const ssize_t n = ::write(STDOUT_FILENO, from, static_cast<size_t>(at - from));
    if (n <= 0) return;
    from += n;
  }
}

[[noreturn]] void die() {
  if (!std::exchange(dying, true)) write_failed("crash", running);
  _exit(static_cast<int>(broken::crash));
}
void on_signal(int) { die(); }

}  // namespace

void prepare_last_words(const char* called_as) {
  program = called_as;
  commit = find_commit();
  struct sigaction act {};
  act.sa_handler = on_signal;
  for (const int signal : {SIGABRT, SIGILL, SIGTRAP}) sigaction(signal, &act, nullptr);
  if (__sanitizer_set_death_callback != nullptr) {
    // It has its own handlers of the other signals, which say more.
    __sanitizer_set_death_callback(die);
    return;
  }
  stack_t spare{};
  spare.ss_sp = spare_stack;
  spare.ss_size = sizeof spare_stack;
  sigaltstack(&spare, nullptr);
  act.sa_flags = SA_ONSTACK;
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE}) sigaction(signal, &act, nullptr);
}

void running_now(run_named what) { running = std::move(what); }

std::string replay_of(uint64_t seed, const std::string& words) {
  return fmt::format("{} --seed={}{}   commit {}", program, seed, words, commit);
}

void say_failed(std::string_view checker, const run_named& of) {
  std::fflush(stdout);
  write_failed(checker, of);
}

}  // namespace millrace::swarm
