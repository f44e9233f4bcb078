#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "reactor/machine.hh"

/// What the tests of this room share: one core on the test's thread, and a directory that goes
/// away.

namespace millrace::reactor::test {

inline uring_options small_ring() {
  uring_options options;
  options.submissions = 64;
  options.completions = 512;
  options.receive_buffers = 16;
  options.receive_buffer_bytes = 16384;
  return options;
}

inline std::unique_ptr<solo> one_core(uring_options options = small_ring()) {
  base::result<std::unique_ptr<solo>> made = solo::make(size_t{64} << 20, std::move(options));
  REQUIRE(made.ok());
  return std::move(*made);
}

/// In the working directory, which is on a disk: /tmp may be memory, where O_DIRECT means nothing.
class temporary_directory {
 public:
  temporary_directory() {
    std::string name = (std::filesystem::current_path() / "reactor-test-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  ~temporary_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string of(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Counts how often it was made ready.
struct counted_op final : op {
  explicit counted_op(op_kind k) : op(k) {}
  int runs = 0;
  void run(core&) override { ++runs; }
};

inline void turns_until(core& on, const auto& condition) {
  for (int i = 0; i < 2000 && !condition(); ++i) on.turn(base::milliseconds(5));
  CHECK(condition());
}

}  // namespace millrace::reactor::test
