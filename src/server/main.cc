#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "reactor/machine.hh"
#include "reactor/probe.hh"
#include "server/config_check.hh"
#include "server/config_load.hh"
#include "server/mechanisms.hh"
#include "server/options.hh"
#include "server/process_numbers.hh"
#include "server/resolve.hh"
#include "server/settings.hh"
#include "server/start_problem.hh"
#include "server/wiring.hh"

/// millraced: the broker. Exit status: 0 after a clean stop, 1 where it could not start or not stop cleanly, 2 for a mistake
/// on the command line.

extern char** environ;

namespace {

using namespace millrace;

constexpr unsigned stop_seconds_max = 10;
constexpr rlim_t open_files_wanted = 1u << 20;

std::vector<uint32_t> cpus_allowed() {
  cpu_set_t set;
  std::vector<uint32_t> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (uint32_t i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &set)) cpus.push_back(i);
  }
  return cpus;
}

int64_t machine_memory() { return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE); }

/// Raises a limit as far as it is allowed to, and says where that is not enough.
void raise_limit(int which, rlim_t wanted, const char* name) {
  rlimit limit{};
  if (getrlimit(static_cast<__rlimit_resource_t>(which), &limit) != 0) return;
  if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < wanted) {
    rlimit raised{wanted, std::max(limit.rlim_max, wanted)};
    if (setrlimit(static_cast<__rlimit_resource_t>(which), &raised) == 0) return;
    raised = {limit.rlim_max, limit.rlim_max};
    setrlimit(static_cast<__rlimit_resource_t>(which), &raised);
    if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= wanted) return;
    std::fprintf(stderr, "millraced: the limit of %s stays at %llu\n", name,
                 static_cast<unsigned long long>(limit.rlim_max));
  }
}

uint64_t open_files_allowed() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return open_files_wanted;
  return limit.rlim_cur;
}

server::loaded_config read_config(const server::options& asked) {
  server::config_sources sources{.file = asked.config_file, .environment = {}, .flags = asked.flags, .sets = asked.sets};
  for (char** variable = environ; *variable != nullptr; ++variable) sources.environment.emplace_back(*variable);
  return server::load_config(sources);
}

