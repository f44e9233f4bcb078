#include <algorithm>

#include "api/kafka/config_entries.hh"
#include "api/kafka/config_resource.hh"
#include "api/kafka/door.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/handlers.hh"
#include "broker/catalog/names.hh"
#include "reactor/wait.hh"
#include "wire/kafka/messages/describe_configs.hh"

namespace millrace::api::kafka {
namespace {

using wire::kafka::describe_configs_request;
using wire::kafka::describe_configs_request_resource;
using wire::kafka::describe_configs_response;
using wire::kafka::describe_configs_response_resource_result;
using wire::kafka::describe_configs_response_result;
using wire::kafka::describe_configs_response_synonym;

/// Resources described before others may run: a client may ask for thousands.
constexpr size_t resources_a_turn = 32;

/// Only the settings asked for; null and none mean all.
void keep_asked(std::vector<config_entry>& entries, const describe_configs_request_resource& resource) {
  if (!resource.configuration_keys || resource.configuration_keys->empty()) return;
  std::vector<std::string_view> keys(resource.configuration_keys->begin(), resource.configuration_keys->end());
  std::ranges::sort(keys);
  std::erase_if(entries, [&](const config_entry& e) { return !std::ranges::binary_search(keys, e.name); });
}

/// A value that is the topic's own lives in a snapshot, which must not be kept across a wait; the
/// others stay.
base::result<std::string_view> lasting(wire::kafka::arena& memory, std::string_view value, broker::config_source source) {
  if (source == broker::config_source::topic) return memory.copy(value);
  return value;
}

base::result<void> write(wire::kafka::arena& memory, const describe_configs_request& asked, const config_entry& entry,
                         describe_configs_response_resource_result& out) {
  out.name = entry.name;
  TRY(out.value, lasting(memory, entry.value, entry.source));
  out.read_only = entry.read_only;
  out.config_source = static_cast<int8_t>(entry.source);
  out.config_type = static_cast<int8_t>(entry.type);
  if (asked.include_documentation) out.documentation = entry.about;
  if (!asked.include_synonyms) return {};
  TRY(out.synonyms, memory.make_array<describe_configs_response_synonym>(entry.synonyms.size()));
  for (size_t i = 0; i < entry.synonyms.size(); ++i) {
    const config_synonym& s = entry.synonyms[i];
    out.synonyms[i] = {.name = s.name, .value = std::nullopt, .source = static_cast<int8_t>(s.source)};
    TRY(out.synonyms[i].value, lasting(memory, s.value, s.source));
  }
  return {};
}

void refuse(describe_configs_response_result& out, int16_t error, std::string_view why) {
  out.error_code = error;
  out.error_message = why;
}

/// The settings of a resource; what is wrong with it goes into `out`.
std::vector<config_entry> entries_of(request_context& request, const describe_configs_request_resource& resource,
                                     describe_configs_response_result& out) {
  const broker::broker_settings& settings = request.door.controller().settings();
  const std::string_view name = resource.resource_name;
  if (resource.resource_type == topic_resource) {
    if (const char* why = broker::topic_name_problem(name)) {
      refuse(out, code::invalid_topic, why);
    } else if (const broker::topic_info* topic = request.door.topics().find(name)) {
      return describe_topic(topic->config.overrides, settings);
    } else {
      refuse(out, code::unknown_topic_or_partition, "This server does not host this topic.");
    }
  } else if (resource.resource_type == broker_resource) {
    if (is_this_broker(name, settings)) return describe_broker(settings);
    // The default of all brokers holds only what was changed while they run: nothing.
    if (!name.empty()) refuse(out, code::invalid_request, "Unexpected broker id.");
  } else {
    refuse(out, code::invalid_request, unserved_resource_problem(resource.resource_type));
  }
  return {};
}

}  // namespace

handled handle_describe_configs(request_context& request) {
  CO_TRY(const describe_configs_request asked,
         wire::kafka::decode<describe_configs_request>(request.body, request.version, request.memory));
  describe_configs_response answer;
  CO_TRY(answer.results, request.memory.make_array<describe_configs_response_result>(asked.resources.size()));
  for (size_t r = 0; r < asked.resources.size(); ++r) {
    if (r % resources_a_turn == resources_a_turn - 1) co_await reactor::next_turn(request.door.on());
    const describe_configs_request_resource& resource = asked.resources[r];
    describe_configs_response_result& out = answer.results[r];
    out.resource_type = resource.resource_type;
    out.resource_name = resource.resource_name;
    std::vector<config_entry> entries = entries_of(request, resource, out);
    keep_asked(entries, resource);
    CO_TRY(out.configs, request.memory.make_array<describe_configs_response_resource_result>(entries.size()));
    for (size_t i = 0; i < entries.size(); ++i) {
      CO_TRY_CHECK(write(request.memory, asked, entries[i], out.configs[i]));
    }
  }
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
