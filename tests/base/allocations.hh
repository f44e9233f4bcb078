#pragma once

#include <cstdint>

/// How often the program has taken memory from the heap, by whatever form of operator new. It counts where allocations.cc
/// is one of the program's sources.

namespace millrace {

uint64_t heap_allocations() noexcept;

}  // namespace millrace
