#include <algorithm>

#include <fmt/format.h>

#include "workload/damage.hh"
#include "workload/run.hh"

/// What the world does to the broker while the clients work.

namespace millrace::swarm {

using base::milliseconds;

void run::begin(base::duration length, std::function<void()> end) {
  model_.watch.begin_trouble();
  troubles_.push_back({world_.now() + length, std::move(end)});
}

void run::end_troubles(bool all) {
  std::erase_if(troubles_, [&](trouble& t) {
    if (!all && t.ends > world_.now()) return false;
    t.end();
    model_.watch.end_trouble(world_.now());
    return true;
  });
}

void run::strike() {
  const fault_options& f = options_.faults;
  std::vector<int> kinds;
  const auto offer = [&](bool on, int kind) {
    if (on) kinds.push_back(kind);
  };
  const server_state state = server_.state();
  const bool lives = state != server_state::down && state != server_state::failed && state != server_state::stopped;
  offer(f.power_cuts && lives, 0);
  offer(f.kills && lives, 1);
  offer(f.stops && (state == server_state::serving || state == server_state::starting), 2);
  offer(f.resets, 3);
  offer(f.partitions && troubles_.empty(), 4);
  offer(f.slow_disk && troubles_.empty(), 5);
  offer(f.disk_full && troubles_.empty(), 6);
  offer(f.pauses && lives, 7);
  offer(f.wall_jumps, 8);
  offer(f.io_errors && state == server_state::serving && troubles_.empty(), 9);
  offer(f.half_open, 10);
  if (kinds.empty()) return;
  const int kind = kinds[random_.below(kinds.size())];
  const base::duration length = milliseconds(random_.between(1, 2000));
  sim::node& node = server_.node();
  switch (kind) {
    case 0:
      return options_.faults.aimed_cuts && random_.chance(0.7) ? cut_at_operation() : crash_server(sim::crash_kind::power);
    case 1:
      if (options_.planted && model_.acked_batches > 0) model_.safety("planted", "a kill, called a failure");
      return crash_server(sim::crash_kind::process);
    case 2:
      return stop_server();
    case 3:
      say("reset of a connection");
      model_.watch.disturbed(world_.now());
      (void)world_.network().reset_any();
      return;
    case 4: {
      say("partition");
      const uint64_t way = random_.below(3);
      if (way == 0) world_.network().partition(clients_, node);
      if (way == 1) world_.network().partition_one_way(clients_, node);
      if (way == 2) world_.network().partition_one_way(node, clients_);
      return begin(length, [this] { world_.network().heal(); });
    }
    case 5: {
      say("slow disk");
      const sim::disk_faults healthy = node.disk().faults;
      node.disk().faults.write.slow_chance = node.disk().faults.flush.slow_chance = 0.5;
      node.disk().faults.write.slow_most = node.disk().faults.flush.slow_most = milliseconds(200);
      return begin(length, [this, healthy] { server_.node().disk().faults = healthy; });
    }
    case 6: {
      say("full disk");
      const uint64_t capacity = node.disk().faults.capacity_bytes;
      node.disk().faults.capacity_bytes = node.disk().used_bytes() + random_.below(1u << 20);
      excused_ = true;
      return begin(length, [this, capacity] { server_.node().disk().faults.capacity_bytes = capacity; });
    }
    case 7:
      say("pause of a core");
      model_.watch.disturbed(world_.now());
      return world_.pause(node, static_cast<unsigned>(random_.below(node.core_count())),
                          milliseconds(random_.between(1, 500)));
    case 8:
      say("wall clock jumps");
      // Near to true time: what a broker takes for too far in the future (an hour) is rightly refused.
      node.jump_wall_clock(random_.between(-60'000, 60'000) - node.wall_offset_ms() / 2);
      model_.wall_ahead_ms = std::max(model_.wall_ahead_ms, node.wall_offset_ms());
      model_.wall_behind_ms = std::max(model_.wall_behind_ms, -node.wall_offset_ms());
      return;
    case 10:
      say("a connection half open");
      model_.watch.disturbed(world_.now());
      (void)world_.network().strand_any();
      return;
    default: {
      say("disk errors");
      sim::disk_faults& faults = node.disk().faults;
      faults.write_error = random_.chance(0.5) ? 0.02 : 0;
      faults.flush_error = random_.chance(0.5) ? 0.05 : 0;
      faults.read_error = random_.chance(0.3) ? 0.02 : 0;
      faults.short_write = random_.chance(0.3) ? 0.05 : 0;
      excused_ = true;
      // What went offline comes back by a restart only.
      return begin(length, [this] {
        sim::disk_faults& healed = server_.node().disk().faults;
        healed.write_error = healed.flush_error = healed.read_error = healed.short_write = 0;
        if (server_.state() == server_state::down) return;
        crash_server(random_.chance(0.5) ? sim::crash_kind::power : sim::crash_kind::process);
      });
    }
  }
}

/// Before a start.
void run::harm_what_is_at_rest(double chance) {
  if (!options_.faults.damage || harmed_ || !random_.chance(chance)) return;
  base::prng random = world_.stream("damage").split(model_.process);
  const std::string what = harm_one_batch(server_.node().disk(), model_, random);
  harmed_ = !what.empty();
  if (harmed_) say(what);
}

}  // namespace millrace::swarm
