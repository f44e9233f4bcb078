#pragma once

#include <cstdint>
#include <utility>

/// Shared parts of the world (pages, inodes): a count inside the object, one thread.

namespace millrace::sim {

/// Derive from it to be held by ref<>.
struct counted {
  uint32_t uses = 0;
};

template <class T>
class ref {
 public:
  ref() = default;
  explicit ref(T* object) noexcept : object_(object) { hold(); }
  ref(const ref& o) noexcept : object_(o.object_) { hold(); }
  ref(ref&& o) noexcept : object_(std::exchange(o.object_, nullptr)) {}
  ref& operator=(ref o) noexcept {
    std::swap(object_, o.object_);
    return *this;
  }
  ~ref() {
    if (object_ != nullptr && --object_->uses == 0) delete object_;
  }

  T* get() const noexcept { return object_; }
  T* operator->() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  friend bool operator==(const ref&, const ref&) = default;

 private:
  void hold() noexcept {
    if (object_ != nullptr) ++object_->uses;
  }
  T* object_ = nullptr;
};

}  // namespace millrace::sim
