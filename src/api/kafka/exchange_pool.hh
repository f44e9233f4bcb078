#pragma once

#include <memory>
#include <vector>

/// Exchanges of one kind, to be used again. Owned by the door; they keep the memory that they grew to.

namespace millrace::api::kafka {

class door;

template <class Exchange>
class exchange_pool {
 public:
  explicit exchange_pool(door& d) : door_(d) {}

  Exchange& take() {
    if (spare_.empty()) {
      all_.push_back(std::make_unique<Exchange>(door_));
      return *all_.back();
    }
    Exchange& e = *spare_.back();
    spare_.pop_back();
    return e;
  }
  void give_back(Exchange& e) { spare_.push_back(&e); }

 private:
  door& door_;
  std::vector<std::unique_ptr<Exchange>> all_;
  std::vector<Exchange*> spare_;
};

}  // namespace millrace::api::kafka
