#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/result.hh"
#include "reactor/task.hh"
#include "record/batch_view.hh"
#include "record/compressor.hh"
#include "record/decompressor.hh"
#include "storage/compaction.hh"
#include "storage/key_map.hh"
#include "storage/types.hh"
#include "storage/work_pace.hh"

/// One pass of compaction over one log.

namespace millrace::storage {

class compaction_pass {
 public:
  compaction_pass(log_manager& manager, log_id id, const compaction_options& options);

  /// [from, limit) is dirty, and `limit` a segment's end.
  reactor::task<base::result<compaction_outcome>> run(base::offset from, base::offset limit);

 private:
  /// Segments that become one: their objects, kept open and with their indexes by `readers`, and their offsets.
  struct group {
    std::vector<segment*> segments;
    base::offset begin{0};
    base::offset next{0};
    uint64_t bytes = 0;
    bool empty() const noexcept { return segments.empty(); }
  };
  reactor::task<base::result<void>> make_map(uint64_t dirty_bytes);
  reactor::task<base::result<void>> learn(base::offset from, base::offset limit);
  reactor::task<base::result<bool>> learn_batch(record::batch_view batch);
  reactor::task<base::result<void>> keep_mark(compaction_mark mark);

  group next_group(const log& l, base::offset from) const;
  reactor::task<base::result<void>> hold(group& g);
  static void let_go(group& g) noexcept;
  reactor::task<base::result<void>> compact_group(group& g);
  reactor::task<base::result<void>> rewrite(const group& g, compacted_segment& out);
  reactor::task<base::result<void>> put_in_place(group& g, compacted_segment& out);
  reactor::task<base::result<void>> swap_names(const group& g);
  reactor::task<void> drop(const compacted_segment& out);

  // ---- batches (compaction_batches.cc)
  reactor::task<base::result<std::optional<base::bytes>>> open_records(record::batch_view batch);
  reactor::task<base::result<void>> take_batch(record::batch_view batch, bool last, compacted_segment& out);
  /// What of a batch's records stays.
  struct judgement {
    std::vector<bool> stays;
    int32_t kept = 0;
    bool tombstones = false;  ///< among those kept
  };
  reactor::task<base::result<judgement>> judge(record::batch_view batch, base::bytes records);
  reactor::task<base::result<void>> filter(record::batch_view batch, base::bytes records, const judgement& of,
                                           std::optional<base::unix_ms> horizon);
  reactor::task<void> breathe();
  bool may_go_on(const log* l) const noexcept;

  log_manager& manager_;
  const log_id id_;
  const compaction_options options_;
  work_pace pace_;
  std::unique_ptr<key_map> map_;
  base::offset map_end_{0};
  uint64_t opened_bytes_max_;
  record::decompressor unpack_;
  record::compressor pack_;
  std::vector<uint8_t> opened_;   ///< a compressed batch's records
  std::vector<uint8_t> rebuilt_;  ///< a batch that lost some
  compaction_outcome outcome_;
};

}  // namespace millrace::storage
