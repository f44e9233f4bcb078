#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>

#include "wire/kafka/known_tag.hh"
#include "wire/kafka/message.hh"

/// The walker that writes every field of one version into a text, so that two messages are equal in
/// that version when their texts are. Null is told from empty, except where the version has no
/// null.

namespace millrace::wire::kafka {

class dumping {
 public:
  template <class T>
  using of = const T;

  dumping(std::string& out, int16_t version) : out_(out), version_(version) {}

  int16_t version() const { return version_; }

  template <class T>
  void field(const T& from) {
    if constexpr (std::is_arithmetic_v<T>) {
      out_ += std::to_string(from) + ' ';
    } else if constexpr (std::is_same_v<T, base::uuid>) {
      out_ += base::as_view(from.to_text());
      out_ += ' ';
    } else if constexpr (std::is_same_v<T, std::string_view>) {
      out_ += std::to_string(from.size()) + ':';
      out_ += from;
    } else if constexpr (std::is_same_v<T, base::bytes>) {
      field(base::as_text(from));
    } else {
      out_ += '{';
      walk(*this, from);
      out_ += '}';
    }
  }
  template <class T>
  void field(const std::optional<T>& from, bool may_be_null) {
    if (!from && may_be_null) {
      out_ += "null ";
    } else {
      field(from ? *from : T());
    }
  }
  void records(const base::bytes& from) { field(from); }
  void records(const std::optional<base::bytes>& from, bool may_be_null) { field(from, may_be_null); }
  void plain_text(const std::optional<std::string_view>& from, bool may_be_null) { field(from, may_be_null); }

  template <class T>
  void array(const kafka::array<T>& from, size_t) {
    out_ += '[' + std::to_string(from.size()) + ' ';
    for (const T& element : from) field(element);
    out_ += ']';
  }
  template <class T>
  void array(const std::optional<kafka::array<T>>& from, size_t smallest, bool may_be_null) {
    if (!from && may_be_null) {
      out_ += "null ";
    } else {
      array(from ? *from : kafka::array<T>(), smallest);
    }
  }

  template <class... Tags>
  void tags(const Tags&... known) {
    (dump_tag(known), ...);
  }

 private:
  template <class T>
  void dump_tag(const known_tag<T>& known) {
    if (!known.present) return;
    out_ += '#' + std::to_string(known.number) + '=';
    known.visit(*this);
  }

  std::string& out_;
  int16_t version_;
};

template <class Message>
std::string dump(const Message& message, int16_t version) {
  std::string out;
  dumping w(out, version);
  w.field(message);
  return out;
}

}  // namespace millrace::wire::kafka
