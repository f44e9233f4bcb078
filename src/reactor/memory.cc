#include "reactor/memory.hh"

#include <sys/mman.h>

#include <bit>
#include <cerrno>
#include <cstdlib>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#define MILLRACE_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MILLRACE_POISON 1
#endif
#endif
#ifdef MILLRACE_POISON
#include <sanitizer/asan_interface.h>
#endif

namespace millrace::reactor {

namespace {

constexpr size_t huge_page = size_t{2} << 20;

size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

// Free blocks are forbidden ground where a sanitizer can watch.
void forbid([[maybe_unused]] void* at, [[maybe_unused]] size_t bytes) {
#ifdef MILLRACE_POISON
  ASAN_POISON_MEMORY_REGION(at, bytes);
#endif
}
void permit([[maybe_unused]] void* at, [[maybe_unused]] size_t bytes) {
#ifdef MILLRACE_POISON
  ASAN_UNPOISON_MEMORY_REGION(at, bytes);
#endif
}

/// Makes the kernel back [at, at + bytes).
#ifdef MILLRACE_POISON
__attribute__((no_sanitize("address")))
#endif
void back(uint8_t* at, size_t bytes) {
#ifdef MADV_POPULATE_WRITE
  if (madvise(at, bytes, MADV_POPULATE_WRITE) == 0) return;
#endif
  for (size_t i = 0; i < bytes; i += memory::page_bytes) {
    auto* const byte = const_cast<volatile uint8_t*>(at + i);
    *byte = *byte;
  }
}

}  // namespace

base::result<std::unique_ptr<memory>> memory::reserve(size_t bytes) {
  const size_t capacity = round_up(bytes, huge_page);
  constexpr size_t largest = size_t{1} << order_max;  // pages
  if (capacity == 0 || capacity / page_bytes >= no_page - largest) return base::fail(base::errc::invalid_argument);
  const size_t mapped = capacity + huge_page;
  void* const mapping = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) return base::fail(base::errc::no_memory, errno);

  std::unique_ptr<memory> made(new memory);
  made->mapping_ = static_cast<uint8_t*>(mapping);
  made->mapping_bytes_ = mapped;
  made->base_ = reinterpret_cast<uint8_t*>(round_up(reinterpret_cast<uintptr_t>(mapping), huge_page));
  made->capacity_ = capacity;
  (void)madvise(made->base_, capacity, MADV_HUGEPAGE);
  // Zeros from calloc are not touched before they are needed.
  // Blocks of the largest size fill the memory up to its end. What is left is at the front, in
  // powers of two, the smallest first: allocate() takes the smallest that fits, so memory is lent,
  // and touched, from the front to the back. Pages are numbered so that each block's number is a
  // multiple of its size; there are none before first_page_.
  const size_t left = capacity / page_bytes % largest;
  made->first_page_ = static_cast<uint32_t>(left == 0 ? 0 : largest - left);
  const size_t pages = made->first_page_ + capacity / page_bytes;
  made->pages_ = {static_cast<page_state*>(std::calloc(pages, sizeof(page_state))), std::free};
  if (made->pages_ == nullptr) return base::fail(base::errc::no_memory, ENOMEM);
  for (uint32_t& list : made->free_) list = no_page;
  size_t at = made->first_page_;
  for (unsigned order = 0; order < order_max; ++order) {
    if ((left >> order & 1) == 0) continue;
    made->link(static_cast<uint32_t>(at), order);
    at += size_t{1} << order;
  }
  // The lowest comes first out of its list.
  for (size_t page = pages; page > at; page -= largest) {
    made->link(static_cast<uint32_t>(page - largest), order_max);
  }
  forbid(made->base_, capacity);
  return made;
}

memory::~memory() {
  if (mapping_ == nullptr) return;
  ASSERT(used_ == 0 || abandoned_);
  permit(base_, capacity_);
  munmap(mapping_, mapping_bytes_);
}

