#include <functional>

#include "scan_support.hh"

/// The way out, interrupted after each of its operations: the next one finds what it would have found, and what it put aside
/// is all there.

namespace millrace::storage {
namespace {

using namespace test;

struct harmed {
  const char* name;
  std::function<void(reference_writer&)> harm;
  bool with_commit_log = true;
};

void lose_checkpoints(reference_writer& w) {
  for (auto& slot : w.slots) slot.clear();
}

/// The active segment goes on with what is no batch of this log.
void add_leftover(reference_writer& w) {
  auto& last = w.logs[0].segments[1];
  last.file.resize(64 << 10);
  const auto leftover = make_batch(w.latest.logs[0].end.next.value() + 1, 2, 3000, 9);
  std::copy(leftover.begin(), leftover.end(), last.file.begin() + static_cast<ptrdiff_t>(w.latest.logs[0].end.position));
}

const std::vector<harmed> directories = {
    {"checkpoints lost", lose_checkpoints},
    {"commit log lost", [](reference_writer&) {}, false},
    {"a damaged batch in the first segment",
     [](reference_writer& w) {
       w.logs[0].segments[0].file[w.groups[0].ends[0].position + 4000] ^= 1;
       lose_checkpoints(w);
     }},
    {"a leftover behind the last batch", add_leftover, false},
};

/// A directory of which recover() makes nothing.
void put(scanned_disk& d, const harmed& how) {
  reference_writer writer = two_segments();
  writer.latest.start_number = base::leader_epoch(6);
  writer.latest.logs[0].log_start = base::offset(1);
  writer.slots[writer.latest.number % 2] = encode_checkpoint(writer.latest);
  how.harm(writer);
  writer.put(d.n.disk(), how.with_commit_log);
  REQUIRE_FALSE(d.recover_now());
}

using contents_by_path = std::map<std::string, std::vector<uint8_t>>;

/// Every file under the data directory.
contents_by_path files_of(const scanned_disk& d, const std::string& directory = data_dir) {
  contents_by_path all;
  const auto entries = const_cast<scanned_disk&>(d).n.disk().list(directory);
  REQUIRE(entries);
  for (const auto& e : *entries) {
    const std::string path = directory + "/" + e.name;
    if (e.is_directory) {
      all.merge(files_of(d, path));
    } else {
      all[path] = *const_cast<scanned_disk&>(d).n.disk().contents(path);
    }
  }
  return all;
}

bool is_zeros(base::bytes bytes) {
  return std::ranges::all_of(bytes, [](uint8_t b) { return b == 0; });
}

/// Whether all bytes of a file are there: in it, or beside it as a whole or from the block on in which it was cut.
bool is_kept(const std::string& path, const std::vector<uint8_t>& before, const contents_by_path& now) {
  const auto still = now.find(path);
  const bool cut = still != now.end() && still->second.size() <= before.size() &&
                   std::equal(still->second.begin(), still->second.end(), before.begin());
  const base::bytes gone = base::bytes(before).subspan(cut ? still->second.size() : 0);
  if (cut && is_zeros(gone)) return true;
  const base::bytes wanted = base::bytes(before).subspan(cut ? block_floor(still->second.size()) : 0);
  return std::ranges::any_of(now, [&](const auto& file) {
    return file.first.starts_with(path + ".before-scan") && std::ranges::equal(file.second, wanted);
  });
}

/// An epoch that began below the log's start goes on there: a checkpoint may say so or not.
std::vector<log_state> from_log_start(std::vector<log_state> logs) {
  for (log_state& l : logs) {
    for (epoch_start& e : l.epochs) e.first = std::max(e.first, l.log_start);
  }
  return logs;
}

void check_same(const recovered& found, const recovered& expected) {
  CHECK(from_log_start(found.logs) == from_log_start(expected.logs));
  CHECK(found.start_number >= expected.start_number);
}

reactor::task<base::result<void>> scan_and_start(log_manager* manager, reactor::core* on) {
  std::string directory = data_dir;
  const auto found = co_await recover_by_scan(*on, std::move(directory));
  if (!found) co_return found.failure();
  std::vector<log_manager::taken> logs;
  for (const log_state& l : found->logs) logs.push_back({l, {}});
  CO_TRY_CHECK(co_await manager->start(std::move(logs), found->start_number + 1, found->clean));
  directory = data_dir;
  std::vector<std::string> superseded = found->superseded;
  const auto retired = co_await retire(*on, std::move(directory), std::move(superseded));
  co_return retired;
}

/// False where all of it was over before so many operations.
bool crash_after(scanned_disk& d, uint64_t steps, sim::crash_options how) {
  auto manager = std::make_unique<log_manager>(
      d.n.core(), storage_options{.data_dir = data_dir, .commits = {.file_bytes = 4096 + (1u << 20)}});
  const uint64_t first = d.n.port().ended();
  auto running = d.w.start(d.n, 0, scan_and_start(manager.get(), &d.n.core()));
  REQUIRE(d.w.run_until([&] { return running->done() || d.n.port().ended() >= first + steps; }, base::seconds(60)));
  const bool over = running->done();
  if (over) CHECK(running->take());
  d.w.crash(d.n, how);
  manager->abandon();
  running.reset();
  manager.reset();
  d.w.restart(d.n, 1);
  return !over;
}

TEST_CASE("scan: interrupted at any step, the next recovery finds the same, and nothing that was put aside is lost") {
  for (const harmed& how : directories) {
    CAPTURE(std::string(how.name));
    recovered expected;
    {
      scanned_disk d;
      put(d, how);
      const auto found = d.scan();
      REQUIRE(found);
      expected = *found;
    }
    REQUIRE(expected.logs.size() == 1);
    uint64_t most = 0;
    for (uint64_t seed = 1; seed <= 6; ++seed) {
      CAPTURE(seed);
      bool interrupted = true;
      for (uint64_t steps = 0; interrupted; ++steps) {
        CAPTURE(steps);
        scanned_disk d(seed);
        put(d, how);
        const contents_by_path before = files_of(d);
        base::prng random = d.w.stream("crashes");
        const auto crash = [&] {
          return sim::crash_options{random.chance(0.2) ? sim::crash_kind::process : sim::crash_kind::power, -1};
        };
        interrupted = crash_after(d, steps, crash());
        if (random.chance(0.3)) (void)crash_after(d, random.below(steps + 1), crash());
        most = std::max(most, steps);
        // Where a normal start is content again, it finds the same.
        const auto normal = d.recover_now();
        if (normal) check_same(*normal, expected);
        const auto again = d.scan();
        REQUIRE(again);
        check_same(*again, expected);
        const contents_by_path now = files_of(d);
        for (const auto& [path, bytes] : before) {
          CAPTURE(path);
          CHECK(is_kept(path, bytes, now));
        }
        check_boots(d, *again);
      }
    }
    CHECK(most > 30);
  }
}

}  // namespace
}  // namespace millrace::storage
