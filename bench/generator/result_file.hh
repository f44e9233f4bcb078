#pragma once

#include <string>

/// A file that a run writes at its end, looked at before its begin. What was there stays until the new text is whole.

namespace millrace::generator {

class result_file {
 public:
  /// An empty path: nothing shall be written, and all goes well.
  explicit result_file(std::string path);

  /// False: it cannot be written.
  bool good() const noexcept { return good_; }
  /// All of it, once. False: it did not go; what was there is as it was.
  bool write(const std::string& text);

 private:
  std::string path_;
  std::string partial_;  // beside it, while it is written; empty: a pipe or a device, written as it is
  bool good_ = true;
};

}  // namespace millrace::generator
