#pragma once

#include "broker/catalog/snapshot.hh"
#include "reactor/mailbox.hh"

/// One core's view of the catalog: the current snapshot. The controller changes it by mail; a
/// request looks at one snapshot from its decoding to its first wait. Beside it the credit for
/// calls that administration and rare requests make to other cores, so that a client cannot fill
/// the rings between them.

namespace millrace::broker {

class catalog {
 public:
  explicit catalog(reactor::core& on) : calls_(on) {}

  /// Before the controller has started it is empty.
  const snapshot& now() const noexcept { return *current_; }
  void set(const snapshot* s) noexcept { current_ = s != nullptr ? s : &none_; }
  reactor::mailbox& calls() noexcept { return calls_; }

 private:
  const snapshot none_;
  const snapshot* current_ = &none_;
  reactor::mailbox calls_;
};

}  // namespace millrace::broker
