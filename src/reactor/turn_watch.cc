#include "reactor/turn_watch.hh"

#include <algorithm>

namespace millrace::reactor {

namespace {

/// Of items that take longer, each is looked at; a look costs some 35 ns.
constexpr base::duration slow_item = base::microseconds(10);
/// A sample is two system calls.
constexpr base::duration sample_age_max = base::milliseconds(1);

}  // namespace

void turn_watch::begin(base::instant now) noexcept {
  begun_ = looked_ = now;
  since_ = 0;
  stretch_ = 1;
  slowest_ = {};
  slowest_words_ = {};
  if (!effects_.poll_slept() && now - sampled_ < sample_age_max) return;
  sample_ = effects_.used();
  sampled_ = now;
}

void turn_watch::look() noexcept {
  if (since_ == 0) return;
  const base::instant at = effects_.clock();
  const base::duration took = at - looked_;
  if (took > slowest_) {
    slowest_ = took;
    for (size_t i = 0; i < slowest_words_.size(); ++i) slowest_words_[i] = i < since_ ? words_[i] : nullptr;
  }
  const bool slow = took > slow_item * static_cast<int64_t>(since_);
  stretch_ = slow ? 1 : std::min(stretch_max, stretch_ * 2);
  since_ = 0;
  looked_ = at;
}

thread_use turn_watch::used() const noexcept {
  const thread_use now = effects_.used();
  return {.on_cpu = now.on_cpu - sample_.on_cpu, .sleeps = now.sleeps - sample_.sleeps};
}

}  // namespace millrace::reactor
