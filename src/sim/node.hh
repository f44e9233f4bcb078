#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hh"
#include "base/tagged.hh"
#include "base/time.hh"
#include "reactor/core.hh"
#include "reactor/memory.hh"
#include "sim/disk_port.hh"
#include "sim/handle_table.hh"
#include "sim/sim_backend.hh"
#include "sim/sim_disk.hh"

/// One machine with one process on it: cores that a crash takes, a disk that stays.

namespace millrace::sim {

using node_id = base::tagged<uint32_t, struct node_id_tag>;

class world;

class node {
 public:
  node(world& whole, node_id id, disk_faults disk);
  node(const node&) = delete;
  node& operator=(const node&) = delete;
  ~node();

  node_id id() const noexcept { return id_; }
  /// "10.0.0.1" for node 0.
  const std::string& address() const noexcept { return address_; }
  bool running() const noexcept { return running_; }
  unsigned core_count() const noexcept { return static_cast<unsigned>(cores_.size()); }
  /// Of the last start. A crashed core may be asked for nothing, but lives until the node starts
  /// again, so that what refers to it can be destroyed.
  reactor::core& core(unsigned index = 0);
  sim_backend& backend(unsigned index = 0);
  sim_disk& disk() noexcept { return disk_; }
  /// Wall time jumps by this; monotonic time does not.
  void jump_wall_clock(int64_t ms) noexcept { wall_offset_ms_ += ms; }
  int64_t wall_offset_ms() const noexcept { return wall_offset_ms_; }
  /// How often it was started.
  uint64_t starts() const noexcept { return starts_; }

  // For the world and its parts.
  handle_table handles;
  disk_port& port() noexcept { return port_; }

 private:
  friend class world;
  struct one_core {
    one_core(world& whole, node& home, base::core_id id, unsigned count);
    std::unique_ptr<reactor::memory> memory;
    sim_backend backend;
    base::logger log;
    reactor::core core;
    base::instant wake = base::instant{};  ///< next timer, as far as known
    base::instant paused_until = base::instant{};
  };
  void write_log(std::string_view line);
  base::unix_ms wall_clock() const;
  void start(unsigned cores);
  void crash(const crash_options& how);

  world& world_;
  const node_id id_;
  const std::string address_;
  sim_disk disk_;
  disk_port port_;
  std::vector<std::unique_ptr<one_core>> cores_;
  bool running_ = false;
  uint64_t starts_ = 0;
  int64_t wall_offset_ms_ = 0;
};

}  // namespace millrace::sim
