#include <optional>

#include "../storage/reference_writer.hh"
#include "fuzz.hh"
#include "storage/data_dir.hh"
#include "storage/log_manager.hh"
#include "storage/recovery.hh"
#include "storage/scan_recovery.hh"

/// A data directory as a broker left it, then damaged as the input says: commit logs, checkpoints and segments with bytes
/// changed, cut, swapped. Recovery yields logs or refuses; what it yields can be started, read and appended to, and
/// recovered once more. The same for the recovery by scan.

namespace millrace::fuzz {

namespace {

namespace st = storage;
namespace model = storage::test;
using reactor::task;

constexpr size_t changes_max = 24;

/// A history, by the input: groups of small and large batches for one or two logs, some with rolls and direct writes.
model::reference_writer make_history(source& from) {
  model::reference_writer writer(uint64_t{1} << 20);
  const size_t logs = 1 + from.byte() % 2;
  for (size_t i = 0; i < logs; ++i) writer.add_log(i + 1);
  writer.take_checkpoint();
  const unsigned groups = from.byte() % 8;
  for (unsigned i = 0; i < groups; ++i) {
    const uint8_t what = from.byte();
    model::part p{.log = what % logs};
    const size_t payload = (what & 0x10) != 0 ? 9000 : 50 + from.byte() * 8u;
    for (unsigned b = 0; b <= (what >> 1 & 1u); ++b)
      p.batches.push_back(model::make_batch(0, 1 + (what >> 2 & 3), payload, what));
    p.roll = (what & 0x20) != 0;
    p.direct = (what & 0x40) != 0;
    writer.append({p}, writer.groups.size());
    writer.complete(writer.groups.back());
    if ((what & 0x80) != 0) writer.take_checkpoint();
  }
  return writer;
}

/// One change of one file.
void change(source& from, std::vector<uint8_t>& file) {
  const uint8_t how = from.byte();
  const uint32_t where = from.four();
  if (file.empty()) return;
  // Small positions hold headers: half of the changes go there.
  const size_t at = (how & 0x80) != 0 ? where % file.size() : where % std::min<size_t>(file.size(), 256);
  switch (how & 7) {
    case 0:
      file[at] ^= static_cast<uint8_t>(1u << (from.byte() & 7));
      return;
    case 1:
      file[at] = from.byte();
      return;
    case 2:
      std::fill_n(file.begin() + static_cast<ptrdiff_t>(at), std::min<size_t>(file.size() - at, 4096), 0);
      return;
    case 3:
      file.resize(at);
      return;
    case 4: {
      const base::bytes piece = from.take(from.byte());
      const size_t size = std::min(piece.size(), file.size() - at);
      std::copy_n(piece.begin(), size, file.begin() + static_cast<ptrdiff_t>(at));
      return;
    }
    case 5: {  // a block moved to where another was
      const size_t block = at / 4096 * 4096;
      const size_t other = from.two() * size_t{4096} % file.size() / 4096 * 4096;
      const size_t size = std::min({size_t{4096}, file.size() - block, file.size() - other});
      std::copy_n(file.begin() + static_cast<ptrdiff_t>(other), size, file.begin() + static_cast<ptrdiff_t>(block));
      return;
    }
    case 6:
      file.resize(file.size() + (where & 0xffff), from.byte());
      return;
    default:
      file.clear();
      return;
  }
}

/// What the newest checkpoint says, changed and sealed again: what a bug of ours, or of an older version, might have
/// written.
void change_checkpoint(source& from, model::reference_writer& writer) {
  st::checkpoint c = writer.latest;
  const uint64_t value = from.four();
  switch (from.byte() % 8) {
    case 0:
      c.next_record = value;
      break;
    case 1:
      c.next_position = value;
      break;
    case 2:
      c.clean = !c.clean;
      break;
    case 3:
      c.core = static_cast<uint32_t>(value);
      break;
    case 4:
      c.start_number = base::leader_epoch(static_cast<int32_t>(value));
      break;
    case 5:
      if (!c.logs.empty()) c.logs[0].end.position = value;
      break;
    case 6:
      if (!c.logs.empty()) c.logs[0].end.next = base::offset(static_cast<int64_t>(value));
      break;
    default:
      if (!c.logs.empty()) c.logs[0].log_start = base::offset(static_cast<int64_t>(value));
      break;
  }
  writer.slots[c.number % 2] = st::encode_checkpoint(c);
}

void damage(source& from, model::reference_writer& writer) {
  for (size_t i = 0; i < changes_max && !from.empty(); ++i) {
    const uint8_t which = from.byte();
    model::model_log& l = writer.logs[which / 8 % writer.logs.size()];
    switch (which % 8) {
      case 0:
      case 1:
        change(from, writer.commit);
        break;
      case 2:
        change(from, writer.slots[0]);
        break;
      case 3:
        change(from, writer.slots[1]);
        break;
      case 4:
        change(from, l.active().file);
        break;
      case 5:
        change(from, l.segments.front().file);
        break;
      case 6:
        change_checkpoint(from, writer);
        break;
      default:
        l.metadata = !l.metadata;
        break;
    }
  }
}

task<base::result<void>> append_one(reactor::core* on, st::log* l, base::leader_epoch epoch) {
  const std::vector<uint8_t> bytes = model::make_batch(0, 1, 100, 7);
  const auto batch = record::batch_view::frame(bytes);
  for (int tries = 0; tries < 100; ++tries) {
    const auto done = l->append(*batch, epoch, st::crc_check::compute);
    if (done) break;
    if (done.error().code != base::errc::busy) co_return done.failure();
    co_await reactor::sleep(*on, base::milliseconds(10));
  }
  co_return base::result<void>();
}

task<base::result<uint64_t>> read_all(st::log_manager* manager, st::log_id id) {
  uint64_t bytes = 0;
  base::offset at = manager->find(id)->log_start();
  while (true) {
    st::log* l = manager->find(id);
    const auto plan = l->plan_read(at, 1 << 20, true);
    if (!plan) co_return plan.failure();
    if (plan->empty()) co_return bytes;
    const st::read_plan steps = *plan;
    const auto got = co_await manager->reader().read(id, steps);
    if (!got) co_return got.failure();
    if (got->bytes == 0) co_return bytes;
    bytes += got->bytes;
    const st::slice& last = got->slices.back();
    record::batch_iterator batches(base::bytes(last.data, last.size));
    // A slice may begin inside of a batch; the offsets are looked up by the next plan.
    base::offset next = at + 1;
    if (got->slices.size() == 1) {
      while (!batches.done()) {
        const auto batch = batches.next();
        if (!batch) break;
        next = batch->next_offset();
      }
    }
    ASSERT(next > at);
    at = next;
  }
}

/// Starts the logs, reads and appends, and stops cleanly. False where the start was refused.
void use(sim::world& w, sim::node& n, const st::recovered& found) {
  const auto epoch = w.run(n, 0, st::raise_start_number(n.core(), model::data_dir, found.start_number));
  if (!epoch) return;
  auto manager = std::make_unique<st::log_manager>(
      n.core(), st::storage_options{model::data_dir, {st::commit_file_bytes_min, 16 << 10, 2}});
  std::vector<st::log_manager::taken> logs;
  for (const st::log_state& l : found.logs) logs.push_back({l, st::log_config{}});
  const auto started = w.run(n, 0, manager->start(std::move(logs), *epoch, found.clean));
  if (!started) {
    w.crash(n, {.kind = sim::crash_kind::process});
    manager->abandon();
    return;
  }
  for (const st::log_state& l : found.logs) {
    (void)w.run(n, 0, read_all(manager.get(), l.id));
    (void)w.run(n, 0, append_one(&n.core(), manager->find(l.id), *epoch));
  }
  (void)w.run(n, 0, manager->stop());
  manager.reset();
  w.crash(n, {.kind = sim::crash_kind::power});
}

void recover_and_use(const model::reference_writer& image, bool by_scan) {
  sim::world w(1);
  sim::node& n = w.add_node();
  model::reference_writer copy = image;
  copy.put(n.disk());
  for (int round = 0; round < 2; ++round) {
    if (!w.run(n, 0, st::claim(n.core(), model::data_dir))) return;
    const auto found = by_scan && round == 0 ? w.run(n, 0, st::recover_by_scan(n.core(), model::data_dir))
                                             : w.run(n, 0, st::recover(n.core(), model::data_dir));
    if (!found) return;
    use(w, n, *found);
    if (n.running()) w.crash(n, {.kind = sim::crash_kind::process});
    w.restart(n, 1);
  }
}

}  // namespace

void recovery_image(base::bytes input) {
  source from(input);
  const bool by_scan = from.byte() % 4 == 0;
  model::reference_writer writer = make_history(from);
  damage(from, writer);
  recover_and_use(writer, by_scan);
}

}  // namespace millrace::fuzz
