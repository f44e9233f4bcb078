#include "storage/offset_index.hh"

#include <algorithm>

namespace millrace::storage {

namespace {
constexpr size_t entry_bytes = 8;
}

void offset_index::add(base::offset last, uint32_t position) {
  ASSERT(last >= base_ && last - base_ <= INT32_MAX && position <= INT32_MAX);
  ASSERT(entries_.empty() || (entries_.back().last < last && entries_.back().position < position));
  entries_.push_back({last, position});
}

uint32_t offset_index::position_before(base::offset target) const {
  // An entry's batch ends with its offset: where that is not behind the target, the wanted batch is this one or later.
  const auto behind =
      std::upper_bound(entries_.begin(), entries_.end(), target, [](base::offset t, const entry& e) { return t < e.last; });
  return behind == entries_.begin() ? 0 : std::prev(behind)->position;
}

uint32_t offset_index::batch_start_before(uint32_t position) const {
  const auto behind = std::upper_bound(entries_.begin(), entries_.end(), position,
                                       [](uint32_t p, const entry& e) { return p < e.position; });
  return behind == entries_.begin() ? 0 : std::prev(behind)->position;
}

std::vector<uint8_t> offset_index::encode() const {
  std::vector<uint8_t> file(entries_.size() * entry_bytes);
  uint8_t* at = file.data();
  for (const entry& e : entries_) {
    base::store_big<int32_t>(at, static_cast<int32_t>(e.last - base_));
    base::store_big<int32_t>(at + 4, static_cast<int32_t>(e.position));
    at += entry_bytes;
  }
  return file;
}

base::result<void> offset_index::decode(base::bytes file, uint64_t size, base::offset limit) {
  if (file.size() % entry_bytes != 0) return base::fail(base::errc::corrupt, static_cast<int32_t>(file.size()));
  std::vector<entry> read;
  read.reserve(file.size() / entry_bytes);
  for (size_t at = 0; at < file.size(); at += entry_bytes) {
    const auto relative = base::load_big<int32_t>(file.data() + at);
    const auto position = base::load_big<int32_t>(file.data() + at + 4);
    const entry e{base_ + relative, static_cast<uint32_t>(position)};
    const bool plausible = relative >= 0 && position >= 0 && e.position < size && e.last < limit;
    const bool ascends = read.empty() || (read.back().last < e.last && read.back().position < e.position);
    if (!plausible || !ascends) return base::fail(base::errc::corrupt, static_cast<int32_t>(at / entry_bytes));
    read.push_back(e);
  }
  entries_ = std::move(read);
  return {};
}

void offset_index::prepend(const offset_index& earlier) {
  ASSERT(earlier.base_ == base_);
  ASSERT(earlier.entries_.empty() || entries_.empty() || earlier.entries_.back().last < entries_.front().last);
  entries_.insert(entries_.begin(), earlier.entries_.begin(), earlier.entries_.end());
}

}  // namespace millrace::storage
