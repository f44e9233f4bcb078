#include "broker/catalog/placement.hh"

#include "base/assert.hh"
#include "base/hash.hh"

namespace millrace::broker {

placement::placement(unsigned cores) : cores_(cores) { ASSERT(cores > 0); }

bool placement::set_override(std::string topic, int32_t partition, base::core_id core) {
  if (core.value() >= cores_) return false;
  overrides_[std::move(topic)][partition] = core;
  return true;
}

base::core_id placement::owner_of(const base::uuid& topic, std::string_view name, int32_t partition) const {
  const auto own = overrides_.find(name);
  if (own != overrides_.end()) {
    const auto core = own->second.find(partition);
    if (core != own->second.end()) return core->second;
  }
  const uint64_t first = base::xxh3(base::bytes(topic.octets.data(), topic.octets.size())) % cores_;
  return base::core_id(static_cast<uint32_t>((first + static_cast<uint32_t>(partition)) % cores_));
}

}  // namespace millrace::broker
