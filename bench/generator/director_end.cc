#include <fmt/format.h>

#include <algorithm>

#include "generator/clock.hh"
#include "generator/director.hh"
#include "millrace/admin.hh"

/// After the window: what readers still have to read, and the sum of it all.

namespace millrace::generator {

using base::instant;

bool director::reads(size_t partition) const {
  return s_.assign.empty() || std::ranges::find(s_.assign, static_cast<int32_t>(partition)) != s_.assign.end();
}

/// Records below `ends` that have not been read, of all groups.
uint64_t director::unread(const std::vector<int64_t>& ends) {
  uint64_t sum = 0;
  for (auto& group : run_.checks) {
    for (size_t p = 0; p < group.size(); ++p) {
      if (!reads(p)) continue;
      const std::lock_guard hold(group[p]->lock());
      sum += static_cast<uint64_t>(std::max<int64_t>(0, ends[p] - group[p]->next()));
    }
  }
  return sum;
}

int64_t director::read_so_far() {
  int64_t sum = 0;
  for (auto& group : run_.checks) {
    for (auto& check : group) {
      const std::lock_guard hold(check->lock());
      sum += check->next();
    }
  }
  return sum;
}

/// False: it failed while it waited.
bool director::finish_reading(outcome& out) {
  if (!s_.consumes()) return true;
  if (s_.produces()) return wait_for_readers(out);
  look_at_what_is_left(out);
  return true;
}

/// Readers go on until they have everything, or get nothing for too long: then what they lack is missing.
bool director::wait_for_readers(outcome& out) {
  std::vector<int64_t> ends;
  int64_t before = -1;
  instant progress = now();
  while (now() - progress < seconds_of(s_.drain_seconds)) {
    // What was not answered by all that hold it may not be there yet.
    const std::vector<int64_t> known = ends;
    std::string why;
    if (!list_offsets(ends, client::latest, why)) {
      out.trouble = why;
      return true;
    }
    const bool steady = s_.acks == -1 || known == ends;
    for (int i = 0; i < 50; ++i) {
      if (unread(ends) == 0 && steady) return true;
      if (run_.failed()) return false;
      (void)stop_.came();  // nothing is left to cut short, but the next one ends the process
      nap(glance);
    }
    const int64_t read = read_so_far();
    if (read != before || !steady) progress = now();
    before = read;
  }
  return true;
}

/// Of a run that only read. A broker that has gone, or readers that got nowhere, are no result.
void director::look_at_what_is_left(outcome& out) {
  out.unread = s_.from_begin && !s_.shares_groups() ? unread(ends_) : 0;
  std::vector<int64_t> ends;
  std::string why;
  if (!list_offsets(ends, client::latest, why)) {
    out.trouble = why;
  } else if (unread(ends) > 0 && !trouble_.empty()) {
    out.trouble = trouble_;
  }
}

void director::sum_up(outcome& out) {
  out.sum = program_->sum();
  for (auto& group : run_.checks) {
    for (size_t p = 0; p < group.size(); ++p) {
      if (reads(p)) out.checked.add(group[p]->finish(program_->acknowledged(p), s_.first_producer));
    }
  }
  out.noted = run_.noted();
  if (s_.server_pid == 0) return;
  out.server_cpu_seconds = std::max(0.0, server_at_end_.cpu_seconds() - server_at_begin_.cpu_seconds());
}

}  // namespace millrace::generator
