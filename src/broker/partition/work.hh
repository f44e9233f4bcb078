#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.hh"
#include "base/intrusive_list.hh"
#include "base/result.hh"
#include "base/tagged.hh"
#include "reactor/backend.hh"
#include "reactor/timer_wheel.hh"
#include "storage/log.hh"
#include "storage/types.hh"

/// What one request asks of the partitions of one core, and the answers: a connection's core fills it, the owner's core
/// answers it, and it comes back. One mail there and one back for each core, not for each partition; on the same core
/// they are plain calls. Whoever made a work owns it and the memory that it names, and leaves both alone until it is
/// settled.

namespace millrace::broker {

class broker_core;

/// Work that travels: to its owner core, and home again.
class work : public reactor::mail {
 public:
  void run(reactor::core& on) override;
  const char* what() const noexcept override { return "work"; }
  base::core_id home_id() const noexcept { return home_id_; }

 protected:
  /// On the owner's core: answer the parts, and call there.settled(*this), now or later.
  virtual void execute(broker_core& there) = 0;
  /// On the home core, when every part is settled. On one core it may be called from inside broker_core::send.
  virtual void on_settled() = 0;
  /// On the home core, asked before it travels: whether it counts among the works that one core may have out at another.
  virtual bool takes_credit() const noexcept { return true; }
  bool returning() const noexcept { return returning_; }
  /// On the home core: gives back the credit that it took to travel.
  void note_return();
  /// The world crashed the node that it was sent on: nothing comes back.
  bool home_gone() const noexcept;

 private:
  friend class broker_core;
  broker_core* home_ = nullptr;   // touched on the home core only
  broker_core* owner_ = nullptr;  // touched on the owner's core only
  base::core_id home_id_{0};
  base::core_id owner_id_{0};
  bool returning_ = false;
  bool credited_ = false;  // home core's
};

struct append_tag;
class append_work;

/// One batch for one partition.
struct append_part : base::list_hook<append_tag> {
  // Asked.
  storage::log_id id;
  base::bytes batch;  ///< one whole batch, framed and validated; its CRC as `crc` says
  storage::crc_check crc = storage::crc_check::compute;
  // Answered.
  bool failed = false;
  base::error why{};       ///< where failed
  base::offset first{-1};  ///< base offset given
  base::offset next{-1};
  base::offset log_start{-1};
  base::unix_ms appended_at = -1;  ///< of a repeat: the largest timestamp of the batch that is in the log
  // The partition's.
  append_work* of = nullptr;
};

class append_work : public work {
 public:
  void fetch_ahead(unsigned step) noexcept override;
  std::span<append_part> parts;
  int16_t acks = -1;  ///< 0: settled once appended; 1 and -1: once acknowledged

 protected:
  void execute(broker_core& there) override;

 private:
  friend class partition;
  friend class broker_core;
  unsigned left_ = 0;  // parts not settled yet
  broker_core* there_ = nullptr;
  void part_settled();
};

struct read_tag;
class read_work;

/// One partition of a fetch.
struct read_part : base::list_hook<read_tag> {
  // Asked.
  storage::log_id id;
  base::offset from{0};
  uint32_t bytes_max = 0;
  base::leader_epoch current_epoch{-1};       ///< -1: not checked
  base::leader_epoch last_fetched_epoch{-1};  ///< -1: not checked (KIP-595)
  // Answered.
  bool failed = false;
  base::error why{};
  base::offset high_watermark{-1};  ///< -1 where failed
  base::offset log_start{-1};
  bool diverged = false;  ///< then the two below say where histories part, and there are no records
  base::leader_epoch diverging_epoch{-1};
  base::offset diverging_end{-1};
  std::vector<storage::slice> slices;  ///< whole batches; references of the owner's core, let go by release()
  uint32_t bytes = 0;
  // The partition's.
  read_work* of = nullptr;
  uint64_t available = 0;  ///< as counted in the work's sum
};

/// A fetch's share of one core: waits until there is enough, then reads.
class read_work : public work {
 public:
  read_work();
  ~read_work() override;
  void run(reactor::core& on) override;
  std::span<read_part> parts;
  uint32_t bytes_max = 0;    ///< of all parts together
  bool one_at_least = true;  ///< the first partition with data answers with a whole batch however large (KIP-74)
  uint64_t bytes_min = 0;    ///< answered at once where so many bytes are there; 0: it never waits
  base::duration wait{};     ///< answered after this long with what there is
  bool counts_all = false;   ///< `available` is wanted whole, also where less is enough for an answer
  // Answered.
  uint32_t bytes = 0;      ///< of all parts
  uint64_t available = 0;  ///< where wait > 0: what min_bytes is compared with; at least bytes_min, or whole
  bool at_once = false;    ///< where wait > 0: some part need not wait for more, whatever is available

 protected:
  void execute(broker_core& there) override;
  /// One that may be parked takes none: nobody else waits for what a client chose to wait for.
  bool takes_credit() const noexcept override { return !may_wait(); }

 private:
  friend class broker_core;
  friend class partition;
  class wait_end final : public reactor::timer {
   public:
    explicit wait_end(read_work& w) : of_(w) {}
    void run(reactor::core& on) override;

   private:
    read_work& of_;
  };
  /// Goes to the owner's core to end a wait, and comes back: the work is settled at home only when it has.
  class nudge final : public reactor::mail {
   public:
    explicit nudge(read_work& w) : of(w) {}
    void run(reactor::core& on) override;
    read_work& of;
    bool out = false;  // home core's
    bool returning = false;
    bool settle_after = false;
  };
  bool may_wait() const noexcept { return bytes_min > 0 && wait.ns > 0; }
  bool enough() const noexcept { return at_once || available >= bytes_min; }
  enum class stage : uint8_t { fresh, parked, reading, releasing } stage_ = stage::fresh;
  broker_core* there_ = nullptr;
  wait_end end_;
  nudge nudge_;
};

}  // namespace millrace::broker
