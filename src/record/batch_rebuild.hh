#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/limits.hh"
#include "base/result.hh"
#include "record/batch_view.hh"
#include "record/compressor.hh"
#include "record/decompressor.hh"

/// batch_rebuild: the same batch in another codec (a topic whose compression.type is not
/// "producer"). The records' own bytes stay as they are: only their packing, the length, the
/// attributes and the CRC change. In steps, because a large batch takes milliseconds.

namespace millrace::record {

class batch_rebuild {
 public:
  struct options {
    record::codec codec = record::codec::none;
    std::optional<int> level{};
    uint64_t decompressed_bytes_max = 0;
    uint64_t bytes_max = base::batch_bytes_format_max;  ///< of the new batch
  };

  /// Appends the new batch to `target`. Borrows everything until done or destroyed. The batch was
  /// walked before; the corrections of corrections.hh are made on the result.
  batch_rebuild(const batch_view& batch, const options& how, decompressor& unpack, compressor& pack,
                std::vector<uint8_t>& target);

  /// Goes on for about `budget` bytes of records; true when the batch stands in the target. Errors:
  /// those of the two classes, too_large for a batch over bytes_max; the target is then as before.
  base::result<bool> step(size_t budget);

 private:
  base::result<void> begin();
  base::result<void> within_bounds() const;
  base::result<void> complete();
  base::failure undo(base::failure why);

  const batch_view batch_;
  const options how_;
  decompressor& unpack_;
  compressor& pack_;
  std::vector<uint8_t>& target_;
  const size_t begin_;
  bytes rest_;  ///< of the unpacker's piece, not packed yet
  bool begun_ = false;
};

/// All at once, with what the caller has to open and to pack with.
base::result<void> rebuild(const batch_view& batch, const batch_rebuild::options& how, decompressor& unpack,
                           compressor& pack, std::vector<uint8_t>& target);
/// The same with its own.
base::result<void> rebuild(const batch_view& batch, const batch_rebuild::options& how, std::vector<uint8_t>& target);

}  // namespace millrace::record
