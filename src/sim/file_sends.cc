#include "sim/file_sends.hh"

#include <cerrno>

#include "base/assert.hh"
#include "sim/node.hh"
#include "sim/sim_backend.hh"

namespace millrace::sim {

bool file_sends::begin(reactor::send_file_op& o) {
  const open_handle* opened = home_.home().handles.find(o.file);
  if (opened == nullptr || !opened->file) {
    home_.complete_in(o, -EBADF, base::microseconds(1));
    return false;
  }
  // The kernel reads it through pages that a direct write does not know.
  ASSERT((opened->flags & reactor::open_direct) == 0);
  range& r = ranges_[&o];
  r.file = opened->file;
  r.position = o.position;
  r.bytes.resize(o.length);
  r.piece = {r.bytes.data(), r.bytes.size()};
  const double fails = home_.home().disk().faults.read_error;
  if (!read(r) || (fails > 0 && random_.chance(fails))) {
    home_.complete_in(o, -EIO, base::microseconds(50));
    return false;
  }
  o.iov = &r.piece;
  o.iov_count = 1;
  return true;
}

/// False where the file does not have all of it.
bool file_sends::read(range& r) const { return r.file->image.read(r.position, r.bytes) == r.bytes.size(); }

void file_sends::end(reactor::send_file_op& o) {
  const auto found = ranges_.find(&o);
  if (found == ranges_.end()) return;
  range now = found->second;
  // Bytes that are on their way to a peer are never changed in the file.
  if (o.result >= 0) ASSERT(read(now) && now.bytes == found->second.bytes);
  ranges_.erase(found);
}

void file_sends::crash() { ranges_.clear(); }

}  // namespace millrace::sim
