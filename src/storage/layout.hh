#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/tagged.hh"

/// Names of files under the data directory:
///
///   <topic>-<partition>/<20-digit base offset>.log .index .timeindex     segments, as Kafka's
///   <topic>-<partition>/<base>.log.cleaned                                a segment that compaction is writing
///   <topic>-<partition>/<base>-<next>.swap                                the same, whole: it takes the place of all in
///                                                                         [base, next)
///   <topic>-<partition>/compaction.mark                                   how far a log is compacted
///   <topic>-<partition>/partition.metadata                                whose log it is, as Kafka's
///   <topic>-<partition>/producers.snapshot                                its idempotent producers (broker/partition)
///   <topic>-<partition>.<id>-delete/                                      a log on its way out
///   commit/<core>.log                                                     a core's commit log
///   commit/<core>.checkpoint.0 and .1                                     its checkpoints
///   commit/recovered                                                      what a recovery found, until every core has a
///   checkpoint pool/<core>-<number>                                                  a segment's file without an owner
///   (segment_pool.hh) meta/start                                                            the node's start number meta/
///   the catalog's files (broker/catalog) lock, version                                                         who uses it,
///   and its format
///
/// Pure functions. Paths are `data_dir`, a slash and a name.

namespace millrace::storage::layout {

std::string log_file(base::offset base);  ///< "00000000000000000042.log"
std::string index_file(base::offset base);
std::string time_index_file(base::offset base);
/// The base offset of a segment's .log file name.
std::optional<base::offset> parse_log_file(std::string_view name);
/// The base offset of the name of any of a segment's three files.
std::optional<base::offset> parse_segment_file(std::string_view name);

/// What compaction writes (segment_swap.hh).
std::string cleaned_file(base::offset base);
std::string swap_file(base::offset base, base::offset next);
struct swap_name {
  base::offset base;
  base::offset next;
};
std::optional<base::offset> parse_cleaned_file(std::string_view name);
std::optional<swap_name> parse_swap_file(std::string_view name);
std::string compaction_mark_file(const std::string& log_directory);

std::string log_directory(const std::string& data_dir, const std::string& directory);
std::string partition_metadata_file(const std::string& log_directory);
std::string producers_file(const std::string& log_directory);
/// The partition in the name of a log's directory, "<topic>-<partition>".
std::optional<int32_t> parse_log_directory(std::string_view name);

std::string commit_directory(const std::string& data_dir);
std::string commit_file(const std::string& data_dir, uint32_t core);
std::string checkpoint_file(const std::string& data_dir, uint32_t core, unsigned slot);
std::string recovered_file(const std::string& data_dir);
/// The core of a commit log or checkpoint file name.
std::optional<uint32_t> parse_commit_file(std::string_view name);
std::optional<uint32_t> parse_checkpoint_file(std::string_view name);

/// A file in the pool: the core that put it there, and which of its files.
struct pool_name {
  uint32_t core;
  uint64_t number;
};
std::string pool_directory(const std::string& data_dir);
std::string pool_file(const std::string& data_dir, pool_name name);
std::optional<pool_name> parse_pool_file(std::string_view name);

std::string meta_directory(const std::string& data_dir);
std::string start_file(const std::string& data_dir);
std::string version_file(const std::string& data_dir);
std::string lock_file(const std::string& data_dir);

/// Whether a directory name is one that remove() left: "….<id>-delete".
bool is_deleted_directory(std::string_view name);
std::string deleted_directory(std::string_view directory, uint64_t unique);
/// The name that a deleted directory had before; empty where it is none.
std::string_view name_before_deletion(std::string_view name);

}  // namespace millrace::storage::layout
