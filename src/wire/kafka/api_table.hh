#pragma once

#include <cstdint>
#include <span>
#include <string_view>

/// The APIs of Kafka 4.4 by key, as far as brokers still know them. Which of them, in which
/// versions, a broker offers is said elsewhere.

namespace millrace::wire::kafka {

struct api {
  int16_t key;
  std::string_view name;  ///< "Metadata"
  int16_t min_version;
  int16_t max_version;
  int16_t max_stable_version;  ///< below max_version where Kafka hides the last version by default
  int16_t first_flexible;      ///< INT16_MAX: none
};

/// All of them, by ascending key.
std::span<const api> all_apis();
/// Null for a key that the table does not have.
const api* find_api(int16_t key);

/// The version of the header before a request of (key, version): 1, or 2 when that version is
/// flexible. A version above the table's is taken for a flexible one where the API has any, so that
/// its header can still be read. An unknown key gives 1.
int16_t request_header_version(int16_t key, int16_t version);
/// 0, or 1 when the version is flexible; ApiVersions always has 0, because a client reads that
/// answer before it knows what the broker speaks (KIP-511).
int16_t response_header_version(int16_t key, int16_t version);

}  // namespace millrace::wire::kafka
