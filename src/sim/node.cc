#include "sim/node.hh"

#include <cstdio>
#include <utility>

#include "base/assert.hh"
#include "sim/world.hh"

namespace millrace::sim {

namespace {

std::unique_ptr<reactor::memory> reserve(size_t bytes) {
  auto memory = reactor::memory::reserve(bytes);
  ASSERT(memory);
  return std::move(memory).value();
}

std::string address_of(node_id id) {
  std::string address = "10.0.0.";
  address += std::to_string(id.value() + 1);
  return address;
}

}  // namespace

node::one_core::one_core(world& whole, node& home, base::core_id id, unsigned count)
    : memory(reserve(whole.options().core_memory_bytes)),
      backend(whole, home, id, count),
      log(
          id, whole.options().log_sink == nullptr ? base::log_level::error : whole.options().log_level, &home,
          [](void* self, std::string_view line) { static_cast<node*>(self)->write_log(line); },
          [](void* self) { return static_cast<node*>(self)->wall_clock(); }),
      core({.id = id, .core_count = count}, backend, *memory, log) {}

node::node(world& whole, node_id id, disk_faults disk)
    : world_(whole),
      id_(id),
      address_(address_of(id)),
      disk_(whole.order().stream("disk", id.value()), disk),
      port_(*this, whole.clock()) {}

node::~node() { ASSERT(!running_); }

reactor::core& node::core(unsigned index) {
  ASSERT(index < cores_.size());
  return cores_[index]->core;
}
sim_backend& node::backend(unsigned index) {
  ASSERT(index < cores_.size());
  return cores_[index]->backend;
}

base::unix_ms node::wall_clock() const { return world_.wall_clock() + wall_offset_ms_; }

void node::write_log(std::string_view line) {
  const world_options& options = world_.options();
  if (options.log_sink == nullptr) return;
  const int64_t us = world_.now().ns / 1000;
  char place[48];
  (void)std::snprintf(place, sizeof place, "%lld.%06lld node=%u ", static_cast<long long>(us / 1'000'000),
                      static_cast<long long>(us % 1'000'000), id_.value());
  std::string whole(place);
  whole += line;
  options.log_sink(options.log_self, whole);
}

void node::start(unsigned cores) {
  ASSERT(!running_ && cores > 0);
  cores_.clear();
  ++starts_;
  running_ = true;
  for (unsigned i = 0; i < cores; ++i) {
    cores_.push_back(std::make_unique<one_core>(world_, *this, base::core_id(i), cores));
  }
}

void node::crash(const crash_options& how) {
  ASSERT(running_);
  running_ = false;
  port_.crash(how.kind);
  world_.network().crash(*this);
  for (auto& c : cores_) {
    c->backend.crash();
    c->core.abandon();
    c->memory->abandon();
  }
  handles = {};
  disk_.crash(how);
}

}  // namespace millrace::sim
