#include "broker/partition/producer_snapshot.hh"

#include <algorithm>

#include "storage/packing.hh"

namespace millrace::broker {

namespace {

constexpr size_t producer_bytes = 19;  // without its batches
constexpr size_t batch_bytes = 32;

void pack(storage::packer& to, const producer_state& p) {
  to.number<int64_t>(p.id);
  to.number<int64_t>(p.last_write);
  to.number<int16_t>(p.epoch);
  to.number<uint8_t>(p.count);
  for (const producer_batch& b : p.window()) {
    to.number<int32_t>(b.first_sequence);
    to.number<int32_t>(b.last_sequence);
    to.number<int64_t>(b.first.value());
    to.number<int64_t>(b.next.value());
    to.number<int64_t>(b.timestamp);
  }
}

bool unpack(storage::unpacker& from, producer_state& p) {
  p.id = from.number<int64_t>();
  p.last_write = from.number<int64_t>();
  p.epoch = from.number<int16_t>();
  p.count = from.number<uint8_t>();
  if (p.count > producer_state::batches_max || p.id < 0 || p.last_write < 0) return false;
  for (size_t i = 0; i < p.count; ++i) {
    producer_batch& b = p.batches[i];
    b.first_sequence = from.number<int32_t>();
    b.last_sequence = from.number<int32_t>();
    b.first = base::offset(from.number<int64_t>());
    b.next = base::offset(from.number<int64_t>());
    b.timestamp = from.number<int64_t>();
  }
  return !from.failed();
}

}  // namespace

std::string encode_producers(const producer_table& table, base::offset covers) {
  std::vector<const producer_state*> order;
  order.reserve(table.size());
  table.each([&](const producer_state& p) { order.push_back(&p); });
  std::ranges::sort(order, [](const producer_state* a, const producer_state* b) {
    return a->last_write != b->last_write ? a->last_write > b->last_write : a->id < b->id;
  });
  std::vector<uint8_t> out;
  out.reserve(16 + order.size() * (producer_bytes + producer_state::batches_max * batch_bytes));
  storage::packer to(out);
  to.number<int64_t>(covers.value());
  to.number<uint64_t>(order.size());
  for (const producer_state* p : order) pack(to, *p);
  return std::string(base::as_text(out));
}

base::result<producer_snapshot> decode_producers(base::bytes payload) {
  storage::unpacker from(payload);
  producer_snapshot out;
  out.covers = base::offset(from.number<int64_t>());
  const auto count = from.number<uint64_t>();
  // The count is checked against the bytes there are before anything is made of that size.
  if (from.failed() || count > from.left() / producer_bytes || out.covers.value() < 0) {
    return base::fail(base::errc::malformed);
  }
  out.producers.resize(count);
  for (producer_state& p : out.producers) {
    if (!unpack(from, p)) return base::fail(base::errc::malformed);
  }
  if (from.left() != 0) return base::fail(base::errc::malformed);
  return out;
}

}  // namespace millrace::broker
