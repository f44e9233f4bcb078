#include "record/batch_rebuild.hh"

#include <algorithm>

#include "base/limits.hh"
#include "record/check.hh"
#include "record/verify.hh"

namespace millrace::record {
namespace {

using base::errc;

/// Packed at a time: a step may end behind each, and the slowest level of a codec takes milliseconds for it.
constexpr size_t piece_bytes = 16 * 1024;

}  // namespace

batch_rebuild::batch_rebuild(const batch_view& batch, const options& how, decompressor& unpack, compressor& pack,
                             std::vector<uint8_t>& target)
    : batch_(batch), how_(how), unpack_(unpack), pack_(pack), target_(target), begin_(target.size()) {}

base::result<bool> batch_rebuild::step(size_t budget) {
  if (!begun_) {
    const auto ready = begin();
    if (!ready) return undo(ready.failure());
    begun_ = true;
  }
  for (size_t used = 0; used < budget && !(rest_.empty() && unpack_.done()); used += piece_bytes) {
    if (rest_.empty()) {
      const auto unpacked = unpack_.next();
      if (!unpacked) return undo(unpacked.failure());
      rest_ = *unpacked;
    }
    const bytes piece = rest_.first(std::min(rest_.size(), piece_bytes));
    rest_ = rest_.subspan(piece.size());
    const auto packed = pack_.write(piece);
    if (!packed) return undo(packed.failure());
    const auto bounded = within_bounds();
    if (!bounded) return undo(bounded.failure());
  }
  if (!rest_.empty() || !unpack_.done()) return false;
  const auto completed = complete();
  if (!completed) return undo(completed.failure());
  return true;
}

base::result<void> batch_rebuild::begin() {
  if (batch_.codec_number() > codec_last) {
    return base::fail(errc::invalid_record, batch_.codec_number(), place(check::codec));
  }
  const uint64_t bytes_max = batch_.is_compressed() ? how_.decompressed_bytes_max : UINT64_MAX;
  TRY_CHECK(unpack_.begin(batch_.codec(), batch_.records(), bytes_max));
  const bytes old_header = batch_.data().first(header::size);
  target_.insert(target_.end(), old_header.begin(), old_header.end());
  return pack_.begin(how_.codec, how_.level, target_);
}

base::result<void> batch_rebuild::complete() {
  TRY_CHECK(pack_.finish());
  TRY_CHECK(within_bounds());
  const mutable_bytes batch = mutable_bytes(target_).subspan(begin_);
  base::store_big(batch.data() + header::batch_length_at, static_cast<int32_t>(batch.size() - header::frame_size));
  const int kept = batch_.attributes() & ~header::codec_mask;
  base::store_big(batch.data() + header::attributes_at, static_cast<int16_t>(kept | static_cast<int>(how_.codec)));
  seal(batch);
  return {};
}

base::result<void> batch_rebuild::within_bounds() const {
  const uint64_t bytes_max = std::min(how_.bytes_max, base::batch_bytes_format_max);
  if (target_.size() - begin_ > bytes_max) return base::fail(errc::too_large, 0, place(check::length));
  return {};
}

base::failure batch_rebuild::undo(base::failure why) {
  target_.resize(begin_);
  return why;
}

base::result<void> rebuild(const batch_view& batch, const batch_rebuild::options& how, decompressor& unpack,
                           compressor& pack, std::vector<uint8_t>& target) {
  batch_rebuild work(batch, how, unpack, pack, target);
  TRY_CHECK(work.step(SIZE_MAX));
  return {};
}

base::result<void> rebuild(const batch_view& batch, const batch_rebuild::options& how, std::vector<uint8_t>& target) {
  decompressor unpack;
  compressor pack;
  return rebuild(batch, how, unpack, pack, target);
}

}  // namespace millrace::record
