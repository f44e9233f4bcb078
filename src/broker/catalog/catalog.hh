#pragma once

#include "broker/catalog/snapshot.hh"

/// One core's pointer to the current snapshot. The controller changes it by mail; a request looks at one snapshot from
/// its decoding to its first wait.

namespace millrace::broker {

class catalog {
 public:
  const snapshot& now() const noexcept { return *current_; }
  void set(const snapshot* s) noexcept { current_ = s; }

 private:
  const snapshot* current_ = nullptr;
};

}  // namespace millrace::broker
