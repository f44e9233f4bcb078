#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.hh"
#include "base/result.hh"
#include "reactor/core.hh"
#include "reactor/task.hh"

/// A small file of our own that is read whole and replaced whole: magic, version, length, XXH3 over all of it, payload.
/// A crash leaves the old or the new one. What is wrong with one is logged with its path.
///
///    0  magic     uint64   of the kind of file
///    8  version   uint32   of its payload
///   12  length    uint32   of the payload, bytes
///   16  digest    uint64   XXH3-64 of the rest: bytes 0 to 15 and the payload
///   24  payload
///
/// Little endian.

namespace millrace::storage {

struct state_format {
  uint64_t magic = 0;
  uint32_t version = 1;
};
inline constexpr size_t state_header_bytes = 24;

std::string encode_state(const state_format& format, base::bytes payload);
/// The payload. Errors: truncated, foreign (magic; or a version that is not `format`'s, in detail), corrupt (digest).
base::result<std::string> decode_state(const state_format& format, base::bytes file);

/// Errors: not_found (not logged), too_large (over `bytes_max` with the header), those of decode_state, io.
reactor::task<base::result<std::string>> read_state(reactor::core& on, std::string path, state_format format,
                                                    size_t bytes_max);
/// Durable when it returns. Errors: no_space, io.
reactor::task<base::result<void>> replace_state(reactor::core& on, std::string path, state_format format,
                                                std::string payload);

}  // namespace millrace::storage
