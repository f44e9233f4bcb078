#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>
#include <type_traits>

#include "base/bytes.hh"
#include "base/result.hh"
#include "wire/kafka/array.hh"

/// Bump memory for the arrays of one request or response: freed all at once, never element by
/// element. The handler of a request owns it; one core; nothing in it is ever destroyed, so only
/// trivially destructible types live here. It never holds more than its limit, whatever a peer
/// claims.

namespace millrace::wire::kafka {

class arena {
 public:
  /// At most `limit` bytes in all. `first` is the caller's memory, used before any other; it
  /// outlives the arena and does not count.
  explicit arena(size_t limit, base::mutable_bytes first = {});
  ~arena();
  arena(const arena&) = delete;
  arena& operator=(const arena&) = delete;

  /// `size` bytes aligned to `alignment` (a power of two, at most that of max_align_t), or null
  /// when the limit or the machine has no more.
  void* allocate(size_t size, size_t alignment);

  /// `count` default-initialized elements. Errors: no_memory.
  template <class T>
  base::result<array<T>> make_array(size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    if (count == 0) return array<T>();
    if (count > PTRDIFF_MAX / sizeof(T)) return out_of_memory();
    void* memory = allocate(count * sizeof(T), alignof(T));
    if (memory == nullptr) return out_of_memory();
    T* elements = static_cast<T*>(memory);
    for (size_t i = 0; i < count; ++i) new (elements + i) T();
    return array<T>(elements, count);
  }

  /// A copy of `text` or `data` that lives as long as the arena's content. Errors: no_memory.
  base::result<std::string_view> copy(std::string_view text);
  base::result<base::bytes> copy(base::bytes data);

  /// Forgets the content. Keeps the caller's memory and the newest chunk, so that requests of a
  /// steady size allocate nothing.
  void reset();

  /// Bytes held from the machine, headers of chunks included.
  size_t held() const { return held_; }

 private:
  struct chunk;
  static base::failure out_of_memory() { return base::fail(base::errc::no_memory); }
  bool grow(size_t size);
  void use(uint8_t* begin, size_t size) { at_ = begin, end_ = begin + size; }
  void release(chunk* one);

  const size_t limit_;
  const base::mutable_bytes first_;
  uint8_t* at_ = nullptr;   ///< next free byte of the newest memory
  uint8_t* end_ = nullptr;  ///< where that memory ends
  chunk* newest_ = nullptr;
  size_t held_ = 0;
};

}  // namespace millrace::wire::kafka
