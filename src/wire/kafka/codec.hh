#pragma once

#include "wire/kafka/decoding.hh"
#include "wire/kafka/encoding.hh"
#include "wire/kafka/message.hh"

/// The definitions behind message.hh; only generated sources include this and name the messages.

namespace millrace::wire::kafka {

/// Bytes behind the message are left in the reader: a header is followed by its body, and some clients (librdkafka 2.16,
/// Metadata) send a few bytes too many, which Kafka passes over.
template <class Message>
base::result<Message> decode(reader& in, int16_t version, arena& memory) {
  if (!has_version<Message>(version)) return base::fail(base::errc::unsupported, version);
  Message message;
  decoding w(in, &memory, version, is_flexible<Message>(version));
  walk(w, message);
  if (!in.ok()) return in.failure();
  return message;
}

template <class Message>
size_t size_of(const Message& message, int16_t version) {
  ASSERT(has_version<Message>(version));
  byte_counter out;
  encoding<byte_counter> w(out, version, is_flexible<Message>(version));
  walk(w, message);
  return out.written();
}

template <class Message>
void encode(writer& out, const Message& message, int16_t version) {
  ASSERT(has_version<Message>(version));
  encoding<writer> w(out, version, is_flexible<Message>(version));
  walk(w, message);
}

}  // namespace millrace::wire::kafka
