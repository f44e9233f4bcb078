#include "workload/damage.hh"

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "record/batch_view.hh"
#include "storage/layout.hh"
#include "workload/batches.hh"

namespace millrace::swarm {

namespace {

constexpr uint64_t sector = 512;

/// A segment of a partition.
struct victim {
  partition_model* partition;
  std::string path;
};

/// Where a batch's records lie in a file.
struct place {
  read_batch batch;
  uint64_t begin = 0;
  uint64_t end = 0;
};

std::string directory_of(const partition_model& p) { return storage::layout::log_directory("/data", p.name); }

/// The bases of its segments, ascending.
std::vector<int64_t> segments_of(const sim::sim_disk& disk, const partition_model& p) {
  std::vector<int64_t> bases;
  const auto names = disk.list(directory_of(p));
  if (!names) return bases;
  for (const reactor::directory_entry& e : *names) {
    if (const auto base = storage::layout::parse_log_file(e.name)) bases.push_back(base->value());
  }
  std::sort(bases.begin(), bases.end());
  return bases;
}

/// Batches back to back from the file's begin, as far as they are known to be there.
std::vector<place> places_in(base::bytes file, const partition_model& p) {
  std::vector<place> found;
  for (uint64_t at = 0; at + record::header::size <= file.size();) {
    const auto framed = record::batch_view::frame(file.subspan(at));
    if (!framed) break;
    const uint64_t end = at + framed->data().size();
    read_batches one;
    if (take_apart(file.subspan(at, end - at), one) && one.size() == 1 && p.acked.holds(one[0])) {
      found.push_back({one[0], at + record::header::size, end});
    }
    at = end;
  }
  return found;
}

/// A sector that was meant for one place of the batch lies in another one.
bool misdirect(sim::sim_disk& disk, const std::string& path, const place& p, base::prng& random) {
  const uint64_t first = (p.begin + sector - 1) / sector;
  const uint64_t limit = p.end / sector;
  if (limit < first + 2) return false;
  const uint64_t source = first + random.below(limit - first);
  const uint64_t target = first + random.below(limit - first);
  return source != target && disk.misdirect(path, source * sector, target * sector, sector);
}

/// What was done; empty where nothing was.
std::string harm(sim::sim_disk& disk, const std::string& path, const place& p, base::prng& random) {
  static constexpr const char* names[] = {"a flipped bit", "zeros", "garbage"};
  const uint64_t how = random.below(4);
  if (how == 3) return misdirect(disk, path, p, random) ? "a misdirected sector" : "";
  const uint64_t longest = how == 0 ? 1 : std::min<uint64_t>(p.end - p.begin, 4096);
  const uint64_t length = how == 0 ? 1 : std::min<uint64_t>(longest, 16 + random.below(longest));
  const uint64_t at = p.begin + random.below(p.end - p.begin - length + 1);
  return disk.corrupt(path, at, length, static_cast<sim::damage>(how)) ? names[how] : "";
}

}  // namespace

void note_settled(const sim::sim_disk& disk, model& m) {
  for (const topic_ref& t : m.topics) {
    for (partition_model& p : t->partitions) {
      const std::vector<int64_t> bases = segments_of(disk, p);
      p.settled_below = bases.empty() ? 0 : bases.back();
    }
  }
}

std::string harm_one_batch(sim::sim_disk& disk, model& m, base::prng& random) {
  std::vector<victim> victims;
  for (const topic_ref& t : m.topics) {
    if (t->compaction.on) continue;
    for (partition_model& p : t->partitions) {
      for (const int64_t base : segments_of(disk, p)) {
        if (base >= p.settled_below) break;
        victims.push_back({&p, directory_of(p) + "/" + storage::layout::log_file(base::offset(base))});
      }
    }
  }
  if (victims.empty()) return "";
  const victim& chosen = victims[random.below(victims.size())];
  const auto before = disk.contents(chosen.path);
  if (!before) return "";
  const std::vector<place> places = places_in(*before, *chosen.partition);
  if (places.empty()) return "";
  const place& p = places[random.below(places.size())];
  const std::string what = harm(disk, chosen.path, p, random);
  if (what.empty() || *disk.contents(chosen.path) == *before) return "";
  chosen.partition->damaged = p.batch;
  return fmt::format("{} in {}", what, at_offset(chosen.partition->name, p.batch.base));
}

}  // namespace millrace::swarm
