#include <utility>

#include "storage/log_manager.hh"
#include "storage/reader.hh"

/// Which reads may be answered as a range of a file, and what opens it.

namespace millrace::storage {

/// Only a closed segment's bytes stay where they are.
bool reader::may_splice(const read_plan& plan, const segment& s) const noexcept {
  return plan.file_range_will_do && manager_.options().splice_reads && s.state == segment_state::closed && !s.replaced;
}

/// Whether who reads on from `next` is going to be answered from the file: nothing is read ahead for that.
bool reader::range_follows(log_id id, const read_plan& plan, base::offset next) {
  const log* l = manager_.find(id);
  const segment* s = l == nullptr ? nullptr : l->find_segment(plan.segment);
  return s != nullptr && may_splice(plan, *s) && s->verified.find(next, plan.bytes_max);
}

/// The answer that a range of a segment's file is. The file is open for splicing.
read_result reader::range_of(segment& s, const verified_ranges::range& good) {
  s.last_read = core_.now();
  read_result out;
  out.bytes = good.end - good.begin;
  slice in_file;
  in_file.size = static_cast<uint32_t>(out.bytes);
  in_file.file = file_range(s, good.begin);
  out.slices.push_back(std::move(in_file));
  return out;
}

/// Opens a segment's file through the page cache.
reactor::task<base::result<void>> reader::ready_splice(log_id id, base::offset segment_base) {
  log* l = manager_.find(id);
  segment* s = l == nullptr || l->removed_ ? nullptr : l->find_segment(segment_base);
  if (s == nullptr || s->replaced || manager_.stopping()) co_return base::fail(base::errc::closed);
  ++l->users_;
  ++s->readers;
  const auto opened = co_await s->open_for_splice();
  manager_.bound_open_files();
  --s->readers;
  --l->users_;
  co_return opened;
}

}  // namespace millrace::storage
