#include "generator/result_file.hh"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace millrace::generator {

namespace fs = std::filesystem;

namespace {

bool put(const std::string& path, const std::string& text, std::ios::openmode mode) {
  std::ofstream file(path, mode);
  file << text;
  return static_cast<bool>(file.flush());
}

/// A pipe, a device, or a name of the system's for what is open already (/dev/stdout).
bool special(const std::string& path) {
  std::error_code none;
  const bool other = fs::exists(path, none) && !fs::is_regular_file(path, none);
  return other || (fs::is_symlink(path, none) && (path.starts_with("/dev/") || path.starts_with("/proc/")));
}

}  // namespace

result_file::result_file(std::string path) : path_(std::move(path)) {
  if (path_.empty()) return;
  if (special(path_)) {
    good_ = put(path_, "", std::ios::app);
    return;
  }
  std::error_code none;
  const fs::path target = fs::weakly_canonical(path_, none);  // what a link names, not the link
  if (!none) path_ = target.string();
  partial_ = path_ + "." + std::to_string(getpid());
  good_ = put(partial_, "", std::ios::trunc);
  std::remove(partial_.c_str());
}

bool result_file::write(const std::string& text) {
  if (path_.empty()) return true;
  if (partial_.empty()) return put(path_, text, std::ios::app);
  const bool whole = put(partial_, text, std::ios::trunc);
  if (whole && std::rename(partial_.c_str(), path_.c_str()) == 0) return true;
  std::remove(partial_.c_str());
  return whole && put(path_, text, std::ios::trunc);  // a file that is mounted by itself cannot be replaced
}

}  // namespace millrace::generator
