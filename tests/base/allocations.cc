#include "allocations.hh"

#include <atomic>
#include <cstdlib>
#include <new>

namespace millrace {

namespace {
std::atomic<uint64_t> count{0};
}  // namespace

uint64_t heap_allocations() noexcept { return count; }

static void* counted(std::size_t bytes) {
  ++count;
  void* memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace millrace

// All forms of one program, so that each meets its own kind of free.
void* operator new(std::size_t bytes) { return millrace::counted(bytes); }
void* operator new[](std::size_t bytes) { return millrace::counted(bytes); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return millrace::counted(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return millrace::counted(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
