#include "api/kafka/connection.hh"
#include "api/kafka/door.hh"

/// Answers that leave from where they are: from a file, or from memory that the kernel still looks at after the send.

namespace millrace::api::kafka {

namespace {
/// How long the end of a connection waits for a peer that has not taken all, and how often it looks.
constexpr base::duration release_wait_max = base::seconds(5);
constexpr base::duration release_look = base::milliseconds(20);
}  // namespace

void connection::send_file(const file_piece& piece) {
  ++door_.counters().sends_from_files;
  file_sender_.handle = socket_.handle();
  file_sender_.file = piece.handle;
  file_sender_.position = piece.position;
  file_sender_.length = piece.size;
  door_core().submit(file_sender_);
}

void connection::released() {
  count_held();
  last_progress_ = door_core().now();
  if (ending_ || reader_waits_) changed_.wake_all();
}

/// The kernel looks at what it sends without a copy until the peer has taken it. One that does not take it is not waited
/// for for ever: then the rest is thrown away with the socket.
reactor::task<void> connection::close() {
  socket_.shutdown();
  const base::instant limit = door_core().now() + release_wait_max;
  while (!zero_copy_.idle() && !aborted_ && door_core().now() < limit) {
    co_await reactor::sleep(door_core(), release_look);
  }
  const bool reset = !zero_copy_.idle();
  co_await socket_.close(reset);
  while (!zero_copy_.idle()) co_await changed_.wait();
}

}  // namespace millrace::api::kafka
