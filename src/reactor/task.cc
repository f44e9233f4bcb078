#include "reactor/task.hh"

#include <cstdint>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MILLRACE_FRAMES_FROM_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MILLRACE_FRAMES_FROM_MALLOC 1
#endif
#endif

namespace millrace::reactor::frame_pool {

namespace {

void* from_malloc(size_t bytes) {
  void* memory = std::malloc(bytes);
  ASSERT(memory != nullptr);
  return memory;
}

#ifndef MILLRACE_FRAMES_FROM_MALLOC

constexpr size_t class_bytes = 64;
constexpr size_t pooled_bytes_max = 2048;
constexpr size_t classes = pooled_bytes_max / class_bytes;

struct free_frame {
  free_frame* next;
};
// Plain data, so that reaching it is one segment-relative load. A frame may end on another thread
// than it began on; it then joins that thread's lists.
constinit thread_local free_frame* free_frames[classes] = {};
constinit thread_local bool thread_ended = false;

/// Gives the lists back when the thread ends.
struct reaper {
  ~reaper() {
    thread_ended = true;
    for (free_frame*& list : free_frames) {
      while (list != nullptr) std::free(std::exchange(list, list->next));
    }
  }
};

void* refill(size_t index) {
  static thread_local const reaper at_thread_end;
  (void)&at_thread_end;
  return from_malloc((index + 1) * class_bytes);
}

#endif

}  // namespace

#ifdef MILLRACE_FRAMES_FROM_MALLOC

// A sanitizer sees a use after the end only where the memory is not used again at once.
void* take(size_t bytes) { return from_malloc(bytes); }
void give_back(void* frame, size_t) noexcept { std::free(frame); }

#else

void* take(size_t bytes) {
  const size_t index = (bytes - 1) / class_bytes;
  if (index >= classes) return from_malloc(bytes);
  free_frame* const first = free_frames[index];
  if (first == nullptr) return refill(index);
  free_frames[index] = first->next;
  return first;
}

void give_back(void* frame, size_t bytes) noexcept {
  const size_t index = (bytes - 1) / class_bytes;
  if (index >= classes || thread_ended) {
    std::free(frame);
    return;
  }
  auto* const freed = static_cast<free_frame*>(frame);
  freed->next = free_frames[index];
  free_frames[index] = freed;
}

#endif

}  // namespace millrace::reactor::frame_pool
