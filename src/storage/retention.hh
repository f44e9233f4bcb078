#pragma once

#include "base/result.hh"
#include "base/time.hh"
#include "reactor/task.hh"
#include "storage/types.hh"

/// Which of a log's oldest segments have outlived what its topic asks for, by Kafka's rules. Whole segments go, from the
/// oldest on, and only what is acknowledged and durable:
///
///   retention.bytes   while what is left without the oldest would not be less than that
///   retention.ms      while the largest timestamp of the oldest is further back than that; one without timestamps counts
///                     from when it was made, or found by a start
///
/// The active segment goes too when it has outlived it, or all its records were deleted: it is sealed first. Looks only;
/// log_manager raises log starts.

namespace millrace::storage {

class log;
class log_manager;
class segment;

class retention {
 public:
  explicit retention(log_manager& manager) : manager_(manager) {}

  /// Where the log should start; its present start where nothing has to go. An index of a segment is read where its largest
  /// timestamp is not known. Errors: closed (it went away, or the manager stops), storage, no_memory (that index cannot be
  /// read: what lies before it is not judged either).
  reactor::task<base::result<base::offset>> look(log_id id);

  /// The largest timestamp of a segment, or one of its timestamps that is `enough`. Errors as above.
  reactor::task<base::result<base::unix_ms>> newest(log_id id, base::offset segment_base, base::unix_ms enough);

 private:
  static base::offset start_by_size(const log& l);
  static bool may_go(const log& l, const segment& s);
  reactor::task<base::result<base::offset>> start_by_time(log_id id, base::offset from);

  log_manager& manager_;
};

}  // namespace millrace::storage
