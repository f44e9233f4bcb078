#include "broker/group/session_queue.hh"

namespace millrace::broker {

void session_queue::arm(session& s, base::instant expires) {
  s.expires_ = expires;
  if (s.queued_ && s.queued_->first <= expires) return;
  drop(s);
  insert(s);
}

void session_queue::drop(session& s) noexcept {
  if (!s.queued_) return;
  queue_.erase(*s.queued_);
  s.queued_.reset();
}

void session_queue::clear() noexcept {
  for (auto& [at, s] : queue_) s->queued_.reset();
  queue_.clear();
}

session* session_queue::due(base::instant now) {
  while (!queue_.empty() && queue_.begin()->first.first <= now) {
    session& s = *queue_.begin()->second;
    drop(s);
    if (s.expires_ <= now) return &s;
    if (s.expires_ != base::instant::never()) insert(s);
  }
  return nullptr;
}

void session_queue::insert(session& s) {
  s.queued_.emplace(s.expires_, ++last_number_);
  queue_.emplace(*s.queued_, &s);
}

}  // namespace millrace::broker
