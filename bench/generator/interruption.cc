#include "generator/interruption.hh"

#include <ctime>
#include <initializer_list>

namespace millrace::generator {

namespace {

/// Those that would end the process: who starts it may have them ignored (nohup, a shell's `&`).
sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int one : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction how {};
    if (sigaction(one, nullptr, &how) == 0 && how.sa_handler != SIG_IGN) sigaddset(&set, one);
  }
  return set;
}

}  // namespace

interruption::~interruption() { let_go(); }

void interruption::hold() {
  if (held_ || which_ != 0) return;
  held_back_ = ending_signals();
  pthread_sigmask(SIG_BLOCK, &held_back_, &before_);
  held_ = true;
}

int interruption::came() {
  if (!held_) return which_;
  const timespec at_once{};
  if (const int found = sigtimedwait(&held_back_, nullptr, &at_once); found > 0) {
    which_ = found;
    let_go();
  }
  return which_;
}

void interruption::let_go() {
  if (held_) pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  held_ = false;
}

}  // namespace millrace::generator
