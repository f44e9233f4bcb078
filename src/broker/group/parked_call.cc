#include "broker/group/parked_call.hh"

#include "broker/group/group_coordinator.hh"

namespace millrace::broker {

parked_call::parked_call(reactor::core& here, group_coordinator& there, base::core_id owner, std::string group)
    : group(std::move(group)), here_(here), home_(here.id()), owner_(owner), there_(there), nudge_(*this) {}

parked_call::~parked_call() { ASSERT(here_.abandoned() || (!out_ && !nudge_.out)); }

void parked_call::await_suspend(std::coroutine_handle<> caller) {
  caller_ = caller;
  out_ = true;
  here_.post(owner_, *this);
  if (hurried_) hurry();
}

void parked_call::hurry() {
  hurried_ = true;
  if (!out_ || nudge_.out) return;
  nudge_.out = true;
  here_.post(owner_, nudge_);
}

void parked_call::run(reactor::core&) {
  if (answered_) {
    out_ = false;
    return came_home();
  }
  // The nudge may have been quicker, where they wait in one queue.
  if (unwanted_) {
    fail(group_error::rebalance_in_progress);
    return go_home();
  }
  stage_ = stage::begun;
  begin(there_);
}

void parked_call::go_home() {
  stage_ = stage::ended;
  answered_ = true;
  there_.on().post(home_, *this);
}

void parked_call::nudge::run(reactor::core& on) {
  if (returning) {
    out = false;
    return of_.came_home();
  }
  if (of_.stage_ == stage::to_come) of_.unwanted_ = true;
  if (of_.stage_ == stage::begun) of_.there_.gone(of_);
  returning = true;
  on.post(of_.home_, *this);
}

void parked_call::came_home() {
  if (!out_ && !nudge_.out) caller_.resume();
}

template <class Request, class Answer>
void waiting_call<Request, Answer>::begin(group_coordinator& there) {
  there.begin(*this);
}
template class waiting_call<join_request, join_answer>;
template class waiting_call<sync_request, sync_answer>;

}  // namespace millrace::broker
