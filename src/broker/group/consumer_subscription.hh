#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.hh"

/// Which topics the members of a group subscribe to, as far as the broker can know: what members say of themselves is
/// theirs, but those of the protocol type "consumer" say it in Kafka's own format (ConsumerProtocolSubscription).

namespace millrace::broker {

/// The protocol type whose members' metadata the broker can read.
inline constexpr std::string_view consumer_protocol_type = "consumer";

/// The topics of all of them, ascending, each once; views into the members' metadata for the chosen protocol. Nothing where
/// it is not known: in a group of another type, and where one member's bytes are no subscription. A group of consumers
/// without members subscribes to no topic. Newer versions than ours are read too, since each begins with what the first one
/// had.
std::optional<std::vector<std::string_view>> subscribed_topics(std::string_view protocol_type,
                                                               std::span<const base::bytes> members);

}  // namespace millrace::broker
