#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "base/assert.hh"
#include "base/crc32c.hh"
#include "base/prng.hh"
#include "record/batch_header.hh"
#include "sim/world.hh"
#include "storage/checkpoint.hh"
#include "storage/commit_file.hh"
#include "storage/commit_record.hh"
#include "storage/layout.hh"
#include "storage/partition_metadata.hh"

/// A writer of data directories that is as plain as can be: it keeps every file as bytes in memory and puts them on a
/// world's disk at the end, so that a test decides what of each write got there. Recovery is held against what it knows.

namespace millrace::storage::test {

inline const std::string data_dir = "/data";

inline log_id id_of(uint64_t topic, int32_t partition = 0) {
  return log_id{base::uuid::from_random(topic * 0x9e3779b97f4a7c15u, ~topic), partition};
}

/// A batch whose header is right and whose records are noise; its CRC matches.
inline std::vector<uint8_t> make_batch(int64_t first, int32_t count, size_t payload, uint8_t fill,
                                       int64_t timestamp = 1000) {
  namespace header = record::header;
  std::vector<uint8_t> b(header::size, 0);
  b.resize(header::size + payload, fill);
  record::stamp(b.data(), base::offset(first), base::leader_epoch(1));
  base::store_big<int32_t>(b.data() + header::batch_length_at, static_cast<int32_t>(b.size() - header::frame_size));
  b[header::magic_at] = 2;
  base::store_big<int32_t>(b.data() + header::last_offset_delta_at, count - 1);
  base::store_big<int64_t>(b.data() + header::base_timestamp_at, timestamp);
  base::store_big<int64_t>(b.data() + header::max_timestamp_at, timestamp);
  base::store_big<int32_t>(b.data() + header::record_count_at, count);
  base::store_big<uint32_t>(b.data() + header::crc_at, base::crc32c(0, base::bytes(b).subspan(header::checked_at)));
  return b;
}

/// What a log really is, and what its segment files hold.
struct model_log {
  struct model_segment {
    int64_t base;
    std::vector<uint8_t> truth;  ///< all bytes appended
    std::vector<uint8_t> file;   ///< on disk; may hold leftovers
    bool has_file = false;
  };
  log_id id;
  std::string directory;
  std::vector<model_segment> segments;
  int64_t next = 0;
  bool metadata = true;
  std::vector<damaged_range> damage;
  int64_t log_start = 0;

  model_segment& active() { return segments.back(); }
  log_point end() { return {base::offset(active().base), active().truth.size(), base::offset(next)}; }
  /// Writes truth's [begin, end) to the file, as one write of whole blocks, padded with zeros.
  static void write(model_segment& s, uint64_t begin, uint64_t end) {
    s.has_file = true;
    const uint64_t limit = block_ceil(end);
    if (s.file.size() < limit) s.file.resize(limit);
    for (uint64_t at = begin; at < limit; ++at) s.file[at] = at < s.truth.size() && at < end ? s.truth[at] : 0;
  }
};

/// A group as it was written: where its record lies and what was written directly.
struct model_group {
  uint64_t position;
  std::vector<uint8_t> record;
  struct direct {
    size_t log;
    size_t segment;
    uint64_t begin;
    uint64_t end;
  };
  std::vector<direct> directs;
  std::vector<record_entry> entries;
  std::vector<log_point> ends;  ///< of every log, when this group is done
};

/// One part of a group: batches for one log.
struct part {
  size_t log;
  std::vector<std::vector<uint8_t>> batches;
  bool roll = false;
  bool direct = false;
  uint64_t blocks_back = 0;  ///< how many earlier blocks the entry repeats
};

class reference_writer {
 public:
  explicit reference_writer(uint64_t ring_bytes = 256 << 10, uint32_t core = 0, uint64_t commit_log = 0xabcdef0123456789u)
      : core(core), commit_log_id(commit_log), commit(commit_ring_begin + ring_bytes), previous_(commit_log) {
    encode_commit_file(base::mutable_bytes(commit).first(block_bytes), {commit.size(), true});
    latest.core = core;
    latest.start_number = base::leader_epoch(1);
    latest.commit_log = commit_log;
    latest.next_position = commit_ring_begin;
    latest.previous_digest = commit_log;
  }

  size_t add_log(uint64_t topic, int32_t partition = 0) {
    model_log l;
    l.id = id_of(topic, partition);
    l.directory = "t" + std::to_string(topic) + "-" + std::to_string(partition);
    l.segments.push_back({0, {}, {}, false});
    logs.push_back(std::move(l));
    return logs.size() - 1;
  }

  /// Appends and builds the record; nothing is on disk yet. That the ring has room is the test's to see to.
  void append(const std::vector<part>& parts, uint64_t durable) {
    model_group g;
    std::vector<uint8_t> inline_bytes;
    for (const part& p : parts) add_part(g, p, inline_bytes);
    const uint64_t size = record_size(g.entries.size(), inline_bytes.size());
    if (position_ + size > commit.size()) position_ = commit_ring_begin;
    g.position = position_;
    for (size_t i = checkpointed_groups; i < groups.size(); ++i) {
      const model_group& live = groups[i];
      ASSERT(position_ + size <= live.position || live.position + live.record.size() <= position_);
    }
    g.record.assign(size, 0);
    std::copy(inline_bytes.begin(), inline_bytes.end(),
              g.record.begin() + static_cast<ptrdiff_t>(record_header_bytes + g.entries.size() * record_entry_bytes));
    const record_header header{.commit_log = commit_log_id, .number = number_, .previous = previous_, .durable = durable};
    previous_ = seal_record(g.record, header, g.entries);
    ++number_;
    position_ += size;
    for (model_log& l : logs) g.ends.push_back(l.end());
    groups.push_back(std::move(g));
  }

