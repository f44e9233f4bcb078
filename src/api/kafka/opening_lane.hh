#pragma once

#include <cstddef>
#include <cstdint>

#include "api/kafka/frame_room.hh"
#include "reactor/task.hh"
#include "reactor/wait.hh"
#include "record/compressor.hh"
#include "record/decompressor.hh"

/// Where large batches of one core are opened and packed anew, one at a time and in order of arrival: so what the codecs
/// hold for windows and blocks is there once for each lane, however many clients send such batches. A core has two: a
/// quick one, which gives a batch up when more came out of it than its bound, and a long one for those.

namespace millrace::api::kafka {

class opening_lane {
 public:
  /// At most `bytes_max` bytes come out of a batch here. zstd windows up to two to the `window_log` are opened; what is
  /// held for them is taken off `room`.
  opening_lane(reactor::core& on, frame_room& room, uint64_t bytes_max, unsigned window_log);

  /// Waits until the lane is the caller's; leave() hands it to the next.
  reactor::task<void> enter();
  void leave() noexcept;
  /// To be called while the caller has the lane, when what the codecs hold may have grown.
  void note_held() noexcept;

  size_t charged() const noexcept { return charged_; }  ///< bytes of the room, as noted last
  uint64_t bytes_max() const noexcept { return bytes_max_; }
  record::decompressor& unpacker() noexcept { return unpacker_; }
  record::compressor& packer() noexcept { return packer_; }

 private:
  frame_room& room_;
  const uint64_t bytes_max_;
  record::decompressor unpacker_;
  record::compressor packer_;
  size_t charged_ = 0;
  bool taken_ = false;
  reactor::wait_list waiting_;
};

}  // namespace millrace::api::kafka
