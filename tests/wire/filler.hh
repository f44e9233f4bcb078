#pragma once

#include <concepts>
#include <optional>
#include <string_view>

#include "base/prng.hh"
#include "wire/kafka/known_tag.hh"
#include "wire/kafka/message.hh"

/// The walker that fills a message with random values of one version. Arrays that have elements
/// keep them, so that walking every version in turn fills every field of the struct. Lengths are
/// small, now and then past one byte of a compact length.

namespace millrace::wire::kafka {

class filler {
 public:
  template <class T>
  using of = T;

  filler(base::prng& random, arena& memory, int16_t version) : random_(random), memory_(memory), version_(version) {}

  int16_t version() const { return version_; }

  template <class T>
  void field(T& to) {
    if constexpr (std::is_same_v<T, bool>) {
      to = random_.chance(0.5);
    } else if constexpr (std::integral<T>) {
      to = static_cast<T>(random_.chance(0.3) ? random_.between(-1, 2) : static_cast<int64_t>(random_.next()));
    } else if constexpr (std::is_same_v<T, double>) {
      to = static_cast<double>(random_.between(-1'000'000, 1'000'000)) / 8;
    } else if constexpr (std::is_same_v<T, base::uuid>) {
      to = base::uuid::from_random(random_.next(), random_.next());
    } else if constexpr (std::is_same_v<T, std::string_view>) {
      to = some_text();
    } else if constexpr (std::is_same_v<T, base::bytes>) {
      to = some_bytes();
    } else {
      walk(*this, to);
    }
  }
  template <class T>
  void field(std::optional<T>& to, bool may_be_null) {
    if (may_be_null && random_.chance(0.25)) return to.reset();
    field(to.emplace());
  }
  void records(base::bytes& to) { field(to); }
  void records(std::optional<base::bytes>& to, bool may_be_null) { field(to, may_be_null); }
  void plain_text(std::optional<std::string_view>& to, bool may_be_null) { field(to, may_be_null); }

  template <class T>
  void array(kafka::array<T>& to, size_t) {
    if (to.empty()) to = memory_.make_array<T>(random_.chance(0.03) ? 140 : random_.below(4)).value();
    for (T& element : to) field(element);
  }
  template <class T>
  void array(std::optional<kafka::array<T>>& to, size_t smallest, bool may_be_null) {
    if (may_be_null && random_.chance(0.25)) return to.reset();
    if (!to) to.emplace();
    array(*to, smallest);
  }

  template <class... Tags>
  void tags(const Tags&... known) {
    (fill_tag(known), ...);
  }

 private:
  template <class T>
  void fill_tag(const known_tag<T>& known) {
    if (known.present && random_.chance(0.6)) known.visit(*this);
  }
  base::mutable_bytes some_bytes() {
    const size_t size = random_.chance(0.02) ? 120 + random_.below(20) : random_.below(6);
    if (size == 0) return {};
    auto* memory = static_cast<uint8_t*>(memory_.allocate(size, 1));
    random_.fill({memory, size});
    return {memory, size};
  }
  /// Letters, so that dumps can be read.
  std::string_view some_text() {
    const base::mutable_bytes text = some_bytes();
    for (uint8_t& c : text) c = static_cast<uint8_t>('a' + c % 26);
    return base::as_text(text);
  }

  base::prng& random_;
  arena& memory_;
  int16_t version_;
};

}  // namespace millrace::wire::kafka
