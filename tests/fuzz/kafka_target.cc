#include <array>
#include <string_view>

#include "fuzz.hh"
#include "wire/kafka/api_table.hh"
#include "wire/kafka/fetch_reader.hh"
#include "wire/kafka/header.hh"
#include "wire/kafka/messages/all_messages.inc"
#include "wire/kafka/produce_reader.hh"

/// A request's frame, without its length: key and version are the input's own. Header and body are decoded, the body as the
/// request and as the answer of that key, since clients of ours read answers; what decodes must encode, in the size that was
/// announced, to the bytes that it was read from, and those to the same again. The cursors of the hot path must agree with
/// the codec.

namespace millrace::fuzz {

namespace wk = wire::kafka;

namespace {

constexpr size_t arena_bytes = size_t{16} << 20;

template <class Message>
std::vector<uint8_t> encoded(const Message& message, int16_t version) {
  std::vector<uint8_t> out(wk::size_of(message, version));
  wk::writer to(out);
  wk::encode(to, message, version);
  ASSERT(to.written() == out.size());
  return out;
}

/// Every value but 0 says true, and every mark that is not negative says that a struct follows: we say 1.
bool same_at_each_place(base::bytes in, base::bytes once) {
  for (size_t i = 0; i < in.size(); ++i) {
    if (in[i] != once[i] && !(once[i] == 1 && in[i] != 0)) return false;
  }
  return true;
}

/// Tagged fields may come in any order: then the same bytes are there, at other places.
bool same_in_other_order(base::bytes in, base::bytes once) {
  std::array<size_t, 256> in_counts{}, once_counts{};
  for (const uint8_t byte : in) ++in_counts[byte];
  for (const uint8_t byte : once) ++once_counts[byte];
  for (size_t value = 0; value < in_counts.size(); ++value) {
    if (value != 1 && once_counts[value] > in_counts[value]) return false;
  }
  return true;
}

/// `once` says what `in` says. A flexible version has longer ways to say it, and only longer ones: lengths in more bytes
/// than they need, tagged fields that nobody knows, and known ones that say what is so without them.
void check_same(base::bytes in, base::bytes once, bool flexible) {
  ASSERT(once.size() <= in.size());
  if (!flexible) {
    ASSERT(once.size() == in.size() && same_at_each_place(in, once));
  } else if (once.size() == in.size()) {
    ASSERT(same_at_each_place(in, once) || same_in_other_order(in, once));
  }
}

template <class Message>
void round_trip(base::bytes body, int16_t version) {
  wk::arena memory(arena_bytes);
  wk::reader in(body);
  const auto first = wk::decode<Message>(in, version, memory);
  if (!first) return;
  const std::vector<uint8_t> once = encoded(*first, version);
  check_same(body.first(body.size() - in.remaining()), once, version >= Message::first_flexible);
  wk::arena more(arena_bytes * 4);
  wk::reader again(once);
  const auto second = wk::decode<Message>(again, version, more);
  ASSERT(second.ok() && again.remaining() == 0);
  ASSERT(encoded(*second, version) == once);
}

/// A message of an API: read where the key is its own. The others belong to no key: any of them is.
template <class Message>
void try_message(int16_t key, int16_t version, base::bytes body) {
  if constexpr (requires { Message::api_key; }) {
    if (Message::api_key == key) round_trip<Message>(body, version);
  } else {
    if (wk::find_api(key) == nullptr) round_trip<Message>(body, version);
  }
}

void check_produce_cursor(const wk::reader& body, int16_t version) {
  auto cursor = wk::produce_reader::open(body, version);
  wk::arena memory(arena_bytes);
  wk::reader in = body;
  const auto whole = wk::decode<wk::produce_request>(in, version, memory);
  if (!whole && whole.error().code == base::errc::too_large) return;
  ASSERT(cursor.ok() == whole.ok());
  if (!cursor) return;
  uint64_t partitions = 0;
  uint32_t topics = 0;
  wk::produce_topic topic;
  wk::produce_request_partition_data partition;
  while (cursor->next_topic(topic)) {
    ++topics;
    while (cursor->next_partition(partition)) ++partitions;
  }
  ASSERT(topics == cursor->topic_count() && partitions == cursor->partition_count());
}

void check_fetch_cursor(const wk::reader& body, int16_t version) {
  auto cursor = wk::fetch_reader::open(body, version);
  wk::arena memory(arena_bytes);
  wk::reader in = body;
  const auto whole = wk::decode<wk::fetch_request>(in, version, memory);
  if (!whole && whole.error().code == base::errc::too_large) return;
  ASSERT(cursor.ok() == whole.ok());
  if (!cursor) return;
  uint64_t partitions = 0;
  wk::fetch_topic topic;
  wk::fetch_request_partition partition;
  int32_t forgotten = 0;
  while (cursor->next_topic(topic)) {
    while (cursor->next_partition(partition)) ++partitions;
  }
  ASSERT(partitions == cursor->partition_count());
  while (cursor->next_forgotten_topic(topic)) {
    while (cursor->next_forgotten_partition(forgotten)) {
    }
  }
}

}  // namespace

void kafka_frame(base::bytes input) {
  const std::vector<uint8_t> frame = copy_of(input);
  wk::reader in{base::bytes(frame)};
  const auto header = wk::decode_request_header(in);
  if (!header) {
    source from(frame);
    const auto version = static_cast<int16_t>(from.byte() % 8);
#define MESSAGE(name) try_message<wk::name>(-1, version, from.rest());
#include "wire/kafka/messages/all_messages.inc"
#undef MESSAGE
    return;
  }
  const int16_t key = header->request_api_key;
  const int16_t version = header->request_api_version;
  const int16_t header_version = wk::request_header_version(key, version);
  check_same(base::bytes(frame).first(frame.size() - in.remaining()), encoded(*header, header_version),
             header_version >= wk::request_header::first_flexible);
  const wk::reader body = in;
  const base::bytes rest = base::bytes(frame).last(in.remaining());
#define MESSAGE(name) try_message<wk::name>(key, version, rest);
#include "wire/kafka/messages/all_messages.inc"
#undef MESSAGE
  if (key == wk::produce_request::api_key) check_produce_cursor(body, version);
  if (key == wk::fetch_request::api_key) check_fetch_cursor(body, version);
}

}  // namespace millrace::fuzz
