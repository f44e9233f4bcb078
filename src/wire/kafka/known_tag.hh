#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>

#include "wire/kafka/array.hh"

/// A tagged field that the table knows (KIP-482), as a walk names it: sent only when it differs
/// from `initial`.

namespace millrace::wire::kafka {

template <class T>
inline constexpr bool is_array_v = false;
template <class T>
inline constexpr bool is_array_v<array<T>> = true;
template <class T>
inline constexpr bool is_optional_v = false;
template <class T>
inline constexpr bool is_optional_v<std::optional<T>> = true;

template <class T>
struct known_tag {
  using value_type = std::remove_const_t<T>;

  /// `present`: the walked version has it. `smallest`: as for arrays elsewhere.
  known_tag(uint32_t number_, bool present_, T& value_, const std::type_identity_t<value_type>& initial_,
            size_t smallest_ = 0)
      : number(number_), present(present_), value(value_), initial(initial_), smallest(smallest_) {}

  bool worth_sending() const {
    if constexpr (is_array_v<value_type>) {
      return present && !value.empty();
    } else if constexpr (is_optional_v<value_type>) {
      return present && value.has_value();
    } else {
      return present && !(value == initial);
    }
  }
  /// The walk of the value.
  template <class Walker>
  void visit(Walker& w) const {
    if constexpr (is_array_v<value_type>) {
      w.array(value, smallest);
    } else if constexpr (is_optional_v<value_type>) {
      if constexpr (is_array_v<typename value_type::value_type>) {
        w.array(value, smallest, true);
      } else {
        w.field(value, true);
      }
    } else {
      w.field(value);
    }
  }

  uint32_t number;
  bool present;
  T& value;
  const value_type& initial;
  size_t smallest;
};

}  // namespace millrace::wire::kafka
