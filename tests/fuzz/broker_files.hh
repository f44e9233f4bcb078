#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hh"

/// What the broker's own room keeps in files: cases of the target `files`.

namespace millrace::fuzz {

/// All entries of the catalog, as file_store keeps them.
void catalog_file(base::bytes payload);
/// One entry of the catalog, as each kind that there is: a topic, a stream, producer ids.
void catalog_values(base::bytes value);
void catalog_producer_ids(base::bytes value);
/// The payload of a partition's producers.
void producer_snapshot_payload(base::bytes payload);
/// A record of `__consumer_offsets`: the key's length in two bytes, the key, the value, which `tombstone` makes null.
void coordinator_record(base::bytes input, bool tombstone);

}  // namespace millrace::fuzz
