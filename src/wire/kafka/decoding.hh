#pragma once

#include <concepts>
#include <optional>
#include <string_view>
#include <type_traits>

#include "wire/kafka/arena.hh"
#include "wire/kafka/known_tag.hh"
#include "wire/kafka/reader.hh"

/// The walker that fills a struct from a reader. Its failures are the reader's.

namespace millrace::wire::kafka {

class decoding {
 public:
  template <class T>
  using of = T;

  /// `memory` may be null when the walked struct has no arrays.
  decoding(reader& in, arena* memory, int16_t version, bool flexible)
      : in_(in), memory_(memory), version_(version), flexible_(flexible) {}

  int16_t version() const { return version_; }

  template <class T>
  void field(T& to) {
    if constexpr (std::is_same_v<T, bool>) {
      to = in_.boolean();
    } else if constexpr (std::integral<T>) {
      to = in_.number<T>();
    } else if constexpr (std::is_same_v<T, double>) {
      to = in_.float64();
    } else if constexpr (std::is_same_v<T, base::uuid>) {
      to = in_.id();
    } else if constexpr (std::is_same_v<T, std::string_view>) {
      to = in_.string(flexible_);
    } else if constexpr (std::is_same_v<T, base::bytes>) {
      to = in_.blob(flexible_);
    } else {
      walk(*this, to);
    }
  }

  template <class T>
  void field(std::optional<T>& to, bool may_be_null) {
    if constexpr (std::is_same_v<T, std::string_view>) {
      to = in_.nullable_string(flexible_);
    } else if constexpr (std::is_same_v<T, base::bytes>) {
      to = in_.nullable_bytes(flexible_);
    } else {
      if (may_be_null && !announced()) return to.reset();
      field(to.emplace());
    }
    if (!to && !may_be_null) in_.fail(base::errc::malformed);
  }

  void records(base::bytes& to) { field(to); }
  void records(std::optional<base::bytes>& to, bool may_be_null) { field(to, may_be_null); }
  /// Never compact, whatever the version.
  void plain_text(std::optional<std::string_view>& to, bool) { to = in_.nullable_string(false); }

  template <class T>
  void array(kafka::array<T>& to, size_t smallest) {
    elements(to, in_.count(flexible_, smallest));
  }
  template <class T>
  void array(std::optional<kafka::array<T>>& to, size_t smallest, bool may_be_null) {
    const auto count = in_.array_count(flexible_, smallest);
    if (count) return elements(to.emplace(), *count);
    to.reset();
    if (!may_be_null) in_.fail(base::errc::malformed);
  }

  template <class... Tags>
  void tags(const Tags&... known) {
    if (!flexible_) return;
    for (uint32_t left = in_.tag_count(); left > 0 && in_.ok(); --left) {
      const uint32_t number = in_.varint();
      const base::bytes value = in_.take(in_.varint());
      static_cast<void>(number), static_cast<void>(value);
      (take_tag(known, number, value), ...);
    }
  }

 private:
  /// The byte before a nullable struct: -1 is null, 1 the struct follows.
  bool announced() {
    const int8_t mark = in_.number<int8_t>();
    if (mark < -1) in_.fail(base::errc::malformed);
    return mark >= 0;
  }

  template <class T>
  void elements(kafka::array<T>& to, uint32_t count) {
    if (!in_.ok()) return;
    ASSERT(memory_ != nullptr);
    auto made = memory_->make_array<T>(count);
    if (!made) return in_.fail(base::errc::too_large);
    to = *made;
    for (T& element : to) {
      field(element);
      if (!in_.ok()) return;
    }
  }

  template <class T>
  void take_tag(const known_tag<T>& known, uint32_t number, base::bytes value) {
    if (!known.present || known.number != number || !in_.ok()) return;
    reader inside(value);
    decoding inner(inside, memory_, version_, flexible_);
    known.visit(inner);
    if (!inside.ok()) return in_.fail(inside.failure());
    if (inside.remaining() != 0) in_.fail(base::errc::malformed);
  }

  reader& in_;
  arena* memory_;
  int16_t version_;
  bool flexible_;
};

}  // namespace millrace::wire::kafka
