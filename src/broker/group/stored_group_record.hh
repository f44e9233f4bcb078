#pragma once

#include "broker/group/group_records.hh"
#include "broker/group/group_words.hh"

/// A group as its state machine stores it (stored_group: owned texts, times of the monotonic clock) and as a record has it
/// (group_metadata_value: views, wall time): one into the other. Pure.

namespace millrace::broker {

/// The same moment on both clocks.
struct clocks {
  base::instant now;
  base::unix_ms wall = 0;
};

/// Views of `kept`.
group_metadata_value to_record(const stored_group& kept, clocks at);
/// A time that is not said, or lies ahead of the wall clock, counts as now.
stored_group from_record(const group_metadata_value& value, clocks at);
/// When it came into its state, as a record has it.
base::unix_ms wall_time_of(base::instant when, clocks at);

}  // namespace millrace::broker
