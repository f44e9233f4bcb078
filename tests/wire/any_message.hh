#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/prng.hh"
#include "base/result.hh"
#include "wire/kafka/arena.hh"

/// Every generated message behind one type, for tests that go through all of them.

namespace millrace::wire::kafka {

struct sample {
  std::vector<uint8_t> encoded;
  size_t announced = 0;  ///< what size_of said
  std::string dump;
};

struct any_message {
  const char* name;
  int16_t min_version;
  int16_t max_version;
  int16_t first_flexible;
  int16_t api_key;  ///< -1: of none

  /// A random message with the fields of all versions set, as `version` sends it.
  sample (*make)(base::prng&, int16_t version);
  /// The message that nobody filled in.
  sample (*make_default)(int16_t version);
  /// What decoding gives, as a dump. `arena_limit` bounds the arrays.
  base::result<std::string> (*read)(base::bytes, int16_t version, size_t arena_limit);
  /// Decodes, and encodes again when that went well; what is left undecoded is no error here.
  base::result<std::vector<uint8_t>> (*rewrite)(base::bytes, int16_t version);
};

std::span<const any_message> all_messages();

}  // namespace millrace::wire::kafka
