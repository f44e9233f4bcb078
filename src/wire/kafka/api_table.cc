#include "wire/kafka/api_table.hh"

#include <algorithm>

namespace millrace::wire::kafka {

namespace {

constexpr api table[] = {
#include "wire/kafka/messages/api_rows.inc"
};
static_assert(std::ranges::is_sorted(table, {}, &api::key));

constexpr int16_t api_versions_key = 18;

bool is_flexible(int16_t key, int16_t version) {
  const api* found = find_api(key);
  return found != nullptr && version >= found->first_flexible;
}

}  // namespace

std::span<const api> all_apis() { return table; }

const api* find_api(int16_t key) {
  const api* found = std::ranges::lower_bound(table, key, {}, &api::key);
  return found != std::end(table) && found->key == key ? found : nullptr;
}

int16_t request_header_version(int16_t key, int16_t version) { return is_flexible(key, version) ? 2 : 1; }

int16_t response_header_version(int16_t key, int16_t version) {
  return key != api_versions_key && is_flexible(key, version) ? 1 : 0;
}

}  // namespace millrace::wire::kafka
