#pragma once

#include <cstdint>

namespace millrace::reactor::uring {

/// One send_file on its way: file -> pipe -> socket, a piece at a time. The pipe is this op's alone while bytes are in it;
/// an empty one is kept for the next.
struct file_send {
  /// What moves at a time. Linked splices would move more in one submission, but a short one leaves bytes in the pipe that
  /// nobody counted.
  static constexpr uint32_t piece_bytes = 256 << 10;

  enum class step : uint8_t {
    fill,   ///< file to pipe
    room,   ///< waits for the socket to have room: a splice that blocks would hold one of few kernel workers
    drain,  ///< pipe to socket: exactly what is in the pipe
  };
  int read_end = -1;
  int write_end = -1;
  uint32_t in_pipe = 0;  ///< bytes
  uint64_t whole = 0;    ///< bytes of the op
  step now = step::fill;
};

}  // namespace millrace::reactor::uring
