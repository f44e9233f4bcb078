#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/mutant.hh"
#include "child_run.hh"
#include "last_words.hh"
#include "quiet.hh"
#include "workload/run.hh"
#include "workload/shrink.hh"

/// The swarm: runs seeds. One seed runs in this process; many run each in a process of its own, so
/// that a crash ends only itself. See tests/README.md.

namespace millrace::swarm {
namespace {

constexpr const char* usage =
    "swarm --seed N [--repeat N] [--log debug|info|warn]   one run, and its schedule hash\n"
    "swarm --seed N --shrink                               a run that fails, made smaller\n"
    "swarm --quiet                                         ten minutes of a broker that nobody asks for anything\n"
    "swarm --seeds N [--from N] [--jobs N]                 N runs\n"
    "swarm --minutes N [--from N] [--jobs N]               runs for so long\n"
    "Less in a run: --without kills,codecs,... --steps N --seconds N --producers N --consumers N --cores N --topics N\n"
    "               --partitions N --in_flight N\n"
    "  --first         ends with the first that fails\n"
    "  --mutant NAME   with a planted bug, in a build that has them (scripts/mutants)\n"
    "Exit: 0 passed, 1 usage, 2 a crash, 3 safety, 4 liveness, 5 a seed with two schedules.\n";
constexpr int two_schedules = 5;

struct arguments {
  uint64_t seed = 0;
  bool one = false;
  uint64_t repeat = 1;
  uint64_t seeds = 0;
  uint64_t from = 1;
  uint64_t minutes = 0;
  uint64_t jobs = 1;
  bool first = false;
  std::string log;
  bool shrink = false;
  bool planted = false;
  bool quiet = false;
  overrides with;
  std::string mutant;
};

run_options options_of(uint64_t seed, const arguments& a) {
  run_options options = draw_options(seed);
  options.planted = a.planted;
  apply(a.with, options);
  return options;
}

/// The words of the command line that make a seed this run.
std::string words_of(const arguments& a) {
  std::string words = a.mutant.empty() ? "" : " --mutant=" + a.mutant;
  if (a.planted) words += " --planted";
  return words + words_of(a.with);
}

double real_seconds() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

void narrate(std::string_view line) { std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data()); }
void write_log(void*, std::string_view line) { narrate(line); }

/// Totals of finished runs; in memory that the processes share.
struct totals {
  uint64_t events = 0;
  int64_t virtual_ns = 0;
};

int run_seed(uint64_t seed, const arguments& a, bool talk, run_outcome& out) {
  running_now({.seed = seed, .words = words_of(a)});
  run_options options = options_of(seed, a);
  const std::string& log = a.log;
  if (talk) std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), describe(options).c_str());
  std::fflush(stdout);
  if (!log.empty()) {
    options.world.log_sink = write_log;
    options.world.log_level = log == "debug"  ? base::log_level::debug
                              : log == "info" ? base::log_level::info
                                              : base::log_level::warn;
  }
  // Not destroyed after a failure: what it holds may be in any state.
  auto* one = new run(seed, options, log.empty() ? nullptr : narrate);
  const run_named named{.seed = seed, .words = words_of(a), .it = one};
  running_now(named);
  out = one->go();
  if (out.found.kind != broken::nothing) {
    std::printf("seed %llu: %s: %s\n", static_cast<unsigned long long>(seed), out.found.checker.c_str(),
                out.found.what.c_str());
    say_failed(out.found.checker, named);
    _exit(static_cast<int>(out.found.kind));
  }
  running_now({.seed = seed, .words = named.words});
  delete one;
  return 0;
}

/// The last line of a run.
void say_passed(uint64_t seed, const run_outcome& out, double took) {
  const double virtual_seconds = static_cast<double>(out.virtual_time.ns) / 1e9;
  std::printf(
      "seed %llu passed: schedule_hash=%016llx events=%llu events/s=%.0f virtual=%.3fs "
      "virtual/real=%.1f\n",
      static_cast<unsigned long long>(seed), static_cast<unsigned long long>(out.schedule_hash),
      static_cast<unsigned long long>(out.events), static_cast<double>(out.events) / took, virtual_seconds,
      virtual_seconds / took);
}

