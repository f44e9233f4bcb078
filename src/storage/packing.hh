#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hh"
#include "base/uuid.hh"

/// Little endian fields, one behind the other: how this room's own files are written and read.

namespace millrace::storage {

class packer {
 public:
  explicit packer(std::vector<uint8_t>& target) : target_(target) {}
  template <std::integral Int>
  void number(Int value) {
    const size_t at = target_.size();
    target_.resize(at + sizeof value);
    base::store_little(target_.data() + at, value);
  }
  void text(std::string_view t) { target_.insert(target_.end(), t.begin(), t.end()); }
  void id(const base::uuid& u) { target_.insert(target_.end(), u.octets.begin(), u.octets.end()); }

 private:
  std::vector<uint8_t>& target_;
};

/// Reads past the end yield zeros and are remembered: one look at failed() after a group of fields is enough.
class unpacker {
 public:
  explicit unpacker(base::bytes source) : rest_(source) {}
  template <std::integral Int>
  Int number() {
    const base::bytes at = take(sizeof(Int));
    return at.empty() ? Int{} : base::load_little<Int>(at.data());
  }
  std::string text(size_t bytes) { return std::string(base::as_text(take(bytes))); }
  base::uuid id() {
    const base::bytes at = take(16);
    return at.empty() ? base::uuid{} : base::uuid::load(at.data());
  }
  bool failed() const noexcept { return failed_; }
  size_t left() const noexcept { return rest_.size(); }

 private:
  base::bytes take(size_t bytes) {
    if (failed_ || bytes > rest_.size()) {
      failed_ = true;
      return {};
    }
    const base::bytes taken = rest_.first(bytes);
    rest_ = rest_.subspan(bytes);
    return taken;
  }
  base::bytes rest_;
  bool failed_ = false;
};

}  // namespace millrace::storage
