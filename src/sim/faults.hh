#pragma once

#include <cstdint>
#include <string>

#include "base/time.hh"
#include "reactor/op.hh"

/// What the world may do to the program, and what it never does: the fault budget. A failure
/// found outside of it is no finding; a program that asks for more than it promises has one.
///
/// THE DISK
///  1. One guarantee: a 512-byte sector that was being written when the power went holds its
///     old or its new bytes. No larger unit is whole: a 4 KiB block may be torn between its
///     sectors. Where `destroy` is asked for, not even that: for files whose owner promises never
///     to write a block again that holds what counts.
///  2. What a program did to a disk is a set of pieces: each sector of a write, each size that
///     a file took, each block that an allocation reserved, each block that a write turned from
///     hole or unwritten into written, each truncation, each change of names (create, rename,
///     remove, make or remove a directory). A piece is volatile until something below makes it
///     durable. At a power cut each volatile piece is kept or lost alone, with a chance that is
///     itself drawn for each cut; so are the pieces of operations in flight.
///  3. sync of a file makes durable every piece of that file that was complete when the sync
///     was submitted, and nothing else: not a write still in flight, not another file, not a
///     name. That is what a disk promises at the least: of another file's written extents more may
///     become durable on a real one, of its unwritten ones and of those that a copy shares
///     (reflink) nothing. So no kind of extent needs a rule of its own here.
///  4. A durable write (RWF_DSYNC) makes durable its own sectors and what is needed to read
///     them: its blocks as written, the file's size where the durable one was too small, and
///     truncations of that file before it. Not another write of the same file.
///  5. sync_dir makes durable every change of names in that directory, with the earlier changes
///     of the same names. A rename is one piece, and either of its two directories carries it.
///     A name never comes with its file's contents.
///  6. A block that is allocated and not written reads as zeros. So does one whose turning into
///     written was lost, whatever became of its sectors. A sector lost in a block that was a
///     hole reads as zeros: nobody sees another file's leftovers. (A recycled file holds its
///     own: they are its old bytes.)
///  7. close and rename flush nothing. A kill of the process alone (power stays on) loses
///     nothing that completed.
///  8. A write that failed left each of its sectors old or new. A sync that failed lost for
///     good, by seed, pieces that a later sync reports as durable: it must never be tried again
///     as if nothing had happened.
///  9. Damage at rest (a flipped bit, zeros, garbage, a sector written to the wrong place)
///     happens only where a test or the swarm orders it by corrupt() or misdirect(), and never
///     to all copies of what must be kept: the swarm's budget is damage in one place of one
///     node, so that a checker can say which bytes are excused.
/// 10. An operation may be slow, never lost: it completes within its drawn latency. Writes are
///     never cancelled. A disk that fills up gives a short write, then -ENOSPC.
///
/// THE NETWORK
/// 11. A connection delivers a prefix of what was sent, in order, in pieces of any size, after
///     any delay, or it is reset. A partition holds bytes back; the sender gives up
///     (-ETIMEDOUT) where it lasts too long, and the other end may never hear of it. A connection
///     may be cut off alone and for good (strand_any): no end hears of the other again, and who
///     sends gives up. Bytes do not change.
/// 12. What a send reported as sent may still be lost with the connection. A reader that does
///     not read stops its sender.
///     A zero-copy send tells with a delay of its own when its memory is free again, at a reset by
///     this end at once; it may say that it copied.
/// 13. Receive buffers are few and run out (-ENOBUFS); a multishot may end after any answer for
///     no reason (1).
///
/// THE CORES
/// 14. Any core may run next, with any of its ready items; mail from one core to one other
///     arrives in order, late. A core may stand still (pause) for any time. Monotonic time
///     never goes back; wall time may jump.
/// 15. A crash takes a whole node between any two items that its cores run; its memory is gone.
///     Nothing is byzantine.

namespace millrace::sim {

/// How long an operation takes: uniform in [least, most], and with slow_chance up to slow_most.
struct latency {
  base::duration least = base::microseconds(5);
  base::duration most = base::microseconds(80);
  double slow_chance = 0.01;
  base::duration slow_most = base::milliseconds(5);
};

/// One node's disk. Chances are per operation; 0 is never.
struct disk_faults {
  uint64_t capacity_bytes = uint64_t{16} << 30;
  latency read{};
  latency write{};  ///< also the transfer half of a durable write
  latency flush{base::microseconds(20), base::microseconds(300), 0.02, base::milliseconds(20)};  ///< sync, sync_dir
  latency name{base::microseconds(2), base::microseconds(40), 0.01, base::milliseconds(5)};      ///< all the others
  double read_error = 0;
  double write_error = 0;    ///< -EIO; see 8
  double flush_error = 0;    ///< -EIO; see 8
  double short_write = 0;    ///< a write that ends early after some whole sectors
  double destroy = 0;        ///< per write that a power cut meets: one block of it holds garbage
  std::string destroy_in{};  ///< of files with this in their path
};

/// Fails chosen operations: those of `kind` on a path that contains `path_part`, after `skip` such
/// ones, `count` times. `error` is a positive errno; 0 makes them only slower by `delay`.
struct disk_rule {
  reactor::op_kind kind = reactor::op_kind::write;
  std::string path_part{};
  uint64_t skip = 0;
  uint64_t count = UINT64_MAX;
  int error = 5;
  base::duration delay{};
};

/// What happens to bytes at rest.
enum class damage : uint8_t { flip_bit, zeros, garbage };

/// How a node ends.
enum class crash_kind : uint8_t {
  power,    ///< volatile pieces are kept or lost one by one
  process,  ///< kill -9: all that completed is kept; what was in flight may or may not have
            ///< happened
};

/// keep: the chance of each volatile piece to survive a power cut; negative: drawn, extremes
/// included.
struct crash_options {
  crash_kind kind = crash_kind::power;
  double keep = -1;
};

/// All connections of a world.
struct network_faults {
  latency delay{base::microseconds(10), base::microseconds(200), 0.01, base::milliseconds(20)};
  uint32_t segment_bytes_max = 65536;  ///< a piece on the wire has 1 to this many bytes, small ones drawn often
  uint32_t window_bytes_least = 4096;  ///< sent and not yet read, per direction; drawn per connection
  uint32_t window_bytes_most = 262144;
  double reset = 0;  ///< per piece
  latency release{base::microseconds(1), base::microseconds(400), 0.02,
                  base::milliseconds(50)};     ///< of a zero-copy send's memory, after it was sent
  double zero_copy_copied = 0.001;             ///< per zero-copy send: the kernel had to copy
  double multishot_end = 0.01;                 ///< per answer of a receive or an accept
  double vanish = 0.1;                         ///< at a crash of the peer: no reset, only silence until `silence`
  base::duration silence = base::seconds(30);  ///< a partitioned or vanished peer is given up after this
  base::duration connect_timeout = base::seconds(3);
  uint32_t backlog = 128;              ///< connections waiting to be accepted, per listener
  unsigned receive_buffers_least = 4;  ///< lent buffers of a core, drawn per core
  unsigned receive_buffers_most = 16;
  uint32_t receive_buffer_bytes_least = 512;
  uint32_t receive_buffer_bytes_most = 16384;
};

/// What a core's schedule may do.
struct schedule_faults {
  base::duration turn_cost = base::nanoseconds(200);  ///< virtual time that a turn takes
  base::duration mail_delay_most = base::microseconds(30);
  double pause = 0;  ///< per turn: the core stands still
  base::duration pause_most = base::milliseconds(50);
};

}  // namespace millrace::sim
