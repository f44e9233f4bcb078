#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.hh"
#include "base/prng.hh"
#include "sim/counted.hh"
#include "sim/faults.hh"
#include "sim/file_pages.hh"

/// One file's contents twice: as reads see them now, and as a power cut would find them, with the
/// pieces between the two (faults.hh, 1-8). Blocks share pages, so a write costs one copy.

namespace millrace::sim {

class file_image {
 public:
  /// State of a block's space; what is not written reads as zeros.
  enum class extent : uint8_t { hole, unwritten, written };

  uint64_t size() const noexcept { return size_; }
  uint64_t durable_size() const noexcept { return durable_size_; }
  /// Blocks that take space now.
  uint64_t blocks() const noexcept { return blocks_; }
  /// How many of the blocks of [position, position + length) take no space yet.
  uint64_t holes_in(uint64_t position, uint64_t length) const;
  extent extent_at(uint64_t position) const;

  /// Bytes read; fewer than asked only at the end of the file.
  size_t read(uint64_t position, base::mutable_bytes target) const;
  /// The same of what a cut that drops all volatile pieces would leave.
  std::vector<uint8_t> durable_contents() const;

  /// Takes the first `length` bytes of the pieces. `stamp` counts up over all changes of a disk.
  void write(uint64_t position, std::span<const iovec> pieces, uint64_t length, bool durable, uint64_t stamp);
  /// A write that failed: some sectors took it, the size did not move.
  void write_torn(uint64_t position, std::span<const iovec> pieces, uint64_t length, uint64_t stamp, base::prng& random);
  void allocate(uint64_t position, uint64_t length, uint64_t stamp);
  void truncate(uint64_t length, uint64_t stamp);
  /// All changes up to `stamp` become durable.
  void sync(uint64_t stamp);
  /// A sync that failed: each piece up to `stamp` becomes durable or is lost for good.
  void sync_failed(uint64_t stamp, base::prng& random);
  /// The power goes: each volatile piece is kept with chance `keep`; what is durable then is all
  /// there is.
  void crash(base::prng& random, double keep);

  /// Changes bytes at rest, now and after a crash. False where the range is not within the file.
  bool corrupt(uint64_t position, uint64_t length, damage how, base::prng& random);
  /// What was last written to [source, +length) went to [target, +length) instead: the target has
  /// those bytes, the source has garbage from before (zeros). Whole sectors within the file.
  bool misdirect(uint64_t source, uint64_t target, uint64_t length);

  /// Changes that are not yet durable.
  size_t volatile_changes() const noexcept { return pending_.size(); }

 private:
  struct block {
    ref<page> now;  ///< none: zeros
    ref<page> durable;
    extent now_state = extent::hole;
    extent durable_state = extent::hole;
  };
  static constexpr uint64_t group_blocks = 64;
  using group = std::array<block, group_blocks>;
  struct part {
    ref<page> data;
    uint8_t sectors = 0;  ///< a bit per sector that is still to become durable
  };
  enum class change_kind : uint8_t { write, allocate, truncate };
  struct change {
    uint64_t stamp;
    change_kind kind;
    uint64_t first_block;  ///< write, allocate
    uint64_t block_count;
    uint64_t size_after;        ///< no_size where the size did not change
    std::vector<part> parts{};  ///< write: one per block
  };
  static constexpr uint64_t no_size = UINT64_MAX;

  block& at(uint64_t index);
  const block* find(uint64_t index) const;
  void cut_now(uint64_t length);
  void cut_durable(uint64_t length);
  change lay(uint64_t position, std::span<const iovec> pieces, uint64_t length, uint64_t stamp, base::prng* torn);
  void make_durable(const change& c);
  void settle(const change& c, base::prng& random, double keep);
  void take_truncations();
  void overtake(const change& c);

  uint64_t size_ = 0;
  uint64_t durable_size_ = 0;
  uint64_t blocks_ = 0;
  std::map<uint64_t, std::unique_ptr<group>> groups_;
  std::vector<change> pending_;  // by stamp
};

}  // namespace millrace::sim
