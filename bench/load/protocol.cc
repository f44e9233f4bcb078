#include "load/protocol.hh"

#include "base/crc32c.hh"
#include "base/varint.hh"
#include "common/die.hh"
#include "common/machine.hh"

namespace millrace::bench {
namespace {

constexpr std::string_view client_id = "raw_load";

/// Request header version 1 with room for the length.
writer begin_request(int16_t api, int16_t version) {
  writer w;
  w.put(int32_t{0}).put(api).put(version).put(int32_t{0}).text(client_id);
  return w;
}

}  // namespace

uint8_t* writer::grow(size_t size) {
  out_.resize(out_.size() + size);
  return out_.data() + out_.size() - size;
}

base::bytes reader::take(size_t size) {
  if (left_.size() < size) die("a response ends too early");
  const base::bytes part = left_.first(size);
  left_ = left_.subspan(size);
  return part;
}

std::string reader::text() {
  const auto size = get<int16_t>();
  return size < 0 ? std::string() : std::string(base::as_text(take(static_cast<size_t>(size))));
}

void reader::skip_int32_array() {
  for (auto count = get<int32_t>(); count > 0; --count) get<int32_t>();
}

std::vector<uint8_t> make_batch(uint32_t messages, uint32_t message_bytes, base::unix_ms timestamp) {
  std::vector<uint8_t> value(message_bytes);
  const auto last = static_cast<int32_t>(messages - 1);
  writer w;
  // Base offset, length (set below), leader epoch, magic, CRC (set below).
  w.put(int64_t{0}).put(int32_t{0}).put(int32_t{-1}).put(int8_t{2}).put(uint32_t{0});
  const size_t crc_end = w.size();
  w.put(int16_t{0}).put(last).put(timestamp).put(timestamp);
  w.put(int64_t{-1}).put(int16_t{-1}).put(int32_t{-1}).put(static_cast<int32_t>(messages));
  for (uint32_t i = 0; i < messages; ++i) {
    fill_random(value.data(), value.size(), i + 1);
    uint8_t head[4 * base::varint64_bytes_max];
    uint8_t* at = head;
    *at++ = 0;                                                // attributes
    *at++ = 0;                                                // timestamp delta
    at = base::encode_zigzag32(at, static_cast<int32_t>(i));  // offset delta
    at = base::encode_zigzag32(at, -1);                       // no key
    at = base::encode_zigzag32(at, static_cast<int32_t>(message_bytes));
    const auto head_size = static_cast<size_t>(at - head);
    uint8_t length[base::varint64_bytes_max];
    const auto record_size = static_cast<int32_t>(head_size + message_bytes + 1);
    const uint8_t* length_end = base::encode_zigzag32(length, record_size);
    w.raw({length, length_end}).raw({head, head_size}).raw(value).put(int8_t{0});  // no headers
  }
  std::vector<uint8_t> batch = std::move(w).bytes();
  base::store_big(batch.data() + 8, static_cast<int32_t>(batch.size() - 12));
  base::store_big(batch.data() + crc_end - 4, base::crc32c(0, base::bytes(batch).subspan(crc_end)));
  return batch;
}

produce_prefix make_produce_prefix(std::string_view topic, int16_t acks, size_t batch_bytes) {
  writer w = begin_request(0, 7);
  w.put(int16_t{-1}).put(acks).put(int32_t{30000});
  w.put(int32_t{1}).text(topic).put(int32_t{1});
  const size_t partition_at = w.size();
  w.put(int32_t{0}).put(static_cast<int32_t>(batch_bytes));
  return {std::move(w).frame(batch_bytes), partition_at};
}

fetch_request make_fetch_request(std::string_view topic, int32_t max_bytes) {
  writer w = begin_request(1, 11);
  w.put(int32_t{-1}).put(int32_t{500}).put(int32_t{1}).put(max_bytes).put(int8_t{0});
  w.put(int32_t{0}).put(int32_t{-1});  // no session
  w.put(int32_t{1}).text(topic).put(int32_t{1});
  const size_t partition_at = w.size();
  w.put(int32_t{0}).put(int32_t{-1});
  const size_t offset_at = w.size();
  w.put(int64_t{0}).put(int64_t{-1}).put(max_bytes);
  w.put(int32_t{0}).text("");
  return {std::move(w).frame(), partition_at, offset_at};
}

}  // namespace millrace::bench
