#include "workload/run_options.hh"

#include <algorithm>

#include <fmt/format.h>

namespace millrace::swarm {

namespace {

base::duration one_of(base::prng& random, std::initializer_list<int64_t> milliseconds) {
  return base::milliseconds(milliseconds.begin()[random.below(milliseconds.size())]);
}

fault_options draw_faults(base::prng random) {
  fault_options f;
  if (random.chance(0.15)) return f;
  const auto some = [&](double chance) { return random.chance(chance); };
  f.power_cuts = some(0.5);
  f.kills = some(0.3);
  f.stops = some(0.4);
  f.resets = some(0.4);
  f.partitions = some(0.3);
  f.slow_disk = some(0.3);
  f.disk_full = some(0.25);
  f.pauses = some(0.3);
  f.wall_jumps = some(0.2);
  f.io_errors = some(0.15);
  f.gap_most = one_of(random, {20, 100, 300, 1000});
  f.half_open = some(0.3);
  f.damage = some(0.3);
  return f;
}

void draw_world(base::prng random, sim::world_options& w) {
  w.core_memory_bytes = (size_t{16} << 20) << random.below(3);
  w.network.multishot_end = random.chance(0.3) ? 0.2 : 0.01;
  w.network.vanish = random.chance(0.5) ? 0.3 : 0;
  base::prng network = random.split("network");
  // Mostly longer than any partition; now and then so short that both ends give up within one.
  if (network.chance(0.35)) w.network.silence = one_of(network, {300, 1000});
  if (network.chance(0.25)) w.network.reset = 0.0001 * static_cast<double>(1u << network.below(6));
  if (random.chance(0.3)) w.network.delay.most = base::milliseconds(5);
  w.schedule.mail_delay_most = base::microseconds(random.chance(0.3) ? 500 : 30);
  if (random.chance(0.3)) w.disk.write.most = base::milliseconds(2);
  // No block of a segment that holds acknowledged bytes is ever written again.
  w.disk.destroy = random.chance(0.7) ? 0.8 : 0;
  w.disk.destroy_in = "/data/topic";
}

void draw_cuts(base::prng& random, fault_options& f) {
  f.power_cuts = f.aimed_cuts = random.chance(0.8);
  if (f.gap_most == base::duration{}) f.gap_most = base::milliseconds(300);
}

/// Many small batches and a commit log that is soon full: logs end anywhere in a block when they are
/// destaged, and go on from there.
void draw_laps(base::prng& random, run_options& o) {
  o.server.commits.file_bytes = (uint64_t{256} << 10) << random.below(3);
  o.value_most = size_t{1} << random.between(8, 10);
  o.big = 0;
  o.producers = static_cast<unsigned>(random.between(2, 4));
  o.requests = static_cast<unsigned>(random.between(200, 500));
  o.in_flight = static_cast<unsigned>(random.between(2, 6));
  draw_cuts(random, o.faults);
}

/// Segments change hands often, and all batches are of one size in whole blocks: what an old file
/// holds fits exactly where another log ends.
void draw_recycling(base::prng& random, run_options& o) {
  o.even = size_t{1} << random.between(15, 17);
  o.segment_bytes = 1u << 20;
  o.topics = static_cast<unsigned>(random.between(2, 3));
  o.partitions_most = static_cast<int32_t>(random.between(1, 2));
  o.producers = static_cast<unsigned>(random.between(2, 3));
  o.requests = static_cast<unsigned>(random.between(150, 400));
  o.in_flight = static_cast<unsigned>(random.between(1, 3));
  o.think_most = one_of(random, {1, 10, 50});
  o.remakes = true;
  o.remake = 0.7;
  o.server.commits.inline_bytes_max = 4096u << random.below(4);  // mostly straight into the old file
  o.server.pool = {.bytes_max = 32u << 20, .file_bytes_least = 64u << 10};
  // The close of the segment before makes the new one's name durable too: it takes its time.
  if (random.chance(0.7)) o.world.disk.flush.slow_chance = 0.4;
  draw_cuts(random, o.faults);
}

/// The power goes again and again after little was done: what the last life left in the commit log lies just behind the
/// end of the next one's.
void draw_short_lives(base::prng random, run_options& o) {
  o.server.commits.file_bytes = 1u << 20;
  o.server.commits.groups_in_flight = static_cast<unsigned>(random.between(2, 4));
  o.value_most = 512;
  o.big = 0;
  o.topics = static_cast<unsigned>(random.between(2, 4));
  o.partitions_most = 4;
  o.producers = static_cast<unsigned>(random.between(2, 4));
  o.requests = static_cast<unsigned>(random.between(300, 800));
  o.in_flight = static_cast<unsigned>(random.between(1, 3));
  o.think_most = one_of(random, {1, 3, 10});
  o.codecs = false;
  o.crowd = 1;
  o.faults = {};
  o.faults.power_cuts = true;
  o.faults.aimed_cuts = random.chance(0.3);
  o.faults.gap_most = one_of(random, {5, 20, 60});
}

/// Time for sessions to end and groups to rebalance, between faults that let them.
void draw_groups(base::prng random, run_options& o) {
  o.groups.count = static_cast<unsigned>(random.between(1, 3));
  o.groups.members_most = static_cast<unsigned>(random.between(1, 4));
  o.groups.lasts = base::milliseconds(random.between(4000, 18000));
  o.groups.think_most = one_of(random, {2, 10, 100, 500});
  if (o.groups.think_most.ms() <= 10) o.groups.lasts = std::min(o.groups.lasts, base::milliseconds(8000));
  o.groups.session_most = base::milliseconds(random.between(6000, 10000));
  o.groups.rebalance_most = base::milliseconds(random.between(1000, 8000));
  o.groups.static_members = random.chance(0.4) ? 0.5 : 0;
  o.groups.restless = random.chance(0.7) ? 0.03 : 0;
  o.server.groups.groups.initial_rebalance_delay = one_of(random, {0, 100, 3000});
  o.server.offsets_partitions = static_cast<int32_t>(random.between(1, 4));
  if (o.faults.any()) o.faults.gap_most = std::max(o.faults.gap_most, one_of(random, {300, 1000, 3000}));
}

/// Few keys in small segments, and a cleaner that looks often.
void draw_compaction(base::prng& random, run_options& o) {
  o.compaction.topics = random.chance(0.5) ? 1 : 0.5;
  o.compaction.keys = uint64_t{1} << random.between(0, random.chance(0.2) ? 13 : 6);
  o.compaction.tombstones = random.chance(0.7) ? 0.25 : 0;
  o.compaction.segment_ms_most = one_of(random, {20, 100, 500, 2000});
  o.server.compaction.interval = one_of(random, {50, 200, 500, 2000});
  if (random.chance(0.4)) o.server.compact.map_bytes_max = uint64_t{64} << 10;
  o.server.compact.pace.core_percent = random.chance(0.3) ? 1 : random.chance(0.5) ? 25 : 100;
  if (random.chance(0.3)) o.server.compact.pace.bytes_per_second = uint64_t{1} << random.between(20, 24);
  if (random.chance(0.6)) o.server.roll_ms = one_of(random, {50, 200, 1000}).ms();
}

const char* name_of(api::kafka::send_mode mode) {
  switch (mode) {
    case api::kafka::send_mode::automatic:
      return "auto";
    case api::kafka::send_mode::copy:
      return "copy";
    case api::kafka::send_mode::zero_copy:
      return "zerocopy";
  }
  return "";
}

}  // namespace

run_options draw_options(uint64_t seed) {
  const base::prng root = base::prng(seed).split("options");
  base::prng random = root.split("shape");
  run_options o;
  o.cores_most = static_cast<unsigned>(random.between(1, 3));
  o.server.commits.file_bytes = (uint64_t{1} << 20) * (1u << random.below(5));  // 1 to 16 MiB
  o.server.commits.inline_bytes_max = 4096u << random.below(5);
  o.server.commits.groups_in_flight = static_cast<unsigned>(random.between(1, 4));
  o.server.door.auto_create_topics = false;
  // A draw of its own: it shifts no other.
  base::prng mechanisms = root.split("mechanisms");
  o.server.door.send = static_cast<api::kafka::send_mode>(mechanisms.below(3));
  o.server.splice_reads = mechanisms.chance(0.5);
  base::prng idle = root.split("idle");
  if (idle.chance(0.2)) o.server.door.idle_max = one_of(idle, {1000, 3000});
  if (mechanisms.chance(0.2)) o.world.network.release.slow_most = base::seconds(20);
  o.world.network.zero_copy_copied = mechanisms.chance(0.5) ? 0 : 0.01;
  o.producers = static_cast<unsigned>(random.between(1, 4));
  o.consumers = static_cast<unsigned>(random.between(1, 3));
  o.topics = static_cast<unsigned>(random.between(1, 4));
  o.partitions_most = static_cast<int32_t>(random.between(1, 5));
  o.segment_bytes = 1u << random.between(20, 22);
  o.requests = static_cast<unsigned>(random.between(30, 200)) * (random.chance(0.2) ? 5 : 1);
  o.in_flight = static_cast<unsigned>(random.between(1, 6));
  o.value_most = size_t{1} << random.between(4, 13);
  o.big = random.chance(0.5) ? 0.1 : 0;
  o.big_most = size_t{1} << random.between(15, 19);
  o.think_most = one_of(random, {0, 1, 10, 50});
  o.codecs = random.chance(0.3);
  o.unacknowledged = random.chance(0.4);
  o.retries = random.chance(0.5);
  o.remakes = random.chance(0.4);
  base::prng pool = root.split("pool");
  o.server.pool.bytes_max = pool.chance(0.2) ? 0 : uint64_t{1} << pool.between(20, 25);
  o.server.pool.file_bytes_least = uint64_t{1} << pool.between(14, 20);
  base::prng producers = root.split("producers");
  o.idempotent = producers.chance(0.6);
  o.server.producers.unkept_bytes_max = uint64_t{1} << producers.between(12, 20);
  base::prng leaving = root.split("leaving");
  o.deletes = leaving.chance(0.35);
  o.retention = leaving.chance(0.35);
  o.server.retention.check_interval = one_of(leaving, {100, 500, 2000});
  // Now and then so many works between two cores that what bounds them is met.
  base::prng crowds = root.split("crowds");
  if (crowds.chance(0.12)) {
    o.crowd = static_cast<unsigned>(crowds.between(100, 250));
    o.consumers = static_cast<unsigned>(crowds.between(3, 8));
    o.cores_most = std::max(o.cores_most, 2u);
  }
  if (crowds.chance(0.08)) o.in_flight = static_cast<unsigned>(crowds.between(100, 250));
  base::prng sessions = root.split("sessions");
  if (sessions.chance(0.4)) {
    o.session_consumers = static_cast<unsigned>(sessions.between(1, 3));
    o.server.door.fetch_sessions_max = sessions.chance(0.7) ? 1000 : static_cast<uint32_t>(sessions.below(3));
  }
  // Now and then so much in one partition that segments close, and the audits read them again.
  if (mechanisms.chance(0.15)) {
    o.server.splice_reads = true;
    o.topics = 1;
    o.partitions_most = 1;
    o.requests = std::max(o.requests, 150u);
    o.big = 0.2;
    o.big_most = size_t{1} << 18;
    o.segment_bytes = 1u << 20;
  }
  o.faults = draw_faults(root.split("faults"));
  draw_world(root.split("world"), o.world);
  base::prng kinds = root.split("kinds");
  o.faults.aimed_cuts = o.faults.power_cuts && kinds.chance(0.6);
  const uint64_t kind = kinds.below(6);
  if (kind == 0) draw_laps(kinds, o);
  if (kind == 1) draw_recycling(kinds, o);
  if (kind == 2) draw_short_lives(kinds, o);
  base::prng groups = root.split("groups");
  if (kind != 2 && groups.chance(0.3)) draw_groups(groups, o);
  base::prng compaction = root.split("compaction");
  if (kind != 1 && compaction.chance(0.35)) draw_compaction(compaction, o);
  base::prng flush = root.split("flush");
  if (flush.chance(0.25)) o.flush.from_memory = flush.chance(0.5) ? 1 : 0.5;
  if (flush.chance(0.25)) o.flush.preallocate = 0.5;
  // A crowd asks for all of it at once, again and again: of large batches such a run would take seconds.
  if (o.crowd > 1) {
    o.big = 0;
    o.even = 0;
    o.value_most = std::min<size_t>(o.value_most, 1024);
  }
  return o;
}

std::string describe(const run_options& o) {
  std::string faults;
  const auto add = [&](bool on, const char* name) {
    if (on) faults += (faults.empty() ? "" : ",") + std::string(name);
  };
  add(o.faults.power_cuts, "power_cuts");
  add(o.faults.aimed_cuts, "aimed_cuts");
  add(o.faults.kills, "kills");
  add(o.faults.stops, "stops");
  add(o.faults.resets, "resets");
  add(o.faults.partitions, "partitions");
  add(o.faults.slow_disk, "slow_disk");
  add(o.faults.disk_full, "disk_full");
  add(o.faults.pauses, "pauses");
  add(o.faults.wall_jumps, "wall_jumps");
  add(o.faults.io_errors, "io_errors");
  add(o.faults.half_open, "half_open");
  add(o.faults.damage, "damage");
  add(o.world.network.reset > 0, "piece_resets");
  return fmt::format(
      "cores<={} memory={}M commit={}K inline={}K groups={} send={} cold_read={} producers={}x{} in_flight={} "
      "consumers={} crowd={} sessions={} topics={} "
      "partitions<={} segment={}M value<={} big={} even={}K remakes={} deletes={} retention={} retries={} idempotent={} "
      "compaction={}x{} from_memory={} preallocate={} members={}x{} silence={}ms idle<={}ms faults={} gap<={}ms",
      o.cores_most, o.world.core_memory_bytes >> 20, o.server.commits.file_bytes >> 10,
      o.server.commits.inline_bytes_max >> 10, o.server.commits.groups_in_flight, name_of(o.server.door.send),
      o.server.splice_reads ? "splice" : "direct", o.producers, o.requests, o.in_flight, o.consumers, o.crowd,
      o.session_consumers, o.topics, o.partitions_most, o.segment_bytes >> 20, o.value_most, o.big > 0 ? o.big_most : 0,
      o.even >> 10, o.remakes, o.deletes, o.retention, o.retries, o.idempotent, o.compaction.topics,
      o.compaction.on() ? o.compaction.keys : 0, o.flush.from_memory, o.flush.preallocate, o.groups.count,
      o.groups.members_most, o.world.network.silence.ms(), o.server.door.idle_max.ms(), faults.empty() ? "none" : faults,
      o.faults.gap_most.ms());
}

}  // namespace millrace::swarm
