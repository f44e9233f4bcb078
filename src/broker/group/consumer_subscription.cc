#include "broker/group/consumer_subscription.hh"

#include <algorithm>

#include "wire/kafka/messages/consumer_protocol.hh"

namespace millrace::broker {

namespace {

/// The list's views take this many bytes for one of the subscription's at most: 16 for an empty name, which is 2.
constexpr size_t arena_factor = 8;
constexpr size_t arena_least = 4096;

bool add_topics(base::bytes subscription, std::vector<std::string_view>& topics) {
  wire::kafka::reader in(subscription);
  if (in.number<int16_t>() < 0 || !in.ok()) return false;
  wire::kafka::arena memory(arena_least + subscription.size() * arena_factor);
  const auto read = wire::kafka::decode<wire::kafka::consumer_protocol_subscription>(in, 0, memory);
  if (!read) return false;
  topics.insert(topics.end(), read->topics.begin(), read->topics.end());
  return true;
}

}  // namespace

std::optional<std::vector<std::string_view>> subscribed_topics(std::string_view protocol_type,
                                                               std::span<const base::bytes> members) {
  if (protocol_type != consumer_protocol_type) return std::nullopt;
  std::vector<std::string_view> topics;
  for (const base::bytes& subscription : members) {
    if (!add_topics(subscription, topics)) return std::nullopt;
  }
  std::ranges::sort(topics);
  const auto repeats = std::ranges::unique(topics);
  topics.erase(repeats.begin(), repeats.end());
  return topics;
}

}  // namespace millrace::broker
