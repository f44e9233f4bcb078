#include "storage/cold_reads.hh"

#include "storage/commit_log.hh"
#include "storage/segment_write.hh"

namespace millrace::storage {

cold_reads::cold_reads(reactor::core& on, const commit_log& commits, const segment_writer& writer)
    : core_(on), commits_(commits), writer_(writer) {}

/// True where it need not wait.
bool cold_reads::begin_or_wait(turn& t) {
  if (stopped_) return true;
  if (waiting_.empty() && fits(t.bytes_)) {
    begin(t);
    return true;
  }
  ++waits_;
  waiting_.push_back(t);
  return false;
}

/// One batch may be larger than all that may be in flight: it goes alone.
bool cold_reads::fits(uint64_t bytes) const {
  const bool writing = commits_.in_flight() > 0 || writer_.in_flight() > 0;
  return bytes_ == 0 || bytes_ + bytes <= (writing ? bytes_beside_writes_max : bytes_max);
}

void cold_reads::begin(turn& t) {
  t.begun_ = true;
  bytes_ += t.bytes_;
  begun_.push_back(t);
}

/// Whenever a turn ends. That suffices: who waits does so because of turns that are in flight.
void cold_reads::look() {
  while (!waiting_.empty() && fits(waiting_.front().bytes_)) {
    turn& next = waiting_.pop_front();
    begin(next);
    core_.make_ready(next);
  }
}

void cold_reads::stop() {
  stopped_ = true;
  while (!waiting_.empty()) core_.make_ready(waiting_.pop_front());
}

void cold_reads::turn::end() {
  if (!place::linked()) return;  // ended, refused, or all of this died before it
  place::unlink();
  if (begun_) of_.bytes_ -= bytes_;
  of_.look();
}

}  // namespace millrace::storage
