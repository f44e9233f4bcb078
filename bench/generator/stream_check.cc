#include "generator/stream_check.hh"

namespace millrace::generator {

void stream_check::take(uint64_t sequence, verified& count) {
  if (!started_) {
    started_ = true;
    next_ = sequence;
  }
  if (sequence == next_) {
    ++next_;
    ++seen_;
    return;
  }
  if (sequence > next_) {
    gaps_[next_] = sequence;
    next_ = sequence + 1;
    ++seen_;
    return;
  }
  auto gap = gaps_.upper_bound(sequence);
  if (gap == gaps_.begin() || sequence >= std::prev(gap)->second) {
    ++count.duplicates;
    return;
  }
  --gap;
  const auto [first, behind] = *gap;
  gaps_.erase(gap);
  if (first < sequence) gaps_[first] = sequence;
  if (sequence + 1 < behind) gaps_[sequence + 1] = behind;
  ++seen_;
  ++count.out_of_order;
}

uint64_t stream_check::gaps() const {
  uint64_t sum = 0;
  for (const auto& [first, behind] : gaps_) sum += behind - first;
  return sum;
}

bool partition_check::take(int64_t offset, const std::optional<base::bytes>& key, base::bytes value,
                           payload_header& header) {
  if (!payload_header::load(value, payload_place(expected_.partition, key), header)) {
    ++count_.corrupt;
    return false;
  }
  const bool ours = header.run == expected_.run;
  if (!ours && offset >= expected_.foreign_until) {
    ++count_.corrupt;
    return false;
  }
  const stream_key who{header.run, header.producer};
  if (last_ == streams_.end() || last_->first != who) {
    last_ = streams_.try_emplace(who, ours ? expected_.from_zero : expected_.others_from_zero).first;
  }
  last_->second.take(header.sequence, count_);
  ++count_.records;
  return ours;
}

verified partition_check::finish(const std::vector<uint64_t>& acknowledged, uint32_t first) {
  verified all = count_;
  std::vector<uint64_t> seen(acknowledged.size(), 0);
  for (const auto& [key, stream] : streams_) {
    const auto [run, producer] = key;
    if (run == expected_.run && producer >= first && producer - first < acknowledged.size()) {
      seen[producer - first] = stream.seen();
    } else {
      all.missing += stream.gaps();
    }
  }
  for (size_t i = 0; i < acknowledged.size(); ++i) {
    if (acknowledged[i] > seen[i]) all.missing += acknowledged[i] - seen[i];
  }
  return all;
}

}  // namespace millrace::generator