  void write_record(const model_group& g) {
    std::copy(g.record.begin(), g.record.end(), commit.begin() + static_cast<ptrdiff_t>(g.position));
  }
  void write_directs(const model_group& g) {
    for (const auto& d : g.directs) model_log::write(logs[d.log].segments[d.segment], d.begin, d.end);
  }
  void complete(const model_group& g) {
    write_record(g);
    write_directs(g);
  }

  /// Everything so far goes to segments, and a checkpoint says so.
  void take_checkpoint() {
    for (model_log& l : logs) {
      for (auto& s : l.segments) {
        model_log::write(s, 0, s.truth.size());
        if (&s != &l.active()) s.file.resize(s.truth.size());  // closed
      }
    }
    latest.number += 1;
    latest.next_record = number_;
    latest.next_position = position_;
    latest.previous_digest = previous_;
    latest.logs.clear();
    for (model_log& l : logs) {
      latest.logs.push_back({l.id,
                             l.directory,
                             l.end(),
                             base::offset(l.log_start),
                             base::offset(0),
                             {{base::leader_epoch(1), base::offset(0)}},
                             l.damage});
    }
    if (latest.logs.size() > 0 && latest.logs[0].end.next == base::offset(0)) latest.logs[0].epochs.clear();
    checkpointed_groups = groups.size();
    slots[latest.number % 2] = encode_checkpoint(latest);
  }

  /// Puts all of it on a disk, durable.
  void put(sim::sim_disk& disk, bool with_commit_log = true) {
    disk.make_directories(data_dir + "/commit");
    if (with_commit_log) disk.put(layout::commit_file(data_dir, core), commit);
    for (unsigned slot = 0; slot < 2; ++slot) {
      if (!slots[slot].empty()) disk.put(layout::checkpoint_file(data_dir, core, slot), slots[slot]);
    }
    for (model_log& l : logs) {
      const std::string directory = data_dir + "/" + l.directory;
      disk.make_directories(directory);
      if (l.metadata) {
        const std::string text = encode_partition_metadata(l.id.topic);
        disk.put(layout::partition_metadata_file(directory), base::as_bytes(text));
      }
      for (auto& s : l.segments) {
        if (s.has_file) disk.put(directory + "/" + layout::log_file(base::offset(s.base)), s.file);
      }
    }
  }

  uint32_t core;
  uint64_t commit_log_id;
  std::vector<uint8_t> commit;
  std::vector<model_log> logs;
  std::vector<model_group> groups;  ///< group n is groups[n - 1]
  size_t checkpointed_groups = 0;
  checkpoint latest;
  std::vector<uint8_t> slots[2];
  uint64_t next_number() const { return number_; }

 private:
  void add_part(model_group& g, const part& p, std::vector<uint8_t>& inline_bytes) {
    model_log& l = logs[p.log];
    if (p.roll && !l.active().truth.empty()) l.segments.push_back({l.next, {}, {}, false});
    model_log::model_segment& s = l.active();
    const uint64_t before = s.truth.size();
    record_entry e{.id = l.id, .segment = base::offset(s.base), .first = base::offset(l.next)};
    for (std::vector<uint8_t> batch : p.batches) {
      base::store_big<int64_t>(batch.data(), l.next);
      l.next += record::header_view(batch.data()).last_offset_delta() + 1;
      s.truth.insert(s.truth.end(), batch.begin(), batch.end());
    }
    e.end = s.truth.size();
    e.next = base::offset(l.next);
    e.epoch = base::leader_epoch(1);
    const uint64_t back = std::min(block_floor(before), p.blocks_back * block_bytes);
    e.begin = p.direct || p.blocks_back > 0 ? block_floor(before) - back : before;
    e.direct_end = p.direct ? block_floor(e.end) : e.begin;
    if (e.direct_end <= e.begin) e.direct_end = e.begin;
    const base::bytes truth(s.truth);
    e.direct_crc = base::crc32c(0, truth.subspan(e.begin, e.direct_end - e.begin));
    e.inline_crc = base::crc32c(0, truth.subspan(e.direct_end));
    inline_bytes.insert(inline_bytes.end(), s.truth.begin() + static_cast<ptrdiff_t>(e.direct_end), s.truth.end());
    if (e.direct_end > e.begin) g.directs.push_back({p.log, l.segments.size() - 1, e.begin, e.direct_end});
    g.entries.push_back(e);
  }

  uint64_t number_ = 1;
  uint64_t position_ = commit_ring_begin;
  uint64_t previous_;
};

/// The bytes of a log's segment on disk, as a power cut would leave them.
inline std::vector<uint8_t> segment_on_disk(sim::sim_disk& disk, const model_log& l, int64_t segment) {
  auto contents = disk.durable_contents(data_dir + "/" + l.directory + "/" + layout::log_file(base::offset(segment)));
  return contents ? std::move(*contents) : std::vector<uint8_t>{};
}

/// Whether the disk holds the log exactly up to `end`: sealed segments cut to their bytes, the last one at least so long.
inline bool holds(sim::sim_disk& disk, const model_log& l, const log_point& end) {
  for (const auto& s : l.segments) {
    if (base::offset(s.base) > end.segment) return true;
    const std::vector<uint8_t> file = segment_on_disk(disk, l, s.base);
    const bool last = base::offset(s.base) == end.segment;
    const uint64_t size = last ? end.position : s.truth.size();
    if (last ? file.size() < size : file.size() != size) return false;
    if (!std::equal(file.begin(), file.begin() + static_cast<ptrdiff_t>(size), s.truth.begin())) return false;
  }
  return true;
}

}  // namespace millrace::storage::test
