#pragma once

#include <sys/uio.h>

#include <coroutine>
#include <cstdint>

#include "base/assert.hh"
#include "base/bytes.hh"
#include "base/intrusive_list.hh"

/// One thing that a core has to do, and one operation in flight.

namespace millrace::reactor {

class core;

/// Something ready to run on a core: a finished operation, a woken waiter, an expired timer, mail. It is linked
/// into at most one ready queue and unlinks itself when it is destroyed, so a suspended task may be destroyed at
/// any time once its operation is forgotten.
class ready_item : public base::list_hook<> {
 public:
  virtual ~ready_item() = default;
  /// Called once per time it was made ready, on its core, never from inside submit, poll or another run.
  virtual void run(core& on) = 0;
  /// A word for the stall log.
  virtual const char* what() const noexcept { return "task"; }
};
using ready_list = base::intrusive_list<ready_item>;

/// The words of the seam. Each names what a kernel (or the simulated world) does for us.
enum class op_kind : uint8_t {
  open,        ///< path, flags (open_flags) -> file handle
  close,       ///< handle (file or socket)
  read,        ///< handle, iov, position -> bytes (short only at the end of the file)
  write,       ///< handle, iov, position, durable -> bytes
  sync,        ///< handle: data and the metadata needed to read it (fdatasync)
  sync_dir,    ///< path of a directory: names in it become durable
  allocate,    ///< handle, position, length: space with the size set, unwritten
  truncate,    ///< handle, length
  rename,      ///< path -> path2 in the same file system
  remove,      ///< path of a file
  make_dir,    ///< path; EEXIST is an error
  remove_dir,  ///< path of an empty directory
  accept,      ///< handle of a listener; answers many times
  connect,     ///< address, port -> socket handle
  receive,     ///< socket handle; answers many times with lent buffers
  send,        ///< socket handle, iov -> bytes; all of them, or an error that ends the connection
  shutdown,    ///< socket handle: no more bytes either way (or see the flags); pending receives end
  send_file,   ///< socket handle, file handle, position, length -> length, or an error that ends the connection
};

/// The word for the stall log.
const char* name_of(op_kind kind) noexcept;

/// Bits of op::flags for open.
enum open_flags : uint32_t {
  open_read = 0,
  open_write = 1,      ///< read and write
  open_create = 2,     ///< make it where it is missing
  open_exclusive = 4,  ///< with create: EEXIST where it is there
  open_direct = 8,     ///< O_DIRECT: memory, position and length in multiples of 4096
};

/// Bits of op::flags for shutdown.
enum shutdown_flags : uint32_t {
  shutdown_reset = 1,  ///< the close that follows throws away what the peer has not taken, and releases its memory
  shutdown_sends = 2,  ///< no more bytes to the peer; receives go on
};

/// One operation. Lives in whoever waits for it (often a coroutine frame) and must not move or die while
/// in_flight: it ends only by appearing in a poll's ready list, after a cancel too. Memory that it names is its
/// own until then.
class op : public ready_item {
 public:
  explicit op(op_kind k) : kind(k) {}
  op(const op&) = delete;
  op& operator=(const op&) = delete;
  /// Dying in flight would let the kernel write into freed memory.
  ~op() override { ASSERT(!in_flight); }
  const char* what() const noexcept override { return name_of(kind); }

  op_kind kind;
  bool in_flight = false;  ///< set by core::submit, cleared by the backend when it completes (or forgets)
  bool durable = false;    ///< write: RWF_DSYNC; completes when the bytes are on stable storage
  /// send: from where the bytes are, without a copy of them. Such an op answers twice. First `sent`, with the
  /// result, while in_flight stays true: the next send may start, and the array `iov` is its owner's again. Then
  /// in_flight is false: the memory is its owner's again. It runs once for both where they come together.
  bool zero_copy = false;
  bool sent = false;    ///< set by the backend with the first answer
  bool copied = false;  ///< known with the last answer: the bytes were copied after all, so it cost more than it saved
  uint16_t port = 0;    ///< connect
  uint32_t flags = 0;
  int handle = -1;
  int64_t result = 0;          ///< bytes, a handle, 0, or -errno
  const char* path = nullptr;  ///< NUL-terminated; lives until completion. connect: the IP address
  const char* path2 = nullptr;
  const iovec* iov = nullptr;  ///< read, write, send: the array and what it points at live until completion
                               ///< (but see zero_copy)
  uint32_t iov_count = 0;
  uint64_t position = 0;  ///< bytes from the start of the file
  uint64_t length = 0;    ///< allocate, truncate
};

/// A receive buffer lent by the backend. It goes back by backend::give_back, by rule within the turn that took
/// it: what outlives the turn is copied first.
struct lent_buffer : base::list_hook<> {
  uint8_t* data = nullptr;
  uint32_t size = 0;  ///< bytes that arrived
  uint32_t id = 0;    ///< the backend's
};

/// A receive that stays armed. Each answer appends to `arrived` and makes the op ready (once, if it is not
/// already). When the stream of answers ends, `armed` is false and `result` says why: 0 the peer closed, -errno
/// an error, -ECANCELED somebody cancelled, -ENOBUFS or 1: nothing is wrong, submit it again to go on. in_flight
/// is true exactly while the backend may still answer.
class receive_op : public op {
 public:
  receive_op() : op(op_kind::receive) {}
  base::intrusive_list<lent_buffer> arrived;
  bool armed = false;
  bool single = false;  ///< of the submission: its stream of answers ends with the first buffer
};

/// An accept that stays armed: handles of new connections, in order of arrival; same ending rule as receive_op.
class accept_op : public op {
 public:
  accept_op() : op(op_kind::accept) {}
  static constexpr unsigned capacity = 64;  ///< a backend holds back further answers while it is full
  int accepted[capacity];
  unsigned begin = 0;  ///< index of the first not yet taken, modulo capacity
  unsigned count = 0;
  bool armed = false;
};

/// A range of a file, sent without passing through our memory. The file must have all of it, and none of it may change
/// before the op completes. (The peer may get it later: what changes after that may still be seen by it.) `file` was not
/// opened with open_direct. Ended by a shutdown of the socket, never by cancel.
class send_file_op : public op {
 public:
  send_file_op() : op(op_kind::send_file) {}
  int file = -1;
  uint32_t slot = 0;  ///< the backend's
};

}  // namespace millrace::reactor
