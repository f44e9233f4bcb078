#pragma once

#include <string>

#include "base/bytes.hh"
#include "broker/catalog/meta_store.hh"
#include "reactor/core.hh"

/// A meta_store in one file, replaced whole at each change: what a single node needs. A storage
/// state file (magic, version, length, XXH3) whose payload is, little endian:
///
///    0  revision  uint64
///    8  count     uint32   of entries, ascending by key
///   12  entries            key length uint16, value length uint32, key, value

namespace millrace::broker {

class file_store final : public meta_store {
 public:
  /// `path` is that of the file; its directory exists.
  file_store(reactor::core& on, std::string path);

  reactor::task<base::result<contents>> load() override;
  reactor::task<base::result<uint64_t>> put_if(uint64_t revision, std::vector<meta_change> changes) override;

 private:
  reactor::core& core_;
  const std::string path_;
  contents known_;  ///< what the file holds as far as we know
};

/// The payload and back. Errors: corrupt.
std::string encode_entries(const meta_store::contents& all);
base::result<meta_store::contents> decode_entries(base::bytes payload);

}  // namespace millrace::broker
