#include "record/verify.hh"

#include <cstring>

#include "base/crc32c.hh"

namespace millrace::record {
namespace {

using base::errc;

base::failure refuse(check why, int64_t number) {
  return base::fail(errc::invalid_record, static_cast<int32_t>(number), place(why));
}

}  // namespace

base::result<void> verify_shape(const batch_view& batch) {
  if (batch.codec_number() > codec_last) return refuse(check::codec, batch.codec_number());
  const int64_t last_delta = batch.last_offset_delta();
  if (last_delta < 0) return refuse(check::last_offset_delta, last_delta);
  const int64_t base = batch.base_offset().value();
  if (base < 0 || base > INT64_MAX - last_delta - 1) return refuse(check::base_offset, base);
  const int64_t count = batch.record_count();
  if (count < 0 || count > last_delta + 1) return refuse(check::record_count, count);
  return {};
}

base::result<void> verify_produced(const batch_view& batch) {
  const int64_t base = batch.base_offset().value();
  if (base != 0) return refuse(check::base_offset, base);
  TRY_CHECK(verify_shape(batch));
  const int64_t count = batch.record_count();
  if (count == 0 || count != int64_t{batch.last_offset_delta()} + 1) return refuse(check::record_count, count);
  if (batch.is_control()) return refuse(check::control, batch.attributes());
  if (batch.has_producer_id() && batch.base_sequence() < 0) {
    return refuse(check::sequence, batch.base_sequence());
  }
  return {};
}

base::result<void> verify_crc(const batch_view& batch) {
  if (base::crc32c(0, batch.checked()) == batch.crc()) return {};
  return base::fail(errc::corrupt, 0, place(check::crc));
}

base::result<void> copy_verified(const batch_view& batch, uint8_t* target) {
  std::memcpy(target, batch.data().data(), header::checked_at);
  const bytes checked = batch.checked();
  const uint32_t crc = base::crc32c_copy(0, target + header::checked_at, checked.data(), checked.size());
  if (crc == batch.crc()) return {};
  return base::fail(errc::corrupt, 0, place(check::crc));
}

void seal(mutable_bytes batch) {
  ASSERT(batch.size() >= header::size);
  base::store_big(batch.data() + header::crc_at, base::crc32c(0, batch.subspan(header::checked_at)));
}

}  // namespace millrace::record
