#include "workload/workers.hh"

namespace millrace::swarm {

using reactor::task;

task<bool> worker::ready() {
  const bool connected = co_await link_.connect();
  if (!connected) co_await pause_up_to(base::milliseconds(50));
  co_return connected;
}

task<void> worker::pause_up_to(base::duration most) {
  if (most.ns > 0) co_await reactor::sleep(on_, base::nanoseconds(random_.between(0, most.ns)));
}

void worker::refused(const char* what, const std::string& partition, int16_t code, base::instant since) {
  ++model_.refused;
  // KAFKA_STORAGE_ERROR, NOT_LEADER_OR_FOLLOWER, REQUEST_TIMED_OUT: come back later.
  const bool passing = code == 56 || code == 6 || code == 7;
  if (passing && (options_.tight_memory() || !model_.watch.quiet_since(since - base::seconds(5)))) return;
  model_.safety("errors_have_reason", std::string(what) + " of " + partition + " is refused with " + std::to_string(code));
}

}  // namespace millrace::swarm
