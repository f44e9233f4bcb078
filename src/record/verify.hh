#pragma once

#include <cstdint>

#include "base/result.hh"
#include "record/batch_view.hh"
#include "record/check.hh"

/// Checks of one batch that do not open its records (record_walker.hh does). Pure functions, any
/// core, nothing is allocated. Errors carry a check as `place` and the number that was wrong as
/// `detail`.

namespace millrace::record {

/// The rules for any batch, from a client, a leader or a disk: counts and deltas not negative, no
/// more records than offsets, a codec that exists. Errors: invalid_record.
base::result<void> verify_shape(const batch_view& batch);

/// The rules for a batch that a client sends: those above, base offset 0, at least one record,
/// exactly one offset for each, no control batch, a sequence where there is a producer id. Errors:
/// invalid_record.
base::result<void> verify_produced(const batch_view& batch);

/// The CRC over the batch's bytes. Errors: corrupt (crc).
base::result<void> verify_crc(const batch_view& batch);

/// Copies the batch to `target` (batch.size() bytes) and checks its CRC in the same pass. On an
/// error (corrupt) the target holds the bytes all the same, and the caller takes the space back.
base::result<void> copy_verified(const batch_view& batch, uint8_t* target);

/// Writes the CRC that the bytes have.
void seal(mutable_bytes batch);

}  // namespace millrace::record
