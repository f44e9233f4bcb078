#include "api/kafka/alter_resources.hh"

#include <map>

#include "api/kafka/config_resource.hh"
#include "api/kafka/errors.hh"
#include "broker/catalog/names.hh"

namespace millrace::api::kafka {
namespace {

void refuse_repeated(std::vector<resource_change>& resources) {
  std::map<std::pair<int8_t, std::string_view>, size_t> times;
  for (const resource_change& r : resources) ++times[{r.type, r.name}];
  for (resource_change& r : resources) {
    if (times[{r.type, r.name}] > 1) {
      r.refuse(code::invalid_request, "Each resource must appear at most once.");
    }
  }
}

/// What can be said before the controller is asked.
void check(resource_change& r, const broker::broker_settings& settings) {
  if (r.type == topic_resource) {
    if (r.name.empty()) {
      r.refuse(code::invalid_request, "Default topic resources are not allowed.");
    } else if (const char* why = broker::topic_name_problem(r.name)) {
      r.refuse(code::invalid_topic, why);
    }
  } else if (r.type == broker_resource) {
    if (!r.name.empty() && !is_this_broker(r.name, settings)) {
      r.refuse(code::invalid_request, "Unexpected broker id.");
    } else if (!r.changes.empty()) {
      r.refuse(code::invalid_config, r.changes.front().key + " cannot be changed while the broker runs.");
    }
  } else {
    r.refuse(code::invalid_request, unserved_resource_problem(r.type));
  }
}

}  // namespace

reactor::task<void> alter_resources(door* d, std::vector<resource_change>* resources, bool validate_only) {
  refuse_repeated(*resources);
  std::vector<broker::topic_alteration> alterations;
  std::vector<resource_change*> asked;
  for (resource_change& r : *resources) {
    if (r.error_code == code::none) check(r, d->controller().settings());
    if (r.error_code != code::none || r.type != topic_resource) continue;
    alterations.push_back({.topic = std::string(r.name), .changes = std::move(r.changes), .replace = r.replace});
    asked.push_back(&r);
  }
  if (asked.empty()) co_return;
  auto done = co_await d->controller().alter_topics(d->on(), std::move(alterations), validate_only);
  for (size_t i = 0; i < asked.size(); ++i) {
    if (!done) {
      asked[i]->refuse(error_code(done.error()), {});
    } else if ((*done)[i].error) {
      asked[i]->refuse(error_code(*(*done)[i].error), std::move((*done)[i].why));
    }
  }
}

}  // namespace millrace::api::kafka
