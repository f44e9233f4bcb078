#include "storage/time_index.hh"

#include <algorithm>

namespace millrace::storage {

namespace {
constexpr size_t entry_bytes = 12;
}

void time_index::note(base::unix_ms max_timestamp, base::offset last) {
  if (max_timestamp > largest_.timestamp) largest_ = {max_timestamp, last};
}

void time_index::add_entry() {
  const base::unix_ms newest = entries_.empty() ? -1 : entries_.back().timestamp;
  if (largest_.timestamp > newest) entries_.push_back(largest_);
}

base::offset time_index::scan_from(base::unix_ms target) const {
  // An entry says: up to its offset no record is newer than its timestamp. What comes behind the last entry older
  // than the target may hold it, and nothing before does.
  const auto not_older = std::lower_bound(entries_.begin(), entries_.end(), target,
                                          [](const entry& e, base::unix_ms t) { return e.timestamp < t; });
  return not_older == entries_.begin() ? base_ : std::prev(not_older)->last;
}

std::vector<uint8_t> time_index::encode() const {
  time_index whole = *this;
  whole.add_entry();
  std::vector<uint8_t> file(whole.entries_.size() * entry_bytes);
  uint8_t* at = file.data();
  for (const entry& e : whole.entries_) {
    base::store_big<int64_t>(at, e.timestamp);
    base::store_big<int32_t>(at + 8, static_cast<int32_t>(e.last - base_));
    at += entry_bytes;
  }
  return file;
}

base::result<void> time_index::decode(base::bytes file, base::offset limit) {
  if (file.size() % entry_bytes != 0) return base::fail(base::errc::corrupt, static_cast<int32_t>(file.size()));
  std::vector<entry> read;
  read.reserve(file.size() / entry_bytes);
  for (size_t at = 0; at < file.size(); at += entry_bytes) {
    const auto timestamp = base::load_big<int64_t>(file.data() + at);
    const auto relative = base::load_big<int32_t>(file.data() + at + 8);
    const entry e{timestamp, base_ + relative};
    const bool plausible = timestamp >= 0 && relative >= 0 && e.last < limit;
    const bool ascends = read.empty() || (read.back().timestamp < timestamp && read.back().last < e.last);
    if (!plausible || !ascends) return base::fail(base::errc::corrupt, static_cast<int32_t>(at / entry_bytes));
    read.push_back(e);
  }
  entries_ = std::move(read);
  largest_ = entries_.empty() ? entry{-1, base_} : entries_.back();
  return {};
}

void time_index::clear() {
  entries_.clear();
  largest_ = {-1, base_};
}

void time_index::prepend(const time_index& earlier) {
  ASSERT(earlier.base_ == base_);
  // Entries here were made without knowledge of the earlier part: only those that exceed it are true.
  const auto newer = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const entry& e) { return e.timestamp > earlier.largest_.timestamp; });
  std::vector<entry> whole = earlier.entries_;
  whole.insert(whole.end(), newer, entries_.end());
  entries_ = std::move(whole);
  if (earlier.largest_.timestamp >= largest_.timestamp) largest_ = earlier.largest_;
}

}  // namespace millrace::storage
