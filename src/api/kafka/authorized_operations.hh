#pragma once

#include <cstdint>

/// The operations that everybody may carry out while nobody has to say who they are, as bits by
/// Kafka's numbers of operations (KIP-430): what Kafka answers without an authorizer.

namespace millrace::api::kafka {

/// Create, alter, describe, cluster action, describe and alter configs, idempotent write.
inline constexpr int32_t cluster_operations = 8096;
/// Read, write, create, delete, alter, describe, describe and alter configs.
inline constexpr int32_t topic_operations = 3576;
/// Read, delete, describe, describe and alter configs.
inline constexpr int32_t group_operations = 3400;

}  // namespace millrace::api::kafka
