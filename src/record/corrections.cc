#include "record/corrections.hh"

#include <cstring>

#include "base/assert.hh"
#include "base/crc32c.hh"

namespace millrace::record {
namespace {

/// From the attributes to the end of the max timestamp.
constexpr size_t changed_size = header::producer_id_at - header::attributes_at;

/// Writes the two fields and the CRC that follows from them. True where they were different.
bool change(mutable_bytes batch, int16_t attributes, unix_ms max_timestamp) {
  ASSERT(batch.size() >= header::size);
  uint8_t* const fields = batch.data() + header::attributes_at;
  uint8_t before[changed_size];
  std::memcpy(before, fields, changed_size);
  base::store_big(batch.data() + header::attributes_at, attributes);
  base::store_big(batch.data() + header::max_timestamp_at, max_timestamp);
  if (std::memcmp(before, fields, changed_size) == 0) return false;
  const uint32_t crc = base::crc32c_replace(header_view(batch.data()).crc(), before, fields, changed_size,
                                            batch.size() - header::producer_id_at);
  base::store_big(batch.data() + header::crc_at, crc);
  return true;
}

int16_t without(int16_t attributes, int bits) { return static_cast<int16_t>(attributes & ~bits); }

}  // namespace

bool correct_create_time(mutable_bytes batch, const walk_summary& walked) {
  const int16_t attributes = header_view(batch.data()).attributes();
  return change(batch, without(attributes, header::log_append_time_bit | header::delete_horizon_bit), walked.max_timestamp);
}

bool correct_attributes(mutable_bytes batch) {
  const header_view view(batch.data());
  return change(batch, without(view.attributes(), header::log_append_time_bit | header::delete_horizon_bit),
                view.max_timestamp());
}

void set_log_append_time(mutable_bytes batch, unix_ms now) {
  const int16_t kept = without(header_view(batch.data()).attributes(), header::delete_horizon_bit);
  change(batch, static_cast<int16_t>(kept | header::log_append_time_bit), now);
}

}  // namespace millrace::record
