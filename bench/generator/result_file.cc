#include "generator/result_file.hh"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace millrace::generator {

result_file::result_file(std::string path) : path_(std::move(path)) {
  if (path_.empty()) return;
  std::error_code none;
  const bool special = std::filesystem::exists(path_, none) && !std::filesystem::is_regular_file(path_, none);
  if (!special) partial_ = path_ + "." + std::to_string(getpid());
  std::ofstream file(special ? path_ : partial_, special ? std::ios::app : std::ios::trunc);
  good_ = static_cast<bool>(file);
}

result_file::~result_file() {
  if (!partial_.empty()) std::remove(partial_.c_str());
}

bool result_file::write(const std::string& text) {
  if (path_.empty()) return true;
  std::ofstream file(partial_.empty() ? path_ : partial_, partial_.empty() ? std::ios::app : std::ios::trunc);
  file << text;
  if (!file.flush()) return false;
  if (partial_.empty()) return true;
  if (std::rename(partial_.c_str(), path_.c_str()) != 0) return false;
  partial_.clear();
  return true;
}

}  // namespace millrace::generator
