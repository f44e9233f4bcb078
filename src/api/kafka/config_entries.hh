#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "broker/catalog/broker_settings.hh"
#include "broker/catalog/topic_config.hh"

/// Settings as DescribeConfigs and CreateTopics show them. Pure functions; the views point into the
/// arguments and into constants.

namespace millrace::api::kafka {

struct config_synonym {
  std::string_view name;
  std::string_view value;
  broker::config_source source;
};

struct config_entry {
  std::string_view name;
  std::string_view value;
  broker::config_source source;
  broker::config_type type;
  bool read_only;
  std::string_view about;
  /// Where the value could come from, the one in force first.
  std::vector<config_synonym> synonyms;
};

/// All settings of a topic, by name.
std::vector<config_entry> describe_topic(const broker::config_overrides& overrides, const broker::broker_settings& settings);
/// All settings of the broker; none can be changed while it runs.
std::vector<config_entry> describe_broker(const broker::broker_settings& settings);

}  // namespace millrace::api::kafka
