#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/kafka/door.hh"
#include "broker/catalog/topic_config.hh"

/// What AlterConfigs and IncrementalAlterConfigs have in common: settings of several resources,
/// changed each by itself.

namespace millrace::api::kafka {

struct resource_change {
  int8_t type = 0;
  std::string_view name;  ///< lives as long as the request
  std::vector<broker::config_change> changes;
  bool replace = false;
  // Answered.
  int16_t error_code = 0;
  std::string why;

  void refuse(int16_t error, std::string text) {
    error_code = error;
    why = std::move(text);
  }
};

/// Carries them out; one that already has an error is left alone. A resource that comes twice is
/// refused both times.
reactor::task<void> alter_resources(door* d, std::vector<resource_change>* resources, bool validate_only);

/// Writes the outcomes into a response of either message.
template <class Response, class Resource>
base::result<Response> alter_response(wire::kafka::arena& memory, const std::vector<resource_change>& resources) {
  Response answer;
  TRY(answer.responses, memory.make_array<Resource>(resources.size()));
  for (size_t i = 0; i < resources.size(); ++i) {
    Resource& out = answer.responses[i];
    out.resource_type = resources[i].type;
    out.resource_name = resources[i].name;
    out.error_code = resources[i].error_code;
    if (!resources[i].why.empty()) {
      TRY(out.error_message, memory.copy(resources[i].why));
    }
  }
  return answer;
}

}  // namespace millrace::api::kafka