chunk memory::allocate(size_t bytes) noexcept {
  if (bytes > block_bytes_max) return {};
  const size_t wanted_pages = bytes <= page_bytes ? 1 : (bytes + page_bytes - 1) / page_bytes;
  const auto order = static_cast<unsigned>(std::countr_zero(std::bit_ceil(wanted_pages)));
  const uint32_t fitting = free_orders_ >> order << order;
  if (fitting == 0) return {};
  auto at_order = static_cast<unsigned>(std::countr_zero(fitting));
  const uint32_t page = free_[at_order];
  unlink(page);
  while (at_order > order) {
    --at_order;
    link(page + (uint32_t{1} << at_order), at_order);
  }
  const size_t size = page_bytes << order;
  touch_to(position(page) + size);
  permit(base_ + position(page), size);
  pages_[page] = {.uses = 1, .previous = no_page, .order = static_cast<uint8_t>(order), .free = false};
  used_ += size;
  return chunk(this, page, static_cast<uint8_t>(order));
}

void memory::release(uint32_t page) noexcept {
  unsigned order = pages_[page].order;
  ASSERT(!pages_[page].free && used_ >= page_bytes << order);
  used_ -= page_bytes << order;
  if (pages_[page].pinned) pinned_ -= page_bytes << order;
  forbid(base_ + position(page), page_bytes << order);
  while (order < order_max) {
    const uint32_t buddy = page ^ (uint32_t{1} << order);
    if (buddy < first_page_) break;
    if (!pages_[buddy].free || pages_[buddy].order != order) break;
    unlink(buddy);
    page = page < buddy ? page : buddy;
    ++order;
  }
  link(page, order);
}

void memory::pin(uint32_t page) noexcept {
  page_state& state = pages_[page];
  if (state.pinned) return;
  state.pinned = true;
  pinned_ += page_bytes << state.order;
}

bool memory::touch(size_t bytes) noexcept {
  touch_to(bytes > capacity_ - touched_ ? capacity_ : touched_ + bytes);
  return touched_ < capacity_;
}

void memory::touch_to(size_t end) noexcept {
  if (end <= touched_) return;
  back(base_ + touched_, end - touched_);
  touched_ = end;
}

void memory::link(uint32_t page, unsigned order) noexcept {
  const uint32_t next = free_[order];
  pages_[page] = {.uses = next, .previous = no_page, .order = static_cast<uint8_t>(order), .free = true};
  if (next != no_page) pages_[next].previous = page;
  free_[order] = page;
  free_orders_ |= uint32_t{1} << order;
}

void memory::unlink(uint32_t page) noexcept {
  const page_state gone = pages_[page];
  if (gone.uses != no_page) pages_[gone.uses].previous = gone.previous;
  if (gone.previous != no_page) {
    pages_[gone.previous].uses = gone.uses;
  } else {
    free_[gone.order] = gone.uses;
    if (gone.uses == no_page) free_orders_ &= ~(uint32_t{1} << gone.order);
  }
  pages_[page].free = false;
}

chunk::chunk(const chunk& other) noexcept : owner_(other.owner_), page_(other.page_), order_(other.order_) {
  if (owner_ != nullptr) ++owner_->pages_[page_].uses;
}

chunk::chunk(chunk&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)), page_(other.page_), order_(other.order_) {}

chunk& chunk::operator=(chunk other) noexcept {
  std::swap(owner_, other.owner_);
  std::swap(page_, other.page_);
  std::swap(order_, other.order_);
  return *this;
}

chunk::~chunk() {
  if (owner_ != nullptr && --owner_->pages_[page_].uses == 0) owner_->release(page_);
}

uint8_t* chunk::data() const noexcept { return owner_ != nullptr ? owner_->base_ + owner_->position(page_) : nullptr; }

void chunk::leave() noexcept {
  if (uses() > 1) owner_->pin(page_);
  *this = {};
}

uint32_t chunk::uses() const noexcept { return owner_ != nullptr ? owner_->pages_[page_].uses : 0; }

}  // namespace millrace::reactor
