#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// The line by which a failed run is replayed, said whatever ended it: a checker, an ASSERT, a fault of memory, a sanitizer.

namespace millrace::swarm {

class run;

/// What the line says of a run beside its failure.
struct run_named {
  uint64_t seed = 0;
  std::string words{};      ///< of the command line, each with a space before it, that make the seed this run
  const run* it = nullptr;  ///< asked for its time and schedule; null where there is none
};

/// At the begin of the program, called as `program`: from now on a process that dies says so, and exits as a crash.
void prepare_last_words(const char* program);
/// What this process runs from now on.
void running_now(run_named what);
/// "<program> --seed=N<words>   commit C".
std::string replay_of(uint64_t seed, const std::string& words);
/// "FAILED <checker> at <virtual time>   replay: ...", with the schedule hash where there is a run to ask.
void say_failed(std::string_view checker, const run_named& of);

}  // namespace millrace::swarm
