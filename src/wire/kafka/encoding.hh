#pragma once

#include <algorithm>
#include <concepts>
#include <optional>
#include <string_view>
#include <type_traits>

#include "wire/kafka/known_tag.hh"
#include "wire/kafka/reader.hh"
#include "wire/kafka/writer.hh"

/// The walker that gives a struct to a sink of writer.hh.

namespace millrace::wire::kafka {

template <class Sink>
class encoding {
 public:
  template <class T>
  using of = const T;

  encoding(Sink& out, int16_t version, bool flexible) : out_(out), version_(version), flexible_(flexible) {}

  int16_t version() const { return version_; }

  template <class T>
  void field(const T& from) {
    if constexpr (std::is_same_v<T, bool>) {
      out_.boolean(from);
    } else if constexpr (std::integral<T>) {
      out_.number(from);
    } else if constexpr (std::is_same_v<T, double>) {
      out_.float64(from);
    } else if constexpr (std::is_same_v<T, base::uuid>) {
      out_.id(from);
    } else if constexpr (std::is_same_v<T, std::string_view>) {
      const std::string_view text = from.substr(0, string_bytes_max);
      string_length(static_cast<int32_t>(text.size()), flexible_);
      out_.raw(base::as_bytes(text));
    } else if constexpr (std::is_same_v<T, base::bytes>) {
      length(from.size());
      out_.raw(from);
    } else {
      walk(*this, from);
    }
  }

  template <class T>
  void field(const std::optional<T>& from, bool may_be_null) {
    constexpr bool text = std::is_same_v<T, std::string_view>;
    constexpr bool blob = std::is_same_v<T, base::bytes>;
    if constexpr (!text && !blob) {
      if (may_be_null) out_.number(static_cast<int8_t>(from ? 1 : -1));
      if (!from && may_be_null) return;
    } else if (!from && may_be_null) {
      return text ? string_length(-1, flexible_) : null_length();
    }
    field(from ? *from : T());
  }

  void records(base::bytes from) {
    length(from.size());
    out_.records(from);
  }
  void records(const std::optional<base::bytes>& from, bool may_be_null) {
    if (!from && may_be_null) return null_length();
    records(from.value_or(base::bytes()));
  }
  void plain_text(const std::optional<std::string_view>& from, bool) {
    if (!from) return string_length(-1, false);
    const std::string_view text = from->substr(0, string_bytes_max);
    string_length(static_cast<int32_t>(text.size()), false);
    out_.raw(base::as_bytes(text));
  }

  template <class T>
  void array(const kafka::array<T>& from, size_t) {
    length(from.size());
    for (const T& element : from) field(element);
  }
  template <class T>
  void array(const std::optional<kafka::array<T>>& from, size_t smallest, bool may_be_null) {
    if (!from && may_be_null) return null_length();
    array(from ? *from : kafka::array<T>(), smallest);
  }

  template <class... Tags>
  void tags(const Tags&... known) {
    if (!flexible_) return;
    out_.varint((0u + ... + (known.worth_sending() ? 1u : 0u)));
    (give_tag(known), ...);
  }

  /// The length of bytes or of an array.
  void length(size_t size) {
    ASSERT(size <= INT32_MAX);
    if (flexible_) {
      out_.varint(static_cast<uint32_t>(size) + 1);
    } else {
      out_.number(static_cast<int32_t>(size));
    }
  }

 private:
  void null_length() {
    if (flexible_) {
      out_.varint(0);
    } else {
      out_.number(int32_t{-1});
    }
  }
  void string_length(int32_t size, bool compact) {
    if (compact) {
      out_.varint(static_cast<uint32_t>(size + 1));
    } else {
      out_.number(static_cast<int16_t>(size));
    }
  }

  template <class T>
  void give_tag(const known_tag<T>& known) {
    if (!known.worth_sending()) return;
    byte_counter count;
    encoding<byte_counter> counting(count, version_, flexible_);
    known.visit(counting);
    out_.varint(known.number);
    out_.varint(static_cast<uint32_t>(count.written()));
    known.visit(*this);
  }

  Sink& out_;
  int16_t version_;
  bool flexible_;
};

}  // namespace millrace::wire::kafka
