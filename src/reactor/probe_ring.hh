#pragma once

#include <string>

/// What a kernel's io_uring offers, found by trying: a list of operations says that the kernel
/// knows a word, not that it may be used here.

namespace millrace::reactor {

struct ring_offers {
  std::string refused;  ///< why there is no ring, or what it lacks; empty where a broker has all it needs
  bool made = false;    ///< there is a ring
  bool buffer_rings = false;
  bool multishot_receive = false;
  bool ftruncate = false;
  bool messages_to_rings = false;
  bool zero_copy_send = false;
  bool splice = false;
  std::string zero_copy_words;  ///< how a zero-copy send over loopback went
  std::string splice_words;     ///< how a splice from a file through a pipe into a socket went
};

/// Makes a small ring and tries. Any thread.
ring_offers ask_ring();

}  // namespace millrace::reactor
