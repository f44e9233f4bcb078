#include "storage/index_cache.hh"

#include "storage/segment.hh"

namespace millrace::storage {

void index_cache::used(segment& s) {
  if (s.state != segment_state::closed || !s.indexes_complete) return;
  forget(s);
  s.cached_in = this;
  s.cached_bytes = s.index_memory();
  bytes_ += s.cached_bytes;
  ages_.push_back(s);
  if (bytes_ > bytes_max_) drop_oldest();
}

void index_cache::forget(segment& s) {
  if (s.cached_in == nullptr) return;
  bytes_ -= s.cached_bytes;
  s.cached_in = nullptr;
  static_cast<base::list_hook<index_age_tag>&>(s).unlink();
}

/// The last one was just used, and stays whatever its size.
void index_cache::drop_oldest() {
  for (auto at = ages_.begin(); bytes_ > bytes_max_ && at != ages_.end();) {
    segment& s = *at;
    ++at;
    if (at == ages_.end() || s.readers > 0) continue;
    forget(s);
    s.drop_indexes();
  }
}

}  // namespace millrace::storage
