#pragma once

#include <string>

/// A file that a run writes at its end, looked at before its begin. What was there stays until the new text is whole.

namespace millrace::generator {

class result_file {
 public:
  /// An empty path: nothing shall be written, and all goes well.
  explicit result_file(std::string path);
  ~result_file();
  result_file(const result_file&) = delete;
  result_file& operator=(const result_file&) = delete;

  /// False: it cannot be written.
  bool good() const noexcept { return good_; }
  /// All of it, at once. False: it did not go; what was there is as it was.
  bool write(const std::string& text);

 private:
  const std::string path_;
  std::string partial_;  // beside it, until it is whole; empty: a pipe or a device, written as it is
  bool good_ = true;
};

}  // namespace millrace::generator
