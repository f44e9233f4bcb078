#pragma once

#include <cstdint>

#include "record/batch_header.hh"
#include "record/record_walker.hh"

/// What the broker changes inside the CRC of a client's batch, in place. The new CRC is derived
/// from the old one and the changed bytes: it costs nothing for a large batch, and a batch that did
/// not match stays one that does not match.

namespace millrace::record {

/// CreateTime: clears the LogAppendTime and delete-horizon bits, and sets the largest timestamp to
/// what the records say. True where anything changed.
bool correct_create_time(mutable_bytes batch, const walk_summary& walked);
/// The same without having seen the records (node key: compressed batches are not opened): the bits
/// only.
bool correct_attributes(mutable_bytes batch);
/// LogAppendTime: sets its bit, clears the delete horizon, and makes `now` the time of every
/// record.
void set_log_append_time(mutable_bytes batch, unix_ms now);

}  // namespace millrace::record
