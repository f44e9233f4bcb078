#include "any_message.hh"

#include "dump.hh"
#include "filler.hh"
#include "wire/kafka/messages/all_messages.inc"

namespace millrace::wire::kafka {

namespace {

constexpr size_t arena_limit = size_t{64} << 20;

template <class Message>
sample encoded(const Message& message, int16_t version) {
  sample made;
  made.announced = size_of(message, version);
  made.encoded.resize(made.announced);
  writer out(made.encoded);
  encode(out, message, version);
  made.encoded.resize(out.written());
  made.dump = dump(message, version);
  return made;
}

template <class Message>
sample make(base::prng& random, int16_t version) {
  arena memory(arena_limit);
  Message message;
  for (int16_t v = Message::min_version; v <= Message::max_version; ++v) {
    filler w(random, memory, v);
    w.field(message);
  }
  return encoded(message, version);
}

template <class Message>
sample make_default(int16_t version) {
  return encoded(Message(), version);
}

template <class Message>
base::result<std::string> read(base::bytes in, int16_t version, size_t limit) {
  arena memory(limit);
  reader from(in);
  TRY(Message message, decode<Message>(from, version, memory));
  return dump(message, version);
}

template <class Message>
base::result<std::vector<uint8_t>> rewrite(base::bytes in, int16_t version) {
  arena memory(arena_limit);
  reader from(in);
  TRY(Message message, decode<Message>(from, version, memory));
  return encoded(message, version).encoded;
}

template <class Message>
constexpr int16_t api_key_of() {
  if constexpr (requires { Message::api_key; }) return Message::api_key;
  return -1;
}

#define MESSAGE(name)                                                                                        \
  any_message{#name,       name::min_version,   name::max_version, name::first_flexible, api_key_of<name>(), \
              &make<name>, &make_default<name>, &read<name>,       &rewrite<name>},
constexpr any_message messages[] = {
#include "wire/kafka/messages/all_messages.inc"
};
#undef MESSAGE

}  // namespace

std::span<const any_message> all_messages() { return messages; }

}  // namespace millrace::wire::kafka
