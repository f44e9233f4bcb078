#include "storage/verified_ranges.hh"

#include <algorithm>

namespace millrace::storage {

namespace {
constexpr uint64_t mark_bytes = 64 << 10;
/// Runs grow together as they are read. More than this come from reads all over a segment: the new one is not remembered.
constexpr size_t runs_max = 256;
/// Nor where a read began, in a segment of which so many places are remembered.
constexpr size_t marks_max = 32 << 10;
}  // namespace

void verified_ranges::put_mark(run& r, mark m) {
  const auto at = std::lower_bound(r.marks.begin(), r.marks.end(), m.position,
                                   [](const mark& have, uint64_t position) { return have.position < position; });
  if (at != r.marks.end() && at->position == m.position) return;
  r.marks.insert(at, m);
  ++marks_;
}

void verified_ranges::note(bool read_begins, base::offset first, uint64_t position, uint64_t end) {
  // The first run that ends at `position` or behind it.
  const auto at =
      std::lower_bound(runs_.begin(), runs_.end(), position, [](const run& r, uint64_t from) { return r.end < from; });
  if (at == runs_.end() || at->marks.front().position > position) {
    if (runs_.size() == runs_max) return;
    runs_.insert(at, {.marks = {{first, position}}, .end = end});
    ++marks_;
    return;
  }
  if ((read_begins && marks_ < marks_max) || (position == at->end && position - at->marks.back().position >= mark_bytes)) {
    put_mark(*at, {first, position});
  }
  if (position < at->end) return;
  at->end = end;
  const auto behind = std::next(at);
  if (behind == runs_.end() || behind->marks.front().position != end) return;
  at->marks.insert(at->marks.end(), behind->marks.begin(), behind->marks.end());
  at->end = behind->end;
  runs_.erase(behind);
}

std::optional<verified_ranges::range> verified_ranges::find(base::offset wanted, uint64_t bytes_max) const {
  for (const run& r : runs_) {
    const auto from =
        std::lower_bound(r.marks.begin(), r.marks.end(), wanted, [](const mark& m, base::offset o) { return m.first < o; });
    if (from == r.marks.end() || from->first != wanted) continue;
    const uint64_t begin = from->position;
    if (r.end - begin <= bytes_max) return range{begin, r.end};
    const auto behind = std::upper_bound(from, r.marks.end(), begin + bytes_max,
                                         [](uint64_t limit, const mark& m) { return limit < m.position; });
    const uint64_t end = std::prev(behind)->position;
    if (end == begin) return std::nullopt;
    return range{begin, end};
  }
  return std::nullopt;
}

uint64_t verified_ranges::better_end(uint64_t begin, uint64_t end) const {
  for (const run& r : runs_) {
    if (end <= r.marks.front().position || end >= r.end) continue;
    const auto behind = std::upper_bound(r.marks.begin(), r.marks.end(), end,
                                         [](uint64_t limit, const mark& m) { return limit < m.position; });
    const uint64_t position = std::prev(behind)->position;
    return position > begin ? position : end;
  }
  return end;
}

}  // namespace millrace::storage
