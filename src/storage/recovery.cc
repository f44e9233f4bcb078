#include "storage/recovery.hh"

#include <algorithm>
#include <utility>

#include "base/mutant.hh"
#include "reactor/file.hh"
#include "storage/checkpoint.hh"
#include "storage/layout.hh"
#include "storage/redo.hh"
#include "storage/survey.hh"

namespace millrace::storage {

using base::field;
using base::result;
using reactor::task;

namespace {

/// The one checkpoint for all logs. Without it, the first core to write its own would supersede the only word about logs
/// that have moved to a core whose first checkpoint is not durable yet.
task<result<void>> write_recovered(reactor::core& on, std::string data_dir, const recovered* found) {
  const checkpoint all{.number = UINT64_MAX,
                       .start_number = found->start_number,
                       .core = recovered_core,
                       .clean = found->clean,
                       .logs = found->logs};
  const std::vector<uint8_t> encoded = encode_checkpoint(all);
  std::string path = layout::recovered_file(data_dir);
  std::string contents(base::as_text(encoded));
  const result<void> written = co_await reactor::replace_file(on, std::move(path), std::move(contents));
  if (!written) {
    on.log().error("storage", "what recovery found cannot be written", field("path", layout::recovered_file(data_dir)),
                   field("error", written.error()));
  }
  co_return written;
}

void list_superseded(const std::string& data_dir, const survey& found, recovered& result) {
  for (const uint32_t core : found.cores) {
    result.superseded.push_back(layout::commit_file(data_dir, core));
    result.superseded.push_back(layout::checkpoint_file(data_dir, core, 0));
    result.superseded.push_back(layout::checkpoint_file(data_dir, core, 1));
  }
  result.superseded.push_back(layout::recovered_file(data_dir));
}

}  // namespace

task<result<recovered>> recover(reactor::core& on, std::string data_dir, size_t memory_max) {
  std::string argument = data_dir;
  result<survey> surveyed = co_await take_survey(on, std::move(argument));
  if (!surveyed) co_return surveyed.failure();
  survey& found = *surveyed;
  redo again(on, data_dir, found, memory_max);
  for (checkpoint& c : found.to_redo) {
    if (base::mutated(base::mutant::replay_own_commit_log_only) && c.core != on.id().value()) continue;
    const result<void> done = co_await again.run(std::move(c));
    if (!done) co_return done.failure();
  }
  if (!found.clean) {
    const result<void> finished = co_await again.finish();
    if (!finished) {
      on.log().error("storage", "recovery failed", field("error", finished.error()));
      co_return finished.failure();
    }
  }
  recovered all;
  all.logs = again.states();
  if (base::mutated(base::mutant::reuse_offset)) {
    for (log_state& l : all.logs) l.end.next = std::max(l.end.segment, l.end.next - 1);
  }
  all.clean = found.clean;
  all.start_number = found.start_number;
  all.records = again.records();
  all.bytes = again.bytes();
  all.cut_groups = again.cut_groups();
  all.deleted = std::move(found.deleted);
  list_superseded(data_dir, found, all);
  if (found.any_checkpoint || !all.logs.empty()) {
    argument = data_dir;
    const result<void> written = co_await write_recovered(on, std::move(argument), &all);
    if (!written) co_return written.failure();
  }
  on.log().info("storage", "recovered", field("logs", all.logs.size()), field("clean", all.clean),
                field("records", all.records), field("bytes", all.bytes), field("cut_groups", all.cut_groups));
  co_return std::move(all);
}

}  // namespace millrace::storage
