#pragma once

#include <string>

#include "base/result.hh"
#include "reactor/core.hh"
#include "reactor/task.hh"
#include "storage/layout.hh"
#include "storage/types.hh"

/// How a compacted segment takes the place of those that it was made of, in steps of which each is durable before the next:
///
///   1  <base>.log.cleaned is written and synced
///   2  renamed to <base>-<next>.swap: from here on it stands for all in [base, next)
///   3  the files of the other segments in that range leave, and the indexes of the first
///   4  renamed to <base>.log
///
/// A start that finds a .cleaned file removes it, and goes on behind step 2 where it finds a .swap file.

namespace millrace::storage {

/// Step 2; the file is synced. Where it failed the new name may be there or not, and a start goes through with it: it is
/// called again until it succeeds, before anything else becomes of those segments. Errors: not_found, io, no_space.
reactor::task<base::result<void>> begin_swap(reactor::core& on, std::string log_directory, layout::swap_name name);
/// Steps 3 and 4; may be called again where it failed. Errors: io, no_space.
reactor::task<base::result<void>> finish_swap(reactor::core& on, std::string log_directory, layout::swap_name name);

/// Before a log's segments are looked for: what a crash left of a compaction goes, or is gone through with. Errors, logged
/// with the path: io, no_space.
reactor::task<base::result<void>> tidy_compaction(reactor::core& on, std::string log_directory);
/// Whether that has to be called for a directory with such a file.
bool is_of_compaction(std::string_view file_name);

}  // namespace millrace::storage
