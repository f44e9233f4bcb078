#include <algorithm>

#include "api/kafka/connection.hh"
#include "api/kafka/door.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/produce_exchange.hh"
#include "record/record_walker.hh"

/// The batches of a Produce request that are too much for one turn, opened in steps with turns of others between.

namespace millrace::api::kafka {

namespace {
constexpr base::duration step_time = base::microseconds(500);
constexpr size_t step_bytes = 64 << 10;
constexpr size_t packed_step_bytes = 16 << 10;  // at the slowest levels this alone takes longer than step_time
constexpr int steps_in_turn_max = 16;

/// Calls `step` until it says that all is done, or fails, 500 us at a time.
template <class Step>
reactor::task<base::result<void>> in_steps(reactor::core& on, Step step) {
  while (true) {
    const base::instant begin = on.effects().clock();
    for (int i = 0; i < steps_in_turn_max && on.effects().clock() - begin < step_time; ++i) {
      const base::result<bool> done = step();
      if (!done) co_return done.failure();
      if (*done) co_return base::result<void>();
    }
    co_await reactor::next_turn(on);
  }
}

}  // namespace

reactor::task<void> produce_exchange::admit_slowly() {
  while (true) {
    const progress made = admit_rest();
    // What is checked goes on its way: each turn copies its own share.
    send_works();
    if (made == progress::through) break;
    if (made == progress::next_turn) {
      co_await reactor::next_turn(door_.on());
    } else {
      of().pause();
      co_await admit_in_steps(&entries_[next_]);
      ++next_;
    }
  }
  all_sent();
}

reactor::task<void> produce_exchange::admit_in_steps(entry* e) {
  const record::header_view header(e->records.data());
  if (!header.is_compressed() && wanted_codec(topic_of(*e)->config.compression, header.codec()) == header.codec()) {
    co_await admit_plain(e);
    co_return;
  }
  for (opening_lane* lane : {&door_.quick_lane(), &door_.long_lane()}) {
    co_await lane->enter();
    const opening ended = co_await admit_in(lane, e);
    lane->leave();
    if (ended == opening::concluded) co_return;
  }
}

/// A plain batch: nothing to hold but its bytes.
reactor::task<void> produce_exchange::admit_plain(entry* e) {
  const auto batch = record::batch_view::frame(e->records);
  e->fault_begin = faults_.size();
  record::record_walker walker(rules_for(*e, *topic_of(*e)));
  base::bytes rest = batch->records();
  const base::result<void> done = co_await in_steps(door_.on(), [this, &walker, &rest]() -> base::result<bool> {
    if (of().aborted()) return base::fail(base::errc::canceled);
    const base::bytes piece = rest.first(std::min(rest.size(), step_bytes));
    rest = rest.subspan(piece.size());
    TRY_CHECK(walker.feed(piece));
    if (!rest.empty()) return false;
    TRY_CHECK(walker.finish());
    return true;
  });
  base::result<record::walk_summary> walked = walker.summary();
  if (!done) walked = done.failure();
  if (still_there(*e, done) && conclude(*e, *topic_of(*e), walked, true)) route(*e, *topic_of(*e));
}

/// Opens, and packs anew where the topic wants that, in a lane that is ours. `outgrown`: it needs a longer one.
reactor::task<produce_exchange::opening> produce_exchange::admit_in(opening_lane* lane, entry* e) {
  // While it waited for the lane its topic may have gone or changed.
  const broker::topic_info* topic = of().aborted() ? nullptr : look_at(*e);
  if (topic == nullptr) {
    refuse(*e, error_code(base::errc::canceled));
    co_return opening::concluded;
  }
  const auto batch = record::batch_view::frame(e->records);
  e->fault_begin = faults_.size();
  const uint64_t bytes_max = std::min(topic->config.decompressed_bytes_max, lane->bytes_max());
  record::batch_walk walk(*batch, rules_for(*e, *topic), lane->unpacker(), bytes_max);
  const base::result<void> opened = co_await in_steps(door_.on(), [this, &walk, lane]() -> base::result<bool> {
    if (of().aborted()) return base::fail(base::errc::canceled);
    const auto step = walk.step(step_bytes);
    lane->note_held();
    return step;
  });
  const bool too_large = !opened && opened.error().code == base::errc::too_large;
  if (too_large && lane != &door_.long_lane()) {
    faults_.resize(e->fault_begin);
    co_return opening::outgrown;
  }
  base::result<record::walk_summary> walked = walk.summary();
  if (!opened) walked = opened.failure();
  if (!still_there(*e, opened)) co_return opening::concluded;
  topic = topic_of(*e);
  if (!conclude(*e, *topic, walked, true)) co_return opening::concluded;

  const record::codec as_sent = record::header_view(e->records.data()).codec();
  const record::codec target = wanted_codec(topic->config.compression, as_sent);
  bool packed = true;
  if (target != as_sent) packed = co_await repack_in(lane, e, target);
  if (packed) route(*e, *topic_of(*e));
  co_return opening::concluded;
}

reactor::task<bool> produce_exchange::repack_in(opening_lane* lane, entry* e, record::codec target) {
  if (!may_repack(*e)) co_return false;
  const auto batch = record::batch_view::frame(e->records);
  std::vector<uint8_t> made;
  record::batch_rebuild rebuild(*batch, how_to_repack(*topic_of(*e), target), lane->unpacker(), lane->packer(), made);
  const base::result<void> done = co_await in_steps(door_.on(), [this, &rebuild]() -> base::result<bool> {
    if (of().aborted()) return base::fail(base::errc::canceled);
    return rebuild.step(packed_step_bytes);
  });
  if (!still_there(*e, done)) co_return false;
  co_return take_over(*e, *topic_of(*e), done, std::move(made));
}

/// Whether somebody waits for the answer and the partition is still there; refuses the entry where not.
bool produce_exchange::still_there(entry& e, const base::result<void>& ended) {
  const broker::topic_info* topic = topic_of(e);
  const bool gone = topic == nullptr || static_cast<size_t>(e.index) >= topic->partitions.size();
  if (gone) refuse(e, error_code(base::errc::unknown_topic_or_partition));
  if (!ended && ended.error().code == base::errc::canceled) refuse(e, error_code(ended.error()));
  return e.error == 0;
}

}  // namespace millrace::api::kafka
