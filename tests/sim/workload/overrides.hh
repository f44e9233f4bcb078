#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "workload/run_options.hh"

/// What the command line takes off a seed's options: kinds that are switched off, and smaller numbers. Everything else of
/// the seed stays as it was drawn, so a smaller run is the same run with less in it, as far as that goes.

namespace millrace::swarm {

/// A number of run_options that may be smaller; its option is --<name>.
enum class smaller : uint8_t { cores, producers, consumers, topics, partitions, in_flight, steps, seconds };
inline constexpr size_t smaller_count = 8;

struct overrides {
  std::vector<std::string> without;  ///< kinds of fault or of operation, by the names of kinds()
  std::optional<uint64_t> numbers[smaller_count];

  std::optional<uint64_t>& number(smaller which) { return numbers[static_cast<size_t>(which)]; }
};

/// "kills", "codecs", ...: what --without takes.
std::vector<std::string> kinds();
/// Whether a kind is in a run.
bool has_kind(const run_options& o, std::string_view kind);
const char* name_of(smaller which);
uint64_t value_of(const run_options& o, smaller which);

/// Takes one word of the command line, "--steps" with "40". False where it is none of these or its value is not one.
bool read_override(std::string_view word, std::string_view value, overrides& into);
/// Numbers larger than what was drawn change nothing.
void apply(const overrides& o, run_options& to);
/// The words that say the same, each with a space before it.
std::string words_of(const overrides& o);

}  // namespace millrace::swarm
