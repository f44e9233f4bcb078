#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hh"
#include "reactor/task.hh"

/// Where the catalog is kept: named values, changed together or not at all. On one node a file
/// (file_store.hh). Used on one core, by one caller at a time.

namespace millrace::broker {

using meta_entries = std::map<std::string, std::string, std::less<>>;

/// A value to be set, or (nullopt) removed.
struct meta_change {
  std::string key;
  std::optional<std::string> value;
};

class meta_store {
 public:
  virtual ~meta_store() = default;

  struct contents {
    uint64_t revision = 0;  ///< 0: nothing was ever put
    meta_entries entries;
  };
  /// Everything there is. Errors: corrupt, foreign, io; each logged with what it is about.
  virtual reactor::task<base::result<contents>> load() = 0;
  /// Carries the changes out if the store is still at `revision`, durably, and yields the next one.
  /// Errors: busy (somebody changed it meanwhile; nothing was done), no_space and io (the old or
  /// the new state stays; nothing in between).
  virtual reactor::task<base::result<uint64_t>> put_if(uint64_t revision, std::vector<meta_change> changes) = 0;
};

}  // namespace millrace::broker
