#pragma once

#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/assert.hh"
#include "reactor/core.hh"
#include "reactor/op.hh"
#include "reactor/task.hh"

/// A root task of a test: started from its core's ready queue, asked for its value from outside.

namespace millrace::sim {

template <class T>
class started final : public reactor::ready_item {
  using held = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

 public:
  started(reactor::core& on, reactor::task<T> work) : frame_(drive(std::move(work), this)) { on.make_ready(*this); }

  bool done() const noexcept { return value_.has_value(); }
  /// Once, after done().
  T take() {
    ASSERT(done());
    if constexpr (!std::is_void_v<T>) return std::move(*value_);
  }
  /// Destroys the frame where it stands: after a crash of its node.
  void abandon() { frame_ = {}; }

  void run(reactor::core&) override { frame_.root().resume(); }
  const char* what() const noexcept override { return "root task"; }

 private:
  static reactor::task<void> drive(reactor::task<T> work, started* self) {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(work);
      self->value_.emplace();
    } else {
      auto value = co_await std::move(work);
      self->value_.emplace(std::move(value));
    }
  }

  std::optional<held> value_;
  reactor::task<void> frame_;
};

}  // namespace millrace::sim
