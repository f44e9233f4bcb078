#pragma once

#include <array>
#include <limits>

#include "base/limits.hh"
#include "server/config_table.hh"

/// The rows of the configuration's table that are about compaction.

namespace millrace::server {

inline constexpr auto cleaner_rows = std::to_array<row>({
    {.name = "log.cleaner.min.cleanable.ratio",
     .initial = "0.5",
     .where = &config::log_cleaner_min_cleanable_ratio,
     .reload = reload::live,
     .topic_key = "min.cleanable.dirty.ratio",
     .section = "Compaction, of topics with cleanup.policy = compact",
     .about = "Share of a log that is not compacted yet at which it is compacted, from 0 to 1."},
    {.name = "log.cleaner.min.compaction.lag.ms",
     .initial = "0",
     .where = &config::log_cleaner_min_compaction_lag_ms,
     .unit = unit::milliseconds,
     .reload = reload::live,
     .topic_key = "min.compaction.lag.ms",
     .about = "Time for which a record stays uncompacted at least."},
    {.name = "log.cleaner.max.compaction.lag.ms",
     .initial = "9223372036854775807",
     .where = &config::log_cleaner_max_compaction_lag_ms,
     .unit = unit::milliseconds,
     .least = 1,
     .reload = reload::live,
     .topic_key = "max.compaction.lag.ms",
     .about = "Time after which a record may no longer stay uncompacted."},
    {.name = "log.cleaner.delete.retention.ms",
     .initial = "86400000",
     .where = &config::log_cleaner_delete_retention_ms,
     .unit = unit::milliseconds,
     .reload = reload::live,
     .topic_key = "delete.retention.ms",
     .about = "How long a tombstone stays readable after what it deletes is gone."},
    {.name = "log.cleaner.backoff.ms",
     .initial = "15000",
     .where = &config::log_cleaner_backoff_ms,
     .unit = unit::milliseconds,
     .least = 1,
     .about = "Time between two looks for what may be compacted."},
    {.name = "log.cleaner.dedupe.buffer.size",
     .initial = "134217728",
     .where = &config::log_cleaner_dedupe_buffer_size,
     .unit = unit::bytes,
     .least = base::mib,
     .about = "Memory of all cores together for the keys of one pass, 24 bytes a key; of each core at most a sixteenth "
              "of its memory, and 64 MiB. A log with more keys takes several passes."},
    {.name = "log.cleaner.io.max.bytes.per.second",
     .initial = "9223372036854775807",
     .where = &config::log_cleaner_io_max_bytes_per_second,
     .unit = unit::bytes,
     .least = 1,
     .about = "Bytes that compaction reads and writes in a second, of all cores together."},
    {.name = "compaction.core.percent",
     .initial = "25",
     .where = &config::compaction_core_percent,
     .least = 1,
     .most = 100,
     .owner = owner::millrace,
     .about = "Share of each core's time that compaction takes at most."},
});

}  // namespace millrace::server
