#include "broker/catalog/producer_ids.hh"

#include "broker/catalog/controller.hh"

namespace millrace::broker {

reactor::task<base::result<int64_t>> producer_ids::next() {
  while (next_ == limit_) {
    if (taking_) {
      co_await taken_.wait();
      continue;
    }
    taking_ = true;
    const base::result<int64_t> first = co_await from_.take_producer_ids(core_);
    taking_ = false;
    taken_.wake_all();
    if (!first) co_return first.failure();
    next_ = *first;
    limit_ = *first + producer_ids_block;
  }
  co_return next_++;
}

}  // namespace millrace::broker