int run_idle(const arguments& a) {
  running_now({.seed = a.seed, .words = " --quiet"});
  const double begun = real_seconds();
  const run_outcome out = run_quiet(a.seed);
  const double took = real_seconds() - begun;
  if (out.found.kind != broken::nothing) {
    std::printf("%s\n", out.found.what.c_str());
    say_failed(out.found.checker, {.seed = a.seed, .words = " --quiet"});
    return static_cast<int>(out.found.kind);
  }
  say_passed(a.seed, out, took);
  return 0;
}

int run_one(const arguments& a) {
  uint64_t hash = 0;
  for (uint64_t i = 0; i < a.repeat; ++i) {
    run_outcome out;
    const double begun = real_seconds();
    run_seed(a.seed, a, i == 0, out);
    const double took = real_seconds() - begun;
    std::printf("%s\n", out.summary.c_str());
    say_passed(a.seed, out, took);
    if (i > 0 && out.schedule_hash != hash) {
      say_failed("schedule_hash", {.seed = a.seed, .words = words_of(a) + fmt::format(" --repeat={}", a.repeat)});
      return two_schedules;
    }
    hash = out.schedule_hash;
  }
  return 0;
}

/// Each try in a process of its own. Ends with one line that replays the smallest run found.
int run_shrink(const arguments& a) {
  const auto attempt = [&](const overrides& with) {
    return run_in_child([&] {
      arguments one = a;
      one.with = with;
      run_outcome out;
      run_seed(a.seed, one, false, out);
    });
  };
  const child_end first = attempt(a.with);
  if (first.checker.empty()) {
    std::printf("seed %llu passes: there is nothing to shrink\n", static_cast<unsigned long long>(a.seed));
    return 0;
  }
  const shrunk small =
      shrink(draw_options(a.seed), a.with, first.checker, [&](const overrides& with) { return attempt(with).checker; });
  arguments least = a;
  least.with = small.with;
  const std::string said =
      fmt::format("seed {}: {}\nSHRUNK {} in {} tries   replay: {}\n", a.seed, describe(options_of(a.seed, least)),
                  first.checker, small.tries, replay_of(a.seed, words_of(least)));
  std::fwrite(said.data(), 1, said.size(), stdout);
  return first.code;
}

class pool {
 public:
  explicit pool(const arguments& a) : arguments_(a) {
    void* shared = mmap(nullptr, sizeof(totals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) std::abort();
    totals_ = new (shared) totals;
  }

  int go() {
    const double begun = real_seconds();
    uint64_t next = arguments_.from;
    const auto more = [&] {
      if (arguments_.first && failed_ > 0) return false;
      if (arguments_.minutes > 0) return real_seconds() - begun < static_cast<double>(arguments_.minutes) * 60;
      return next - arguments_.from < arguments_.seeds;
    };
    while (more() || !children_.empty()) {
      while (more() && children_.size() < arguments_.jobs) begin(next++);
      reap();
    }
    const double took = real_seconds() - begun;
    const double virtual_seconds = static_cast<double>(totals_->virtual_ns) / 1e9;
    std::printf("seeds %llu-%llu: %.1f seeds/min events=%llu events/s=%.0f virtual/real=%.1f\n",
                static_cast<unsigned long long>(arguments_.from), static_cast<unsigned long long>(next - 1),
                static_cast<double>(next - arguments_.from) / took * 60, static_cast<unsigned long long>(totals_->events),
                static_cast<double>(totals_->events) / took, virtual_seconds / took);
    std::printf("%llu passed, %llu failed\n", static_cast<unsigned long long>(passed_),
                static_cast<unsigned long long>(failed_));
    return worst_;
  }

 private:
  struct child {
    pid_t process;
    uint64_t seed;
  };
  void begin(uint64_t seed) {
    std::fflush(stdout);
    const pid_t process = fork();
    if (process < 0) std::abort();
    if (process > 0) return children_.push_back({process, seed});
    run_outcome out;
    const int code = run_seed(seed, arguments_, false, out);
    __atomic_fetch_add(&totals_->events, out.events, __ATOMIC_RELAXED);
    __atomic_fetch_add(&totals_->virtual_ns, out.virtual_time.ns, __ATOMIC_RELAXED);
    std::exit(code);
  }
  void reap() {
    int status = 0;
    const pid_t process = wait(&status);
    const auto found =
        std::find_if(children_.begin(), children_.end(), [&](const child& c) { return c.process == process; });
    if (found == children_.end()) return;
    const uint64_t seed = found->seed;
    children_.erase(found);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
      ++passed_;
      return;
    }
    ++failed_;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : static_cast<int>(broken::crash);
    const bool said = WIFEXITED(status) && code >= 2 && code <= 4;
    if (!said) {  // by a signal, or by a sanitizer
      code = static_cast<int>(broken::crash);
      say_failed("crash", {.seed = seed, .words = words_of(arguments_)});
    }
    if (worst_ == 0 || code < worst_) worst_ = code;
  }

