#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/intrusive_list.hh"
#include "base/object_pool.hh"
#include "base/prng.hh"
#include "reactor/backend.hh"
#include "sim/file_sends.hh"
#include "sim/pinned_sends.hh"
#include "sim/receive_pool.hh"
#include "sim/sim_clock.hh"

/// The seam of one simulated core. Nothing waits and nothing runs here: operations go to the node's
/// disk and to the network, come back through complete(), and become ready in the core's next poll.

namespace millrace::sim {

class node;
class sim_network;
class world;

class sim_backend final : public reactor::backend {
 public:
  sim_backend(world& whole, node& home, base::core_id id, unsigned core_count);
  ~sim_backend() override;

  void submit(reactor::op& o) override;
  void cancel(reactor::op& o) override;
  void poll(reactor::ready_list& ready, base::instant until) override;
  size_t turn_limit() const noexcept override { return 1; }
  size_t choose(size_t count) override;
  base::instant clock() override;
  base::unix_ms wall_clock() override;
  uint64_t entropy() override { return entropy_.next(); }
  void post(base::core_id target, reactor::mail& m) override;
  void give_back(reactor::lent_buffer& b) override { pool_.give_back(b); }
  base::result<reactor::listening> listen(const reactor::listen_address& where) override;
  base::result<std::vector<reactor::directory_entry>> list(const std::string& directory) override;
  base::result<uint64_t> size_of(const std::string& path) override;
  base::result<reactor::disk_space> free_space(const std::string& path) override;
  base::result<void> lock(const std::string& path) override;
  std::string peer_name(int handle) override;

  // For the disk and the network.
  /// Ends `o`: it is in the next poll. For a zero-copy send that was not sent before this is its first answer.
  void complete(reactor::op& o, int64_t result);
  void complete_in(reactor::op& o, int64_t result, base::duration delay);
  /// A multishot has an answer and goes on.
  void answer(reactor::op& o);
  /// Forgets an operation at a crash.
  static void forget(reactor::op& o) noexcept { o.in_flight = false; }
  receive_pool& pool() noexcept { return pool_; }
  pinned_sends& pins() noexcept { return pins_; }
  node& home() noexcept { return home_; }
  base::core_id id() const noexcept { return id_; }
  /// Accepts that a full accept_op holds back.
  bool held_accepts = false;

  // For the world.
  bool has_done() const noexcept { return const_cast<reactor::ready_list&>(done_).empty() == false || may_flush(); }
  /// The node crashed: everything on its way to this core is gone.
  void crash();

  static constexpr size_t mail_ring = 1024;  ///< as in production: mail between two cores; what is over waits at its sender

 private:
  /// Mail from one core to this one: the next is delivered only after the one before ran.
  struct mail_lane final : reactor::ready_item, event {
    void run(reactor::core& on) override;
    void fire() override;
    const char* what() const noexcept override { return "mail"; }
    sim_backend* target = nullptr;
    reactor::ready_list waiting;
    size_t count = 0;
    reactor::ready_list held;  ///< at the sender: it found the ring full
  };
  mail_lane& lane_to(base::core_id target) const noexcept;
  bool may_flush() const noexcept;
  void flush_held_mail();
  struct late final : event, base::list_hook<late> {
    late(sim_backend& b, reactor::op& what, int64_t r) : backend(b), o(what), result(r) {}
    void fire() override;
    sim_backend& backend;
    reactor::op& o;
    int64_t result;
  };
  void carry(mail_lane& lane);
  void note(const reactor::op& o, uint64_t outcome);

  world& world_;
  node& home_;
  const base::core_id id_;
  base::prng entropy_;
  receive_pool pool_;
  pinned_sends pins_;
  file_sends file_sends_;
  reactor::ready_list done_;
  std::vector<mail_lane> lanes_;          // by sender
  std::vector<base::core_id> held_back_;  // cores whose rings from here were full
  base::object_pool<late> lates_{1u << 20};
  base::intrusive_list<late, late> late_;
};

}  // namespace millrace::sim
