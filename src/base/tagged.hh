#pragma once

#include <compare>
#include <cstdint>
#include <functional>

/// tagged<Value, Tag>: a number that does not mix with other numbers. Offsets may be stepped and subtracted;
/// everything else goes through value().

namespace millrace::base {

template <class Value, class Tag>
class tagged {
 public:
  using value_type = Value;

  constexpr tagged() = default;
  constexpr explicit tagged(Value value) : value_(value) {}
  constexpr Value value() const { return value_; }

  friend constexpr auto operator<=>(const tagged&, const tagged&) = default;

  constexpr tagged operator+(Value steps) const { return tagged(static_cast<Value>(value_ + steps)); }
  constexpr tagged operator-(Value steps) const { return tagged(static_cast<Value>(value_ - steps)); }
  constexpr Value operator-(tagged other) const { return static_cast<Value>(value_ - other.value_); }
  constexpr tagged& operator++() {
    ++value_;
    return *this;
  }

 private:
  Value value_{};
};

/// Position of a record in its partition's log, counted from 0.
using offset = tagged<int64_t, struct offset_tag>;
/// The node's start number under which a batch was appended (Kafka: partitionLeaderEpoch).
using leader_epoch = tagged<int32_t, struct leader_epoch_tag>;
/// A reactor, counted from 0 in the order of --cores.
using core_id = tagged<uint32_t, struct core_id_tag>;

}  // namespace millrace::base

template <class Value, class Tag>
struct std::hash<millrace::base::tagged<Value, Tag>> {
  size_t operator()(const millrace::base::tagged<Value, Tag>& t) const noexcept { return std::hash<Value>()(t.value()); }
};
