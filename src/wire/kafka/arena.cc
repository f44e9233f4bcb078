#include "wire/kafka/arena.hh"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace millrace::wire::kafka {

namespace {
constexpr size_t chunk_bytes_min = 4096;
constexpr size_t chunk_bytes_max = 256 * 1024;  // larger only for one array that needs more
}  // namespace

/// Stands at the start of memory from the machine.
struct alignas(std::max_align_t) arena::chunk {
  chunk* older;
  size_t size;  ///< with this header
  uint8_t* content() { return reinterpret_cast<uint8_t*>(this + 1); }
  size_t content_size() const { return size - sizeof(chunk); }
};

arena::arena(size_t limit, base::mutable_bytes first) : limit_(limit), first_(first) { use(first_.data(), first_.size()); }

arena::~arena() {
  while (newest_ != nullptr) {
    chunk* older = newest_->older;
    release(newest_);
    newest_ = older;
  }
}

void* arena::allocate(size_t size, size_t alignment) {
  ASSERT(alignment != 0 && (alignment & (alignment - 1)) == 0 && alignment <= alignof(std::max_align_t));
  for (int attempt = 0; attempt < 2; ++attempt) {
    const size_t past = reinterpret_cast<uintptr_t>(at_) & (alignment - 1);
    const size_t padding = past == 0 ? 0 : alignment - past;
    const size_t left = static_cast<size_t>(end_ - at_);
    if (at_ != nullptr && padding <= left && size <= left - padding) {
      uint8_t* memory = at_ + padding;
      at_ = memory + size;
      return memory;
    }
    if (!grow(size)) break;
  }
  return nullptr;
}

/// Makes a chunk with room for `size` bytes the newest.
bool arena::grow(size_t size) {
  const size_t room = limit_ - held_;
  if (room < sizeof(chunk) || size > room - sizeof(chunk)) return false;
  const size_t usual = newest_ == nullptr ? chunk_bytes_min : std::min(newest_->size * 2, chunk_bytes_max);
  const size_t total = std::min(std::max(usual, size + sizeof(chunk)), room);
  void* memory = std::malloc(total);
  if (memory == nullptr) return false;
  newest_ = new (memory) chunk{newest_, total};
  held_ += total;
  use(newest_->content(), newest_->content_size());
  return true;
}

void arena::release(chunk* one) {
  held_ -= one->size;
  std::free(one);
}

void arena::reset() {
  if (newest_ == nullptr) {
    use(first_.data(), first_.size());
    return;
  }
  while (newest_->older != nullptr) {
    chunk* older = newest_->older;
    newest_->older = older->older;
    release(older);
  }
  use(newest_->content(), newest_->content_size());
}

base::result<base::bytes> arena::copy(base::bytes data) {
  if (data.empty()) return base::bytes();
  void* memory = allocate(data.size(), 1);
  if (memory == nullptr) return out_of_memory();
  std::memcpy(memory, data.data(), data.size());
  return base::bytes(static_cast<const uint8_t*>(memory), data.size());
}

base::result<std::string_view> arena::copy(std::string_view text) {
  TRY(base::bytes copied, copy(base::as_bytes(text)));
  return base::as_text(copied);
}

}  // namespace millrace::wire::kafka
