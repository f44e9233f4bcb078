#pragma once

#include <sys/uio.h>

#include <map>
#include <vector>

#include "base/prng.hh"
#include "reactor/op.hh"
#include "sim/sim_disk.hh"

/// The send_files of one core: takes the bytes from the file when the send begins, and sees that nobody changes them in
/// the file before it ends.

namespace millrace::sim {

class sim_backend;

class file_sends {
 public:
  file_sends(sim_backend& home, base::prng random) : home_(home), random_(random) {}
  file_sends(const file_sends&) = delete;
  file_sends& operator=(const file_sends&) = delete;

  /// Reads the range; the op's iov names it afterwards, so that it goes on as a send. False where it cannot be: the op
  /// ends with an error.
  bool begin(reactor::send_file_op& o);
  void end(reactor::send_file_op& o);
  void crash();

 private:
  struct range {
    ref<inode> file;
    uint64_t position = 0;
    std::vector<uint8_t> bytes;
    iovec piece{};
  };
  bool read(range& r) const;

  sim_backend& home_;
  base::prng random_;
  std::map<const reactor::send_file_op*, range> ranges_;  // never walked: addresses differ from run to run
};

}  // namespace millrace::sim
