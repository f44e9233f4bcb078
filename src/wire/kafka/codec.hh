#pragma once

#include "wire/kafka/decoding.hh"
#include "wire/kafka/encoding.hh"
#include "wire/kafka/message.hh"

/// The definitions behind message.hh; only generated sources include this and name the messages.

namespace millrace::wire::kafka {

/// A header is followed by the body in the same reader; any other message ends its bytes.
template <class Message>
constexpr bool others_follow = requires { Message::others_follow; };

template <class Message>
base::result<Message> decode(reader& in, int16_t version, arena& memory) {
  if (!has_version<Message>(version)) return base::fail(base::errc::unsupported, version);
  Message message;
  decoding w(in, &memory, version, is_flexible<Message>(version));
  walk(w, message);
  if (!others_follow<Message> && in.ok() && in.remaining() != 0) in.fail(base::errc::malformed);
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
