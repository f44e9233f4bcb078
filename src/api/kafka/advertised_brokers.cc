#include "api/kafka/advertised_brokers.hh"

#include "api/kafka/door.hh"

namespace millrace::api::kafka {
namespace {

const broker::broker_settings& settings_of(const request_context& request) { return request.door.controller().settings(); }

}  // namespace

std::vector<advertised_broker> advertised_brokers(const request_context& request) {
  std::vector<advertised_broker> all;
  const size_t count = settings_of(request).cores_are_brokers() ? request.door.core_addresses().size() : 1;
  for (unsigned core = 0; core < count; ++core) all.push_back(broker_of(request, base::core_id(core)));
  return all;
}

advertised_broker broker_of(const request_context& request, base::core_id core) {
  const bool cores = settings_of(request).cores_are_brokers();
  const listener_address& at = cores ? request.door.core_addresses()[core.value()] : request.advertised;
  return {.id = broker_id_of(request, core), .host = at.host, .port = at.port};
}

int32_t broker_id_of(const request_context& request, base::core_id core) { return settings_of(request).broker_id(core); }

int32_t own_broker_id(const request_context& request) {
  if (settings_of(request).cores_are_brokers() && !request.advertised.of_core) return -1;
  return broker_id_of(request, request.door.on().id());
}

}  // namespace millrace::api::kafka
