#include <algorithm>

#include "fuzz.hh"
#include "record/batch_rebuild.hh"
#include "record/batch_walk.hh"
#include "record/compression.hh"
#include "record/corrections.hh"
#include "record/record_iterator.hh"
#include "record/verify.hh"

/// Record batches and codecs. The first byte says how the rest is taken: as batches (with a CRC made right or left as it
/// is), as the compressed form of a codec, or as plain bytes to compress.

namespace millrace::fuzz {

namespace {

constexpr uint64_t unpacked_max = 4 << 20;
constexpr uint8_t codecs = 5;

/// Length and CRC made right, so that what they guard is reached.
void make_whole(std::vector<uint8_t>& data) {
  namespace header = record::header;
  if (data.size() < header::size) return;
  data[header::magic_at] = header::magic;
  base::store_big<int32_t>(data.data() + header::batch_length_at, static_cast<int32_t>(data.size() - header::frame_size));
  record::seal(data);
}

/// The bytes of the records, whatever they are packed in.
std::vector<uint8_t> opened(const record::batch_view& batch) {
  std::vector<uint8_t> out;
  const uint64_t bytes_max = batch.is_compressed() ? unpacked_max : batch.size();
  ASSERT(record::decompress(batch.codec(), batch.records(), bytes_max, out).ok());
  return out;
}

/// The header without what another codec changes: length, codec and CRC.
std::vector<uint8_t> kept_header(const record::batch_view& batch) {
  namespace header = record::header;
  std::vector<uint8_t> kept = copy_of(batch.data().first(header::size));
  base::store_big<int32_t>(kept.data() + header::batch_length_at, 0);
  base::store_big<uint32_t>(kept.data() + header::crc_at, 0);
  base::store_big(kept.data() + header::attributes_at, static_cast<int16_t>(batch.attributes() & ~header::codec_mask));
  return kept;
}

/// What comes out of another codec has the same header and the same records, byte for byte.
void check_rebuild(const record::batch_view& batch) {
  const std::vector<uint8_t> records = opened(batch);
  for (uint8_t to = 0; to < codecs; ++to) {
    std::vector<uint8_t> rebuilt;
    const record::batch_rebuild::options how{.codec = static_cast<record::codec>(to),
                                             .decompressed_bytes_max = unpacked_max};
    if (!record::rebuild(batch, how, rebuilt)) continue;
    const auto again = record::batch_view::frame(rebuilt);
    ASSERT(again.ok() && again->size() == rebuilt.size() && again->codec() == how.codec);
    ASSERT(record::verify_crc(*again).ok());
    ASSERT(kept_header(*again) == kept_header(batch) && opened(*again) == records);
  }
}

void take_batch(const record::batch_view& batch) {
  (void)batch.next_offset();
  (void)batch.last_sequence();
  (void)record::verify_produced(batch);
  const bool shaped = record::verify_shape(batch).ok();
  const bool intact = record::verify_crc(batch).ok();
  record::decompressor unpack;
  const auto produced = record::walk_batch(batch, record::walk_rules::produced(batch), unpack, unpacked_max);
  const auto stored = record::walk_batch(batch, record::walk_rules::stored(batch), unpack, unpacked_max);
  (void)record::find_by_timestamp(batch, 1'700'000'000'000, unpack, unpacked_max);
  (void)record::find_max_timestamp(batch, unpack, unpacked_max);
  if (!batch.is_compressed()) {
    record::record_iterator records(batch.records(), batch.record_count());
    record::record_view seen;
    while (true) {
      const auto more = records.next(seen);
      if (!more || !*more) break;
    }
  }
  if (shaped && intact && stored) check_rebuild(batch);
  if (produced) {
    std::vector<uint8_t> copy = copy_of(batch.data());
    record::correct_create_time(copy, *produced);
    ASSERT(record::verify_crc(*record::batch_view::frame(copy)).ok() == intact);
    record::set_log_append_time(copy, 1'700'000'000'000);
    ASSERT(record::verify_crc(*record::batch_view::frame(copy)).ok() == intact);
  }
}

void take_batches(const std::vector<uint8_t>& data) {
  record::batch_iterator batches(data);
  while (!batches.done()) {
    const auto batch = batches.next();
    if (!batch) return;
    take_batch(*batch);
  }
  ASSERT(batches.position() == data.size());
}

void open_compressed(record::codec which, base::bytes data) {
  const std::vector<uint8_t> input = copy_of(data);
  std::vector<uint8_t> out;
  (void)record::decompress(which, input, unpacked_max, out);
  ASSERT(out.size() <= unpacked_max);
}

void compress_and_open(record::codec which, base::bytes data) {
  const std::vector<uint8_t> input = copy_of(data);
  std::vector<uint8_t> packed;
  ASSERT(record::compress(which, input, packed).ok());
  std::vector<uint8_t> out;
  ASSERT(record::decompress(which, packed, input.size(), out).ok());
  ASSERT(out == input);
}

}  // namespace

void record_batch(base::bytes input) {
  source from(input);
  const uint8_t how = from.byte();
  const auto which = static_cast<record::codec>((how >> 2) % codecs);
  switch (how & 3) {
    case 0: {
      std::vector<uint8_t> data = copy_of(from.rest());
      make_whole(data);
      return take_batches(data);
    }
    case 1:
      return take_batches(copy_of(from.rest()));
    case 2:
      return open_compressed(which, from.rest());
    default:
      return compress_and_open(which, from.rest());
  }
}

}  // namespace millrace::fuzz
