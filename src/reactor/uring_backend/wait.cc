#include <sched.h>

#include <algorithm>
#include <cerrno>

#include "reactor/uring_backend/uring_backend.hh"

namespace millrace::reactor {

namespace {

/// Looks between two offers of the processor to others: a load on the same core must get its share.
constexpr unsigned looks_per_yield = 32;

/// Of so many entries in one call the kernel holds back what it has for a device until it has looked at all.
constexpr unsigned entries_with_plug = 3;

/// Tells the processor that this is a loop of looks.
void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

void uring_backend::poll(ready_list& ready, base::instant until) {
  flush_held_mail();
  const base::instant begin = clock();
  announce_mail();
  if (!held_.empty()) deliver_held(ready);
  fill();
  enter();
  look(ready);
  const base::instant end = clock();
  poll_worked_ = end - begin;
  poll_slept_ = false;
  if (!ready.empty() || more_to_start() || until <= end || poll_worked_ > long_work) return;
  if (worked_ && spin(ready, until)) return;
  worked_ = false;
  sleep(ready, until);
}

/// Tells the cores that got mail in this turn, once each, and wakes those that sleep.
void uring_backend::announce_mail() {
  for (const uint32_t number : mailed_) {
    const base::core_id target(number);
    mailed_flags_[number] = false;
    if (!exchange_.announce(options_.id, target)) continue;
    ++counters_.wakes_sent;
    const int ring = exchange_.ring_of(target);
    if (ring < 0) continue;  // it has ended
    io_uring_sqe& sqe = entry();
    io_uring_prep_msg_ring(&sqe, ring, 0, static_cast<uint64_t>(tag::woken), 0);
    sqe.flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe.user_data = (uint64_t{number} << 3) | static_cast<uint64_t>(tag::wake_failed);
  }
  mailed_.clear();
}

void uring_backend::post(base::core_id target, mail& m) {
  ASSERT(target != options_.id && target.value() < exchange_.cores());
  if (!exchange_.push(options_.id, target, m) &&
      std::find(held_back_.begin(), held_back_.end(), target) == held_back_.end()) {
    held_back_.push_back(target);
  }
  note_mail_to(target);
}

void uring_backend::note_mail_to(base::core_id target) {
  if (mailed_flags_[target.value()]) return;
  mailed_flags_[target.value()] = true;
  mailed_.push_back(target.value());
}

/// Sends what found a ring full, as far as its receiver has made room.
void uring_backend::flush_held_mail() {
  for (const base::core_id target : held_back_) note_mail_to(target);
  std::erase_if(held_back_, [&](base::core_id target) { return exchange_.flush(options_.id, target); });
}

/// Whether a call into the kernel would bring completions.
bool uring_backend::kernel_has_news() const noexcept {
  const unsigned flags = __atomic_load_n(ring_.sq.kflags, __ATOMIC_ACQUIRE);
  return (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

/// Where the device is done with a write before the submitting call has let go of it, the kernel finishes it in that call,
/// and waits there for the flush of a durable one. Of more than two entries it hands writes to the device behind the last
/// one, when it has let go of all (a plug: io_submit_state_start() of Linux), so a durable write never goes with fewer.
void uring_backend::keep_flushes_out() {
  if (!durable_queued_) return;
  while (io_uring_sq_ready(&ring_) < entries_with_plug) {
    io_uring_sqe* const sqe = io_uring_get_sqe(&ring_);
    if (sqe == nullptr) return;
    io_uring_prep_nop(sqe);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = static_cast<uint64_t>(tag::ignored);
  }
}

/// One system call for everything: submits, and lets the kernel finish what it deferred to us. None
/// where there is neither.
void uring_backend::enter() {
  keep_flushes_out();
  while (io_uring_sq_ready(&ring_) != 0 || kernel_has_news()) {
    ++counters_.enters;
    const int answer = io_uring_submit_and_get_events(&ring_);
    submitted(answer);
    if (answer != -EINTR) break;  // what was not taken (EAGAIN, EBUSY) is tried again in the next poll
  }
}

void uring_backend::look(ready_list& ready) {
  if (io_uring_cq_ready(&ring_) != 0) reap(ready);
  ready.splice_back(done_);
  if (exchange_.take(options_.id, ready)) worked_ = true;
}

/// Whether the next poll has something for the kernel, so that this one must not sleep.
bool uring_backend::more_to_start() const noexcept {
  // A receiver that makes room in its ring does not say so.
  if (io_uring_sq_ready(&ring_) != 0 || !held_back_.empty()) return true;
  if (!waiting_.empty() && has_room()) return true;
  if (!sends_.empty() && has_room_for_send()) return true;
  return !starved_.empty() && buffers_->available() > 0 && has_room_for_receive();
}

/// Looks for work without sleeping. True where there was some, or `until` has come.
bool uring_backend::spin(ready_list& ready, base::instant until) {
  const base::duration length = spin_.now();
  if (length.ns == 0) return false;
  base::instant begin = clock();
  for (unsigned looks = 1;; ++looks) {
    if (io_uring_cq_ready(&ring_) != 0 || kernel_has_news() || exchange_.waiting(options_.id)) {
      enter();
      look(ready);
      if (!ready.empty() || more_to_start()) {
        spin_.found_work();
        ++counters_.spins_found;
        return true;
      }
      begin = clock();  // something moved without a completion: a long send goes on piece by piece
    }
    const base::instant now = clock();
    if (now >= until) return true;
    if (now - begin >= length) break;
    if (looks % looks_per_yield == 0) {
      sched_yield();
    } else {
      relax();
    }
  }
  spin_.found_nothing();
  ++counters_.spins_empty;
  return false;
}

void uring_backend::sleep(ready_list& ready, base::instant until) {
  if (exchange_.fall_asleep(options_.id)) {
    const base::instant begin = clock();
    __kernel_timespec timeout{};
    const int64_t left = until > begin ? (until - begin).ns : 0;
    timeout.tv_sec = left / 1000000000;
    timeout.tv_nsec = left % 1000000000;
    io_uring_cqe* first = nullptr;
    ++counters_.enters;
    ++counters_.sleeps;
    poll_slept_ = true;
    (void)io_uring_submit_and_wait_timeout(&ring_, &first, 1, until == base::instant::never() ? nullptr : &timeout, nullptr);
    exchange_.wake_up(options_.id);
    look(ready);
    if (worked_) spin_.woken_after(clock() - begin);
    return;
  }
  look(ready);
}

}  // namespace millrace::reactor
