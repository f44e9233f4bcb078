#include "record/batch_header.hh"
#include "storage/log.hh"

/// Where the bytes of a read are. Plain functions: they look at indexes and memory, and never wait.

namespace millrace::storage {

namespace header = record::header;

namespace {

/// The front of a batch header in the tail, which may lie across two pieces.
class tail_header {
 public:
  tail_header(const tail_memory& tail, base::offset segment, uint64_t position) {
    const tail_piece* piece = tail.find(segment, position);
    ASSERT(piece != nullptr);
    if (position + sizeof copy_ <= piece->limit()) {
      at_ = piece->memory.data() + (position - piece->begin);
    } else {
      tail.copy(segment, position, position + sizeof copy_, copy_);
      at_ = copy_;
    }
  }
  record::header_view view() const { return record::header_view(at_); }

 private:
  uint8_t copy_[header::base_timestamp_at];  // through the last offset delta
  const uint8_t* at_;
};

}  // namespace

base::result<read_plan> log::plan_read(base::offset wanted, uint32_t bytes_max, bool one_at_least) const {
  if (wanted < log_start_ || wanted > acknowledged_.next) return base::fail(base::errc::out_of_range);
  read_plan plan{.wanted = wanted, .limit = acknowledged_.next, .bytes_max = bytes_max, .one_at_least = one_at_least};
  if (wanted == acknowledged_.next) return plan;
  if (damaged(wanted)) return base::fail(base::errc::storage);
  const segment* s = segment_of(wanted);
  plan.segment = s->base();
  if (s->base() == acknowledged_.segment) {
    plan.end = acknowledged_.position;
  } else {
    plan.end = s->size;
  }
  return plan;
}

uint64_t log::walk_to(const segment& s, uint64_t from, base::offset wanted, uint64_t stop) const {
  while (from < stop) {
    const tail_header front(tail_, s.base(), from);
    if (front.view().next_offset() > wanted) break;
    from += front.view().size();
  }
  return from;
}

uint64_t log::cut_to_batches(const segment& s, uint64_t begin, uint64_t stop, uint32_t bytes_max, bool one) const {
  if (stop - begin <= bytes_max) return stop;
  const uint64_t limit = begin + bytes_max;
  // The index knows a batch start near the limit; from there the walk is short.
  uint64_t at = std::max<uint64_t>(begin, s.offsets.batch_start_before(static_cast<uint32_t>(limit)));
  while (at < stop) {
    const tail_header front(tail_, s.base(), at);
    const uint64_t next = at + front.view().size();
    if (next > limit) break;
    at = next;
  }
  if (at == begin && one) at = begin + tail_header(tail_, s.base(), begin).view().size();
  return at;
}

std::optional<log::range> log::locate(const read_plan& plan) const {
  const segment* s = find_segment(plan.segment);
  if (s == nullptr) return std::nullopt;
  const tail_piece* first = tail_.first_with_batch(s->base());
  if (first == nullptr || first->first_offset > plan.wanted) return std::nullopt;
  uint64_t begin = first->begin + first->first_batch;
  begin = std::max<uint64_t>(begin, s->offsets.position_before(plan.wanted));
  begin = walk_to(*s, begin, plan.wanted, plan.end);
  if (begin >= plan.end) return range{plan.end, plan.end};
  return range{begin, cut_to_batches(*s, begin, plan.end, plan.bytes_max, plan.one_at_least)};
}

base::offset log::base_offset_at(const segment& s, uint64_t position) const {
  return tail_header(tail_, s.base(), position).view().base_offset();
}

uint64_t log::bytes_available(base::offset wanted, uint64_t bytes_max) const {
  const auto plan = plan_read(wanted, static_cast<uint32_t>(std::min<uint64_t>(bytes_max, INT32_MAX)), true);
  if (!plan) return reason_enough;
  if (plan->empty()) return 0;
  // Kafka: an offset in an older segment is reason enough to answer.
  if (plan->segment != acknowledged_.segment) return reason_enough;
  const auto found = locate(*plan);
  if (!found) return reason_enough;
  return std::min(bytes_max, plan->end - found->begin);
}

}  // namespace millrace::storage
