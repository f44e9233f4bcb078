#include <cstdio>

#include "server/config_sample.hh"

/// Prints the file that configs/millrace.toml must be.
int main() {
  const std::string text = millrace::server::sample_config();
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() ? 0 : 1;
}
