#include "broker/partition/producer_keeper.hh"

#include <algorithm>
#include <utility>

#include "broker/partition/broker_core.hh"
#include "broker/partition/producer_snapshot.hh"
#include "record/batch_view.hh"
#include "storage/layout.hh"

namespace millrace::broker {

namespace {

constexpr uint32_t read_bytes = 1 << 20;
constexpr base::duration look_again = base::milliseconds(1);
constexpr base::duration stop_time_max = base::seconds(3);
constexpr unsigned stop_workers = 16;
constexpr base::duration look_interval = base::milliseconds(int64_t{600} * 1000);
/// What a producer takes: itself, and its place in the map.
constexpr size_t producer_bytes = sizeof(tracked_producer) + 48;

size_t count_max(const producer_options& options, reactor::core& on) {
  return options.count_max > 0 ? options.count_max : on.memory().capacity() / 16 / producer_bytes;
}

std::string snapshot_path(broker_core& of, const storage::log& l) {
  return storage::layout::producers_file(storage::layout::log_directory(of.logs().data_dir(), l.directory()));
}

/// Notes every batch of a read that has a producer id. The offset behind the last batch; `from` where there is none.
base::offset note_batches(producer_table& table, const storage::read_result& got, base::offset from, base::unix_ms now) {
  std::vector<uint8_t> joined;
  record::batch_iterator batches(storage::reader::in_one_piece(got, joined));
  while (!batches.done()) {
    const auto batch = batches.next();
    if (!batch) break;
    from = batch->next_offset();
    if (batch->has_producer_id()) table.note(*batch, batch->base_offset(), from, now);
  }
  return from;
}

}  // namespace

producer_keeper::producer_keeper(broker_core& of, producer_options options)
    : of_(of),
      ages_(broker::count_max(options, of.on()), options.expiration, of.on().random().next()),
      look_(std::min(look_interval, options.expiration)),
      unkept_bytes_max_(options.unkept_bytes_max),
      expiry_(*this) {}

void producer_keeper::start() { of_.on().timers().arm(expiry_, of_.on().now() + look_); }

void producer_keeper::expiry::run(reactor::core& on) {
  of_.ages_.expire(on.wall_clock());
  on.timers().arm(*this, on.now() + of_.look_);
}

// ---- what is wanted, one partition after the other

void producer_keeper::want(partition& p) {
  if (p.producers().queued || stopping_) return;
  p.producers().queued = true;
  queue_.push_back(p.log().id());
  if (running_) return;
  running_ = true;
  of_.background().spawn(run(), "producer states");
}

void producer_keeper::note_appended(partition& p, uint64_t bytes) {
  kept_producers& own = p.producers();
  if (p.log().producers_from() == p.log().end()) return;
  own.bytes_unkept += bytes;
  if (own.bytes_unkept >= unkept_bytes_max_) want(p);
}

bool producer_keeper::ending() const noexcept { return stopping_ && of_.on().now() >= stop_limit_; }

reactor::task<void> producer_keeper::run() {
  while (!queue_.empty() && !stopping_) {
    const storage::log_id id = queue_.front();
    queue_.pop_front();
    if (partition* p = of_.find(id)) p->producers().queued = false;
    co_await serve(id);
  }
  running_ = false;
}

reactor::task<void> producer_keeper::serve(storage::log_id id) {
  partition* p = of_.find(id);
  if (p == nullptr) co_return;
  ++p->producers().turns_begun;
  const bool wanted = std::exchange(p->producers().wanted, false);
  co_await load(id);
  p = of_.find(id);
  if (p == nullptr) co_return;
  const bool due = wanted || p->producers().bytes_unkept >= unkept_bytes_max_;
  if (p->producers().loaded && due) co_await keep(id);
  p = of_.find(id);
  if (p != nullptr) p->producers().turns_ended = p->producers().turns_begun;
}

// ---- loading

reactor::task<void> producer_keeper::load(storage::log_id id) {
  const partition* before = of_.find(id);
  if (before == nullptr || before->producers().loaded) co_return;
  const base::offset from = co_await restore(id);
  const bool complete = co_await replay(id, from);
  partition* p = of_.find(id);
  if (p == nullptr || stopping_) co_return;
  if (complete) {
    p->producers().loaded = true;
  } else {
    p->producers().table.clear();
    p->refuse_numbered(base::errc::storage);
  }
  of_.logs().room().wake_all();
}

/// Takes over what the snapshot has. From where on the log must be read.
reactor::task<base::offset> producer_keeper::restore(storage::log_id id) {
  std::string path = snapshot_path(of_, of_.find(id)->log());
  const std::string name = path;
  const auto kept =
      co_await storage::read_state(of_.on(), std::move(path), producer_snapshot_format, producer_snapshot_bytes_max);
  partition* p = of_.find(id);
  if (p == nullptr) co_return base::offset{0};
  if (!kept && kept.error().code == base::errc::not_found) co_return p->log().producers_from();
  base::result<producer_snapshot> found = producer_snapshot{};
  if (kept) {
    found = decode_producers(base::as_bytes(*kept));
    if (!found) {
      of_.on().log().error("broker", "producer snapshot is not well-formed", base::field("path", name));
    }
  }
  // What cannot be used, or is ahead of a log that has lost its end, is made up for by reading the whole log.
  if (!kept || !found || found->covers > p->producers().recovered_end) co_return p->log().log_start();
  const base::unix_ms now = of_.on().wall_clock();
  for (const producer_state& one : found->producers) p->producers().table.restore(one, now);
  co_return std::max(p->log().producers_from(), found->covers);
}

/// False where something could not be read: who asks later may find that it can.
reactor::task<bool> producer_keeper::replay(storage::log_id id, base::offset from) {
  base::offset at = from;
  while (!stopping_) {
    partition* p = of_.find(id);
    if (p == nullptr) co_return false;
    at = p->log().behind_damage(std::max(at, p->log().log_start()));
    if (at >= p->producers().recovered_end) co_return true;
    const auto plan = p->log().plan_read(at, read_bytes, true);
    if (!plan) continue;  // its begin moved, or damage was found: looked at anew
    const auto got = co_await of_.logs().reader().read(id, *plan);
    p = of_.find(id);
    if (p == nullptr || stopping_) co_return false;
    const base::offset next =
        got ? note_batches(p->producers().table, *got, at, of_.on().wall_clock()) : p->log().behind_damage(at);
    if (next == at) {
      of_.on().log().error("broker", "log cannot be read: batches of its idempotent producers are refused meanwhile",
                           base::field("log", p->log().directory()), base::field("offset", at));
      co_return false;
    }
    at = next;
    co_await reactor::next_turn(of_.on());
  }
  co_return false;
}

// ---- keeping

reactor::task<void> producer_keeper::keep(storage::log_id id) {
  partition* p = of_.find(id);
  // At a stop two tasks may come to the same one; what the first leaves is the second's.
  while (p != nullptr && p->producers().being_kept && !ending()) {
    co_await reactor::sleep(of_.on(), look_again);
    p = of_.find(id);
  }
  if (p == nullptr || ending() || p->log().producers_from() == p->log().end()) co_return;
  const base::offset covers = p->log().end();
  p->producers().being_kept = true;
  const auto written = co_await write_snapshot(id, covers);
  p = of_.find(id);
  if (p == nullptr) co_return;
  p->producers().being_kept = false;
  if (written) {
    p->log().producers_kept(covers);
  } else if (written.error().code != base::errc::closed) {
    of_.on().log().warn("broker", "producer snapshot cannot be written", base::field("log", p->log().directory()),
                        base::field("error", written.error()));
  }
}

/// Of all that is appended now, once it is durable: a snapshot never knows what the log may still lose. Errors: closed where
/// it will not be, those of replace_state.
reactor::task<base::result<void>> producer_keeper::write_snapshot(storage::log_id id, base::offset covers) {
  partition* p = of_.find(id);
  std::string path = snapshot_path(of_, p->log());
  std::string payload = encode_producers(p->producers().table, covers);
  p->producers().bytes_unkept = 0;
  const bool durable = co_await is_durable(id, covers);
  if (!durable) co_return base::fail(base::errc::closed);
  const auto written =
      co_await storage::replace_state(of_.on(), std::move(path), producer_snapshot_format, std::move(payload));
  co_return written;
}

/// False where it will not be, or a stop cannot wait for it.
reactor::task<bool> producer_keeper::is_durable(storage::log_id id, base::offset upto) {
  while (true) {
    partition* p = of_.find(id);
    if (p == nullptr || p->log().offline() || ending()) co_return false;
    if (p->log().durable() >= upto) co_return true;
    co_await reactor::sleep(of_.on(), look_again);
  }
}

reactor::task<base::result<void>> producer_keeper::keep_below(storage::log_id id, base::offset start) {
  partition* p = of_.find(id);
  // By the time that the snapshot is there it may be in the log, with batches that the snapshot does not know.
  if (p != nullptr && start > p->log().end()) co_return base::fail(base::errc::out_of_range);
  if (p != nullptr && p->log().producers_from() < start) {
    p->producers().wanted = true;
    want(*p);
    // A turn that has begun already may know less.
    const uint64_t turn = p->producers().turns_begun + 1;
    while (p != nullptr && p->producers().turns_ended < turn && !stopping_) {
      co_await reactor::sleep(of_.on(), look_again);
      p = of_.find(id);
    }
  }
  if (p == nullptr || stopping_) co_return base::fail(base::errc::closed);
  if (p->log().producers_from() < start) co_return base::fail(base::errc::storage);
  co_return base::result<void>();
}

void producer_keeper::keep_all() {
  stopping_ = true;
  stop_limit_ = of_.on().now() + stop_time_max;
  of_.on().timers().disarm(expiry_);
  queue_.clear();
  of_.each([&](partition& p) {
    if (p.producers().loaded && p.log().producers_from() < p.log().end()) queue_.push_back(p.log().id());
  });
  std::ranges::sort(queue_);
  for (unsigned i = 0; i < stop_workers && i < queue_.size(); ++i) of_.background().spawn(keep_rest(), "producer states");
}

reactor::task<void> producer_keeper::keep_rest() {
  while (!queue_.empty() && !ending()) {
    const storage::log_id id = queue_.front();
    queue_.pop_front();
    co_await keep(id);
  }
}

}  // namespace millrace::broker
