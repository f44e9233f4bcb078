#include "sim/disk_port.hh"

#include <algorithm>
#include <cerrno>

#include "base/assert.hh"
#include "sim/memory_digest.hh"
#include "sim/node.hh"
#include "sim/sim_backend.hh"

namespace millrace::sim {

namespace {

using reactor::op;
using reactor::op_kind;

std::span<const iovec> pieces_of(const op& o) { return {o.iov, o.iov_count}; }

uint64_t total(const op& o) {
  uint64_t bytes = 0;
  for (const iovec& piece : pieces_of(o)) bytes += piece.iov_len;
  return bytes;
}

uint64_t digest(const op& o) { return memory_digest(pieces_of(o)); }

bool uses_handle(op_kind kind) {
  return kind == op_kind::close || kind == op_kind::read || kind == op_kind::write || kind == op_kind::sync ||
         kind == op_kind::allocate || kind == op_kind::truncate;
}
bool changes_file(op_kind kind) { return kind == op_kind::write || kind == op_kind::allocate || kind == op_kind::truncate; }
bool flushes(const op& o) { return o.kind == op_kind::sync || o.kind == op_kind::sync_dir; }

/// What the kernel asks of O_DIRECT; a program that breaks it is wrong on every disk.
void check_direct(const op& o) {
  ASSERT(o.position % block_bytes == 0);
  for (const iovec& piece : pieces_of(o)) {
    ASSERT(reinterpret_cast<uintptr_t>(piece.iov_base) % block_bytes == 0);
    ASSERT(piece.iov_len % block_bytes == 0);
  }
}

}  // namespace

disk_port::disk_port(node& home, sim_clock& clock) : home_(home), clock_(clock) {}
disk_port::~disk_port() { ASSERT(count_ == 0); }

void disk_port::start(op& o, sim_backend& from) {
  flight* f = flights_.take(*this, o, from);
  ASSERT(f != nullptr);
  in_flight_.push_back(*f);
  ++count_;
  aim(*f);
}

/// Finds what the operation is about, and lets it start.
void disk_port::aim(flight& f) {
  op& o = f.o;
  std::string path = o.path == nullptr ? std::string() : std::string(o.path);
  if (uses_handle(o.kind)) {
    const open_handle* opened = home_.handles.find(o.handle);
    if (opened == nullptr || !opened->file || (changes_file(o.kind) && (opened->flags & reactor::open_write) == 0)) {
      f.error = EBADF;
    } else {
      f.target = opened->file;
      path = opened->path;
      const bool moves = o.kind == op_kind::read || o.kind == op_kind::write;
      if (moves && (opened->flags & reactor::open_direct) != 0) check_direct(o);
    }
  } else if (o.kind == op_kind::sync_dir) {
    f.error = -home_.disk().find(path, f.target);
    if (f.error == 0 && !f.target->is_directory) f.error = ENOTDIR;
  }
  f.stamp = home_.disk().stamp();
  f.length = o.kind == op_kind::read || o.kind == op_kind::write ? total(o) : o.length;
  if (o.kind == op_kind::write) f.digest = digest(o);
  if (f.error != 0) f.fate = outcome::fails;
  decide(f, path);
}

/// Draws how long it takes and whether it works.
void disk_port::decide(flight& f, std::string_view path) {
  sim_disk& disk = home_.disk();
  const disk_faults& faults = disk.faults;
  base::prng& random = disk.random();
  const op_kind kind = f.o.kind;
  base::duration takes = draw(random, kind == op_kind::read    ? faults.read
                                      : kind == op_kind::write ? faults.write
                                      : flushes(f.o)           ? faults.flush
                                                               : faults.name);
  if (kind == op_kind::write && f.o.durable) takes = takes + draw(random, faults.flush);
  if (f.fate == outcome::good) {
    if (const disk_rule* rule = disk.strike(kind, path)) {
      takes = takes + rule->delay;
      f.error = rule->error;
    } else if (kind == op_kind::read && faults.read_error > 0 && random.chance(faults.read_error)) {
      f.error = EIO;
    } else if (flushes(f.o) && faults.flush_error > 0 && random.chance(faults.flush_error)) {
      f.error = EIO;
    } else if (kind == op_kind::write) {
      decide_write(f);
    }
    // A device that fails a write or a flush has done some of it; a refusal (no space) has done
    // nothing.
    const bool halfway = (kind == op_kind::write || flushes(f.o)) && f.error != ENOSPC;
    if (f.error != 0) f.fate = halfway ? outcome::torn : outcome::fails;
  }
  clock_.schedule_in(f, takes);
}

void disk_port::decide_write(flight& f) {
  const disk_faults& faults = home_.disk().faults;
  base::prng& random = home_.disk().random();
  if (faults.write_error > 0 && random.chance(faults.write_error)) {
    f.error = EIO;
  } else if (faults.short_write > 0 && f.length > sector_bytes && random.chance(faults.short_write)) {
    f.fate = outcome::shortened;
    const uint64_t sectors = (f.length - 1) / sector_bytes;
    f.length = (1 + random.below(sectors)) * sector_bytes;
  }
}

void disk_port::land(flight& f) {
  op& o = f.o;
  sim_backend& backend = f.backend;
  // Memory under a write is never changed.
  if (o.kind == op_kind::write) ASSERT(digest(o) == f.digest);
  int64_t result = -f.error;
  if (f.fate == outcome::good || f.fate == outcome::shortened) {
    result = perform(f);
  } else if (f.fate == outcome::torn) {
    if (o.kind == op_kind::write) {
      home_.disk().write_torn(f.target, o.position, pieces_of(o), f.length);
    } else {
      home_.disk().sync_failed(f.target, f.stamp);
    }
  }
  forget(f);
  ++ended_;
  backend.complete(o, result);
}

int64_t disk_port::perform(flight& f) {
  op& o = f.o;
  sim_disk& disk = home_.disk();
  switch (o.kind) {
    case op_kind::open:
      return perform_open(f);
    case op_kind::close:
      // Nothing else may be in flight on it: the number may be another file's by the time that
      // takes effect.
      for (const flight& other : in_flight_) {
        ASSERT(&other == &f || !uses_handle(other.o.kind) || other.o.handle != o.handle);
      }
      home_.handles.remove(o.handle);
      disk.close(f.target);
      return 0;
    case op_kind::read: {
      int64_t done = 0;
      for (const iovec& piece : pieces_of(o)) {
        const size_t n = f.target->image.read(o.position + static_cast<uint64_t>(done),
                                              {static_cast<uint8_t*>(piece.iov_base), piece.iov_len});
        done += static_cast<int64_t>(n);
        if (n < piece.iov_len) break;
      }
      return done;
    }
    case op_kind::write:
      return disk.write(f.target, o.position, pieces_of(o), f.length, o.durable);
    case op_kind::sync:
      disk.sync(f.target, f.stamp);
      return 0;
    case op_kind::sync_dir:
      disk.sync_directory(f.target, f.stamp);
      return 0;
    case op_kind::allocate:
      return disk.allocate(f.target, o.position, o.length);
    case op_kind::truncate:
      return disk.truncate(f.target, o.length);
    case op_kind::rename:
      return disk.rename(o.path, o.path2);
    case op_kind::remove:
      return disk.remove(o.path);
    case op_kind::make_dir:
      return disk.make_directory(o.path);
    case op_kind::remove_dir:
      return disk.remove_directory(o.path);
    default:
      ASSERT(false);
      return -EINVAL;
  }
}

int64_t disk_port::perform_open(flight& f) {
  ref<inode> opened;
  const int64_t status = home_.disk().open(f.o.path, f.o.flags, opened);
  if (status != 0) return status;
  return home_.handles.add({.file = opened, .flags = f.o.flags, .path = f.o.path});
}

void disk_port::cancel(op& o) {
  if (o.kind != op_kind::read) return;
  for (flight& f : in_flight_) {
    if (&f.o != &o) continue;
    if (home_.disk().random().chance(0.5)) {
      f.error = ECANCELED;
      f.fate = outcome::fails;
      clock_.schedule_in(f, base::microseconds(1));
    }
    return;
  }
}

void disk_port::crash(crash_kind kind) {
  while (!in_flight_.empty()) {
    flight& f = in_flight_.front();
    op& o = f.o;
    if (kind == crash_kind::power && o.kind == op_kind::write) destroy_block(f);
    // The device may have begun it. A durable write that nobody was told of is as volatile as any
    // other.
    const bool happened = (f.fate == outcome::good || f.fate == outcome::shortened) && home_.disk().random().chance(0.5);
    if (happened && o.kind == op_kind::write) {
      (void)home_.disk().write(f.target, o.position, pieces_of(o), f.length, false);
    } else if (happened && o.kind != op_kind::read && o.kind != op_kind::close) {
      (void)perform(f);
    }
    forget(f);
    sim_backend::forget(o);
  }
}

/// The power goes in the middle of a write: by chance one of its blocks is neither old nor new.
void disk_port::destroy_block(const flight& f) {
  const disk_faults& faults = home_.disk().faults;
  if (faults.destroy <= 0 || !f.target) return;
  if (home_.handles.find(f.o.handle)->path.find(faults.destroy_in) == std::string::npos) return;
  base::prng& random = home_.disk().random();
  if (!random.chance(faults.destroy)) return;
  // The first one is where something else may lie before what is written.
  const uint64_t blocks = std::max<uint64_t>(1, f.length / block_bytes);
  const uint64_t which = random.chance(0.5) ? 0 : random.below(blocks);
  home_.disk().destroy_at_crash(f.target, (f.o.position / block_bytes + which) * block_bytes);
}

void disk_port::forget(flight& f) {
  f.list_hook<flight>::unlink();
  --count_;
  flights_.give_back(&f);
}

}  // namespace millrace::sim