  const arguments& arguments_;
  totals* totals_ = nullptr;
  std::vector<child> children_;
  uint64_t passed_ = 0;
  uint64_t failed_ = 0;
  int worst_ = 0;
};

bool parse(int count, char** words, arguments& a) {
  for (int i = 1; i < count; ++i) {
    std::string_view word = words[i];
    if (word == "--first") {
      a.first = true;
      continue;
    }
    std::string_view value;
    if (word == "--shrink" || word == "--planted" || word == "--quiet") {
      (word == "--shrink" ? a.shrink : word == "--quiet" ? a.quiet : a.planted) = true;
      continue;
    }
    if (const size_t at = word.find('='); at != std::string_view::npos) {
      value = word.substr(at + 1);
      word = word.substr(0, at);
    } else if (i + 1 < count) {
      value = words[++i];
    }
    if (word == "--log" || word == "--mutant") {
      (word == "--log" ? a.log : a.mutant) = value;
      continue;
    }
    if (read_override(word, value, a.with)) continue;
    uint64_t* target = nullptr;
    if (word == "--seed") target = &a.seed, a.one = true;
    if (word == "--repeat") target = &a.repeat;
    if (word == "--seeds") target = &a.seeds;
    if (word == "--from") target = &a.from;
    if (word == "--minutes") target = &a.minutes;
    if (word == "--jobs") target = &a.jobs;
    char* end = nullptr;
    const std::string text(value);
    if (target == nullptr || text.empty() || text[0] == '-') return false;
    *target = std::strtoull(text.c_str(), &end, 10);
    if (*end != 0) return false;
  }
  return (a.one || a.quiet || ((a.seeds > 0 || a.minutes > 0) && !a.shrink)) && a.jobs > 0 && a.repeat > 0;
}

}  // namespace
}  // namespace millrace::swarm

int main(int count, char** words) {
  millrace::swarm::arguments a;
  if (!millrace::swarm::parse(count, words, a)) {
    std::fputs(millrace::swarm::usage, stderr);
    return 1;
  }
  if (!a.mutant.empty()) {
    const std::string problem = millrace::base::choose_mutant(a.mutant);
    if (!problem.empty()) {
      std::fprintf(stderr, "--mutant: %s\n", problem.c_str());
      return 1;
    }
  }
  millrace::swarm::prepare_last_words(words[0]);
  if (a.quiet) return millrace::swarm::run_idle(a);
  if (a.one && a.shrink) return millrace::swarm::run_shrink(a);
  return a.one ? millrace::swarm::run_one(a) : millrace::swarm::pool(a).go();
}
