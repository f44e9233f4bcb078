#pragma once

#include <string>

#include "base/result.hh"
#include "base/tagged.hh"
#include "reactor/core.hh"
#include "reactor/task.hh"

/// The data directory as a whole: whose it is, in which format, and how often a node started on it.

namespace millrace::storage {

/// Takes the data directory for this process: makes it where it is missing (not the directories above it), locks it for
/// the life of the process, checks or writes its version, makes commit/ and meta/, and tries O_DIRECT. Before anything else
/// touches it. What is wrong is logged with the path. Errors:
///   locked       another process has it
///   foreign      it holds files and no version of ours, or something that is no version
///   unsupported  a newer version of Millrace wrote it, or its file system has no O_DIRECT
///   not_found    the directory above it is missing
///   no_space, io
reactor::task<base::result<void>> claim(reactor::core& on, std::string data_dir);

/// Raises the node's start number by one, durable when it returns, and yields it: 1 for the first. It is the leader epoch of
/// what is appended from now on, so it never goes back: it ends above `at_least`, the newest that recovery saw, even where
/// the file was lost. Errors: corrupt and foreign (logged), no_space, io.
reactor::task<base::result<base::leader_epoch>> raise_start_number(reactor::core& on, std::string data_dir,
                                                                   base::leader_epoch at_least = base::leader_epoch(0));

}  // namespace millrace::storage
