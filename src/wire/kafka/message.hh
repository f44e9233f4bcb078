#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.hh"
#include "base/result.hh"
#include "base/uuid.hh"
#include "wire/kafka/arena.hh"
#include "wire/kafka/array.hh"
#include "wire/kafka/reader.hh"
#include "wire/kafka/writer.hh"

/// The three verbs of every generated message (wire/kafka/messages/*.hh). A message is a plain
/// struct with the union of all versions; views in it point into the bytes it came from, its arrays
/// into an arena.
///
/// Between versions: a field that a version does not have keeps its default when read and is
/// skipped when written; a null in a version that knows no null there is written as empty; a string
/// over 32,767 bytes is cut there (readers refuse longer ones, so only a text of our own can be).

namespace millrace::wire::kafka {

/// Reads one message; bytes behind it are left in the reader. Errors: unsupported (no such version),
/// truncated, malformed, too_large (a limit of reader.hh, or the arena's).
template <class Message>
base::result<Message> decode(reader& in, int16_t version, arena& memory);

/// The bytes that encode() writes. The version is one of the message's.
template <class Message>
size_t size_of(const Message& message, int16_t version);

template <class Message>
void encode(writer& out, const Message& message, int16_t version);

template <class Message>
constexpr bool has_version(int16_t version) {
  return version >= Message::min_version && version <= Message::max_version;
}
template <class Message>
constexpr bool is_flexible(int16_t version) {
  return version >= Message::first_flexible;
}

}  // namespace millrace::wire::kafka
