#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "workload/model.hh"
#include "workload/run_options.hh"
#include "workload/server_node.hh"
#include "workload/workers.hh"

/// One run of the swarm: a world with a broker and its clients, faults while the clients work, then
/// peace; everything must go on within a bound; then the audit, a restart on other cores, the audit
/// again, and a clean stop that gives all memory back.

namespace millrace::swarm {

struct run_outcome {
  finding found;
  uint64_t schedule_hash = 0;
  uint64_t events = 0;
  base::instant virtual_time{};
  std::string summary;
};

class run {
 public:
  using narrator = void (*)(std::string_view line);
  /// `say`: told what the world does to the broker; may be null.
  run(uint64_t seed, run_options options, narrator say);

  run_outcome go();
  base::instant now() const noexcept { return world_.now(); }
  uint64_t schedule_hash() const noexcept { return world_.schedule_hash(); }

 private:
  struct trouble {
    base::instant ends;
    std::function<void()> end;
  };
  struct job {
    std::unique_ptr<worker> by;
    std::unique_ptr<sim::started<void>> task;
    bool is_member = false;  ///< it goes on until it is told
  };

  // The main line.
  void work_through_faults();
  void make_peace();
  void probe_all();
  void audit();
  void wait_for_retention();
  void wait_for_compaction();
  void restart_another_way();
  void last_stop();

  // run_groups.cc
  void hire_members();
  void settle_groups();
  void delete_group();
  void audit_offsets();

  // Steps.
  void hire();
  bool jobs_done();
  void finish(std::unique_ptr<worker> one);
  void let_go_of_clients();
  /// Steps until `done` or a finding, for at most `limit`; starts the server again where it is
  /// down.
  bool advance(const std::function<bool()>& done, base::duration limit);
  void look_at_memory();
  void look_after_server();
  void start_server();
  void stop_server();
  void crash_server(sim::crash_kind kind);
  void cut_at_operation();
  void bring_up();

  // Faults.
  void strike();
  void begin(base::duration length, std::function<void()> end);
  void end_troubles(bool all);
  void harm_what_is_at_rest(double chance);
  void say(const std::string& what);

  const run_options options_;
  const narrator say_;
  sim::world world_;
  server_node server_;
  sim::node& clients_;
  base::prng random_;
  model model_;
  std::vector<job> jobs_;
  std::vector<trouble> troubles_;
  bool peace_ = false;
  bool harmed_ = false;     ///< once in a run
  bool down_ = false;       ///< not serving: counted as a trouble
  bool recovered_ = false;  ///< this process has taken from the disk what there was
  bool excused_ = false;    ///< a start may fail: the disk was full
  base::instant restart_at_{};
  base::instant members_until_{};  ///< before that the clients have not done their work
};

}  // namespace millrace::swarm
