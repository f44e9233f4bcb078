#include "api/kafka/alter_resources.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/handlers.hh"
#include "wire/kafka/messages/alter_configs.hh"
#include "wire/kafka/messages/incremental_alter_configs.hh"

/// AlterConfigs, which replaces all settings of a resource, and IncrementalAlterConfigs (KIP-339),
/// which changes some.

namespace millrace::api::kafka {
namespace {

std::optional<std::string> owned(const std::optional<std::string_view>& text) {
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

}  // namespace

handled handle_alter_configs(request_context& request) {
  using namespace wire::kafka;
  CO_TRY(const alter_configs_request asked, decode<alter_configs_request>(request.body, request.version, request.memory));
  std::vector<resource_change> resources;
  for (const auto& r : asked.resources) {
    resources.push_back({.type = r.resource_type, .name = r.resource_name, .changes = {}, .replace = true, .why = {}});
    for (const auto& c : r.configs) {
      resources.back().changes.push_back(
          {.key = std::string(c.name), .op = broker::config_op::set, .value = owned(c.value)});
    }
  }
  co_await alter_resources(&request.door, &resources, asked.validate_only);
  CO_TRY(const auto answer,
         (alter_response<alter_configs_response, alter_configs_response_resource>(request.memory, resources)));
  request.respond(answer);
  co_return base::result<void>();
}

handled handle_incremental_alter_configs(request_context& request) {
  using namespace wire::kafka;
  CO_TRY(const incremental_alter_configs_request asked,
         decode<incremental_alter_configs_request>(request.body, request.version, request.memory));
  std::vector<resource_change> resources;
  for (const auto& r : asked.resources) {
    resources.push_back({.type = r.resource_type, .name = r.resource_name, .changes = {}, .replace = false, .why = {}});
    for (const auto& c : r.configs) {
      if (c.config_operation < 0 || c.config_operation > static_cast<int8_t>(broker::config_op::subtract)) {
        resources.back().refuse(code::unknown_server_error, "Unknown operation.");
      }
      resources.back().changes.push_back(
          {.key = std::string(c.name), .op = static_cast<broker::config_op>(c.config_operation), .value = owned(c.value)});
    }
  }
  co_await alter_resources(&request.door, &resources, asked.validate_only);
  CO_TRY(const auto answer,
         (alter_response<incremental_alter_configs_response, incremental_alter_configs_response_alter_configs_resource>(
             request.memory, resources)));
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
