#include <unistd.h>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/prng.hh"
#include "fuzz.hh"
#include "mutator.hh"

/// fuzz_<name> [-runs=N] [-seed=N] [FILE or DIRECTORY ...]: every given input as it is, or those of tests/vectors where none
/// is given; then N of our own, made from them (by default as many as a smoke run has; 0: none). The same seed makes the
/// same inputs. One that ends the process is left in /tmp/crash-<name>, and running the program with it shows it again.

namespace millrace::fuzz {
namespace {

/// Beside the given inputs, noise is changed too.
constexpr int noise_inputs = 8;

std::vector<uint8_t> current;  // what runs now

void keep_current(int signal) {
  std::signal(signal, SIG_DFL);
  const std::string path = (std::filesystem::temp_directory_path() / ("crash-" FUZZ_TARGET)).string();
  if (std::FILE* file = std::fopen(path.c_str(), "wb")) {
    std::fwrite(current.data(), 1, current.size(), file);
    std::fclose(file);
    std::fprintf(stderr, "the input is in %s (%zu bytes)\n", path.c_str(), current.size());
  }
  raise(signal);
}

std::vector<uint8_t> read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<std::vector<uint8_t>> read_inputs(const std::vector<std::string>& places) {
  std::vector<std::filesystem::path> files;
  for (const std::string& place : places) {
    if (!std::filesystem::is_directory(place)) {
      files.emplace_back(place);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(place)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<std::vector<uint8_t>> inputs;
  for (const auto& file : files) inputs.push_back(read_file(file));
  return inputs;
}

void run(const target& t, std::vector<uint8_t> input) {
  current = std::move(input);
  t.run(current);
}

int go(int count, char** words) {
  const target* t = find_target(FUZZ_TARGET);
  uint64_t runs = t->smoke_runs;
  uint64_t seed = 1;
  std::vector<std::string> places;
  for (int i = 1; i < count; ++i) {
    if (std::strncmp(words[i], "-runs=", 6) == 0) {
      runs = std::strtoull(words[i] + 6, nullptr, 10);
    } else if (std::strncmp(words[i], "-seed=", 6) == 0) {
      seed = std::strtoull(words[i] + 6, nullptr, 10);
    } else if (words[i][0] == '-') {
      std::fprintf(stderr, "%s [-runs=N] [-seed=N] [FILE or DIRECTORY ...]\n", words[0]);
      return 1;
    } else {
      places.emplace_back(words[i]);
    }
  }
  const std::string usual = std::string(FUZZ_VECTORS "/") + t->vectors;
  if (places.empty() && std::filesystem::is_directory(usual)) places.push_back(usual);
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, keep_current);
  std::vector<std::vector<uint8_t>> inputs = read_inputs(places);
  for (const auto& input : inputs) run(*t, input);
  const size_t given = inputs.size();
  base::prng random = base::prng(seed).split(FUZZ_TARGET);
  for (int i = 0; i < noise_inputs; ++i) {
    random.fill(inputs.emplace_back(random.below(256)));
  }
  for (uint64_t i = 0; i < runs; ++i) {
    std::vector<uint8_t> input = inputs[random.below(inputs.size())];
    const std::vector<uint8_t>& other = inputs[random.below(inputs.size())];
    mutate(input, other, random);
    run(*t, std::move(input));
  }
  std::printf("fuzz_%s: %zu inputs and %llu of their mutations\n", t->name, given, static_cast<unsigned long long>(runs));
  return 0;
}

}  // namespace
}  // namespace millrace::fuzz

int main(int count, char** words) { return millrace::fuzz::go(count, words); }
