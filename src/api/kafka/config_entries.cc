#include "api/kafka/config_entries.hh"

#include <algorithm>

namespace millrace::api::kafka {

using broker::config_source;

std::vector<config_entry> describe_topic(const broker::config_overrides& overrides,
                                         const broker::broker_settings& settings) {
  std::vector<config_entry> entries;
  for (const broker::config_key& key : broker::topic_config_keys()) {
    config_entry entry{.name = key.name,
                       .value = {},
                       .source = {},
                       .type = key.type,
                       .read_only = false,
                       .about = key.about,
                       .synonyms = {}};
    const auto own = overrides.find(key.name);
    if (own != overrides.end()) entry.synonyms.push_back({key.name, own->second, config_source::topic});
    const broker::broker_setting* set = settings.default_of(key.name);
    if (set != nullptr) {
      entry.synonyms.push_back({set->name, set->value, set->source});
    } else if (!key.broker_key.empty()) {
      entry.synonyms.push_back({key.broker_key, key.initial, config_source::built_in});
    }
    if (set != nullptr && set->source != config_source::built_in) {
      entry.synonyms.push_back({set->name, key.initial, config_source::built_in});
    }
    if (entry.synonyms.empty()) {
      entry.value = key.initial;
      entry.source = config_source::built_in;
    } else {
      entry.value = entry.synonyms.front().value;
      entry.source = entry.synonyms.front().source;
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<config_entry> describe_broker(const broker::broker_settings& settings) {
  std::vector<config_entry> entries;
  entries.reserve(settings.all.size());
  for (const broker::broker_setting& s : settings.all) {
    config_entry entry{.name = s.name,
                       .value = s.value,
                       .source = s.source,
                       .type = s.type,
                       .read_only = true,
                       .about = s.about,
                       .synonyms = {{s.name, s.value, s.source}}};
    if (s.source != config_source::built_in) entry.synonyms.push_back({s.name, s.initial, config_source::built_in});
    entries.push_back(std::move(entry));
  }
  std::ranges::sort(entries, {}, &config_entry::name);
  return entries;
}

}  // namespace millrace::api::kafka
