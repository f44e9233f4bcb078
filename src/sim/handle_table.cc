#include "sim/handle_table.hh"

#include <algorithm>

#include "base/assert.hh"

namespace millrace::sim {

int handle_table::add(open_handle what) {
  what.used = true;
  size_t place = 0;
  while (place < handles_.size() && handles_[place].used) ++place;
  if (place == handles_.size()) handles_.emplace_back();
  handles_[place] = std::move(what);
  return first + static_cast<int>(place);
}

open_handle* handle_table::find(int handle) {
  if (handle < first || static_cast<size_t>(handle - first) >= handles_.size()) return nullptr;
  open_handle& found = handles_[static_cast<size_t>(handle - first)];
  return found.used ? &found : nullptr;
}

void handle_table::remove(int handle) {
  open_handle* found = find(handle);
  ASSERT(found != nullptr);
  *found = {};
}

size_t handle_table::count() const noexcept {
  return static_cast<size_t>(std::count_if(handles_.begin(), handles_.end(), [](const open_handle& h) { return h.used; }));
}

}  // namespace millrace::sim
