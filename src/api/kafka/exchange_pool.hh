#pragma once

#include <algorithm>
#include <memory>
#include <vector>

/// Exchanges of one kind, to be used again. Owned by the door; they keep the memory that they grew to, and so only a few
/// are kept that are not in use.

namespace millrace::api::kafka {

class door;

template <class Exchange>
class exchange_pool {
 public:
  exchange_pool(door& d, size_t spare_max) : door_(d), spare_max_(spare_max) {}

  Exchange& take() {
    // Here and not in give_back(), which one of them may call of itself.
    if (spare_.size() > 2 * spare_max_) trim();
    if (spare_.empty()) {
      all_.push_back(std::make_unique<Exchange>(door_));
      return *all_.back();
    }
    Exchange& e = *spare_.back();
    spare_.pop_back();
    return e;
  }
  void give_back(Exchange& e) { spare_.push_back(&e); }

  size_t spare() const noexcept { return spare_.size(); }

 private:
  void trim() {
    const auto kept = spare_.end() - static_cast<std::ptrdiff_t>(spare_max_);
    std::sort(spare_.begin(), kept);
    std::erase_if(all_, [&](const auto& e) { return std::binary_search(spare_.begin(), kept, e.get()); });
    spare_.erase(spare_.begin(), kept);
  }

  door& door_;
  const size_t spare_max_;
  std::vector<std::unique_ptr<Exchange>> all_;
  std::vector<Exchange*> spare_;
};

}  // namespace millrace::api::kafka