/// Says it where stderr takes it now: a pipe that nobody reads must not hold up the end.
void say_without_waiting(std::string_view text) {
  pollfd room{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (poll(&room, 1, 0) > 0) (void)!write(STDERR_FILENO, text.data(), text.size());
}

/// Waits for the first signal, asks for the stop, and ends the process at once on a second one or when it takes too long.
void stop_on_signal(reactor::machine& machine) {
  reactor::machine::wait_for_signal();
  machine.request_stop();
  std::thread([] {
    reactor::machine::wait_for_signal();
    _exit(1);
  }).detach();
  std::thread([] {
    std::this_thread::sleep_for(std::chrono::seconds(stop_seconds_max));
    say_without_waiting("millraced: the stop took too long: ending\n");
    _exit(1);
  }).detach();
}

reactor::probe_request probe_of(const server::loaded_config& loaded) {
  const server::config& settings = loaded.values;
  server::machine_use use = server::use_of(settings, cpus_allowed(), machine_memory());
  const auto memory = static_cast<uint64_t>(use.memory);
  reactor::probe_request asked{.directory = settings.log_dirs,
                               .machine = server::machine_settings(settings, std::move(use.cpus), memory)};
  for (const server::explained_setting& one : server::explain(loaded)) {
    if (one.what.name == "reactor.send") asked.send = one.text;
    if (one.what.name == "reactor.cold_read") asked.cold_read = one.text;
  }
  return asked;
}

/// Asked with the limits that the rings of the cores will have.
void keep_what_is_offered(server::config& settings) {
  if (!server::asks_for_mechanisms(settings)) return;
  for (const std::string& w : server::keep_what_is_offered(settings, reactor::ask_ring())) {
    std::fprintf(stderr, "millraced: %s\n", w.c_str());
  }
}

int serve(const server::loaded_config& loaded, bool recover_by_scan) {
  server::config settings = loaded.values;
  const std::vector<uint32_t> allowed = cpus_allowed();
  const auto problems = server::check_machine(settings, allowed, machine_memory());
  for (const std::string& p : problems) std::fprintf(stderr, "millraced: %s\n", p.c_str());
  if (!problems.empty()) return 1;
  server::machine_use use = server::use_of(settings, allowed, machine_memory());
  if (!use.note.empty()) std::fprintf(stderr, "millraced: %s\n", use.note.c_str());
  const auto cores = static_cast<unsigned>(use.cpus.size());
  const auto memory = static_cast<uint64_t>(use.memory);
  std::vector<api::kafka::door_listener> listeners = server::listener_settings(settings);
  const auto unresolved = server::resolve(listeners);
  for (const std::string& p : unresolved) std::fprintf(stderr, "millraced: %s\n", p.c_str());
  if (!unresolved.empty()) return 1;
  std::optional<server::http_settings> http = server::http_door_settings(settings);
  const auto unknown = http ? server::resolve("http", http->bind) : std::vector<std::string>();
  for (const std::string& p : unknown) std::fprintf(stderr, "millraced: %s\n", p.c_str());
  if (!unknown.empty()) return 1;
  raise_limit(RLIMIT_NOFILE, open_files_wanted, "open files");
  raise_limit(RLIMIT_MEMLOCK, RLIM_INFINITY, "locked memory");

  keep_what_is_offered(settings);
  std::vector<api::kafka::door_listener> of_cores = server::core_listener_settings(settings, listeners.front(), cores);
  server::wiring program({.storage = server::storage_settings(settings, cores),
                          .producers = server::producer_settings(settings),
                          .retention = server::retention_settings(settings),
                          .compaction = server::compaction_keeper_settings(settings),
                          .controller = server::controller_settings(loaded, cores, memory),
                          .groups = server::coordinator_settings(settings),
                          .door = server::door_settings(settings),
                          .listeners = std::move(listeners),
                          .core_listeners = std::move(of_cores),
                          .http = std::move(http),
                          .version = MILLRACE_VERSION,
                          .read_process = server::read_process_numbers,
                          .connections_max = server::connections_limit(settings, cores, open_files_allowed()),
                          .huge_frame_bytes = server::huge_frame_bytes(settings, cores, memory),
                          .recover_by_scan = recover_by_scan},
                         cores, settings.logging_level);
  reactor::machine::hold_signals();
  const auto options = server::machine_settings(settings, std::move(use.cpus), memory);
  for (const std::string& w : server::memory_warnings(settings, cores, memory, options.memory_bytes)) {
    std::fprintf(stderr, "millraced: %s\n", w.c_str());
  }
  reactor::machine machine(options, program);
  machine.log().flush_on_crash();
  const auto started = machine.start();
  if (!started) {
    std::fprintf(stderr, "millraced: cannot start: %s\n", server::cores_problem(started.error()).c_str());
    return 1;
  }
  stop_on_signal(machine);
  machine.join();
  return program.succeeded() ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
  const auto parsed = server::parse_options({arguments + 1, static_cast<size_t>(count - 1)});
  if (parsed.exit_code) {
    std::fprintf(*parsed.exit_code == 0 ? stdout : stderr, "%s\n", parsed.text.c_str());
    return *parsed.exit_code;
  }
  if (parsed.value.version) {
    std::printf("millraced %s\n", MILLRACE_VERSION);
    return 0;
  }
  const server::loaded_config loaded = read_config(parsed.value);
  for (const std::string& warning : loaded.warnings) std::fprintf(stderr, "millraced: %s\n", warning.c_str());
  for (const std::string& error : loaded.errors) std::fprintf(stderr, "millraced: %s\n", error.c_str());
  if (!loaded.errors.empty()) return 1;
  if (parsed.value.probe) {
    const reactor::probe_report report = reactor::probe(probe_of(loaded));
    std::printf("%s", reactor::to_text(report).c_str());
    return report.usable ? 0 : 1;
  }
  return serve(loaded, parsed.value.recover_by_scan);
}
