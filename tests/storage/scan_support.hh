#pragma once

#include "recovery_support.hh"
#include "storage/log_manager.hh"
#include "storage/scan_recovery.hh"

/// Words that the tests of the way out share.

namespace millrace::storage::test {

struct scanned_disk : directory_on_disk {
  using directory_on_disk::directory_on_disk;
  base::result<recovered> scan() { return w.run(n, 0, recover_by_scan(n.core(), data_dir)); }
  bool exists(const std::string& path) { return n.disk().exists(path); }
};

inline std::string segment_path(const model_log& l, int64_t segment) {
  return data_dir + "/" + l.directory + "/" + layout::log_file(base::offset(segment));
}

inline void append(reference_writer& writer, part p, bool roll = false) {
  p.roll = roll;
  const uint64_t durable = writer.groups.size();
  writer.append({p}, durable);
  writer.complete(writer.groups.back());
}

/// A log of two segments, [0, 4) and [4, 8), all in them by a checkpoint; then a group that only the commit log holds.
inline reference_writer two_segments() {
  reference_writer writer;
  writer.add_log(1);
  append(writer, inline_part(0, 3000, 1, 2));
  append(writer, inline_part(0, 9000, 2, 2));
  append(writer, inline_part(0, 700, 3, 3), true);
  append(writer, inline_part(0, 5000, 4, 1));
  writer.take_checkpoint();
  append(writer, inline_part(0, 400, 5, 1));
  return writer;
}

/// Removes or damages what recover() needs.
inline void remove_checkpoints(sim::sim_disk& disk) {
  for (unsigned slot = 0; slot < 2; ++slot) (void)disk.remove(layout::checkpoint_file(data_dir, 0, slot));
}
inline void remove_commit_log(sim::sim_disk& disk) { REQUIRE(disk.remove(layout::commit_file(data_dir, 0)) == 0); }

/// The logs start from what was found and end a clean stop, as the boot does it.
inline reactor::task<base::result<void>> boot(log_manager* manager, reactor::core* on, const recovered* found,
                                              base::leader_epoch number) {
  std::vector<log_manager::taken> logs;
  for (const log_state& l : found->logs) logs.push_back({l, {}});
  CO_TRY_CHECK(co_await manager->start(std::move(logs), number, found->clean));
  std::string directory = data_dir;
  std::vector<std::string> superseded = found->superseded;
  CO_TRY_CHECK(co_await retire(*on, std::move(directory), std::move(superseded)));
  CO_TRY_CHECK(co_await manager->stop());
  co_return base::result<void>();
}

inline void check_boots(scanned_disk& d, const recovered& found) {
  log_manager manager(d.n.core(), {.data_dir = data_dir, .commits = {.file_bytes = 4096 + (1u << 20)}});
  REQUIRE(d.w.run(d.n, 0, boot(&manager, &d.n.core(), &found, found.start_number + 1)));
  CHECK_FALSE(d.exists(layout::recovered_file(data_dir)));
  const auto again = d.recover_now();
  REQUIRE(again);
  CHECK(again->clean);
  REQUIRE(again->logs.size() == found.logs.size());
  for (size_t i = 0; i < found.logs.size(); ++i) CHECK(again->logs[i].end == found.logs[i].end);
}

}  // namespace millrace::storage::test
