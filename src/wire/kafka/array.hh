#pragma once

#include <span>

/// The field types of Kafka messages in C++.
///
///   string              std::string_view into the request, an arena or a literal
///   bytes, records      base::bytes, likewise; records are never copied
///   []T                 array<T>, a span of elements in an arena or anywhere else
///   nullable of either  std::optional of it; null unless somebody sets it
///   uuid                base::uuid

namespace millrace::wire::kafka {

/// A view of elements that live elsewhere: as a span, `const` says nothing about the elements.
template <class T>
using array = std::span<T>;

}  // namespace millrace::wire::kafka
