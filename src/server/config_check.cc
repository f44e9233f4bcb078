#include "server/config_check.hh"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string_view>

#include "base/assert.hh"
#include "base/limits.hh"
#include "broker/catalog/broker_settings.hh"
#include "broker/catalog/config_keys.hh"
#include "server/config_address.hh"
#include "server/config_value.hh"

namespace millrace::server {
namespace {

/// Touched on each core before the broker says that it is ready.
constexpr int64_t memory_per_core_min = 64 * base::mib;

constexpr std::string_view secured[] = {"SSL", "SASL_PLAINTEXT", "SASL_SSL"};

/// Says problems about a key with the place that its value came from.
class complaints {
 public:
  explicit complaints(loaded_config& loaded) : loaded_(loaded) {}
  void error(std::string_view key, std::string_view what) { loaded_.errors.push_back(line(key, what)); }
  void warning(std::string_view key, std::string_view what) { loaded_.warnings.push_back(line(key, what)); }

 private:
  std::string line(std::string_view key, std::string_view what) const {
    const auto index = find_row(key);
    ASSERT(index.has_value());
    const std::string& place = loaded_.origins[*index].place;
    return place.empty() ? fmt::format("{}: {}", key, what) : fmt::format("{}: {}: {}", place, key, what);
  }
  loaded_config& loaded_;
};

const endpoint* find_named(const std::vector<endpoint>& all, std::string_view name) {
  const auto at = std::ranges::find(all, name, &endpoint::name);
  return at == all.end() ? nullptr : &*at;
}

void check_names(std::string_view key, const std::vector<endpoint>& all, complaints& say) {
  for (size_t i = 0; i < all.size(); ++i) {
    if (std::ranges::find(secured, all[i].name) != std::end(secured)) {
      say.error(key, fmt::format("{}: this version has neither TLS nor SASL", to_text(all[i])));
    }
    for (size_t j = 0; j < i; ++j) {
      if (all[i].name == all[j].name) {
        say.error(key, fmt::format("the name {} stands twice; each listener has its own", all[i].name));
      }
    }
  }
}

void check_listeners(const config& values, complaints& say) {
  const auto& listeners = values.listeners;
  if (listeners.empty()) say.error("listeners", "at least one address is needed");
  check_names("listeners", listeners, say);
  for (size_t i = 0; i < listeners.size(); ++i) {
    const endpoint& one = listeners[i];
    for (size_t j = 0; j < i; ++j) {
      const bool same = one.port != 0 && one.port == listeners[j].port && one.host == listeners[j].host;
      if (same) say.error("listeners", fmt::format("{}:{} stands twice", one.host, one.port));
    }
    if (is_any(one.host) && !find_named(values.advertised_listeners, one.name)) {
      say.error("listeners", fmt::format("{} listens on every interface: advertised.listeners must say under which "
                                         "address clients find it ({}://host:{})",
                                         to_text(one), one.name, one.port));
    }
    if (!is_loopback(one.host) && !values.allow_unauthenticated) {
      say.error("listeners", fmt::format("{} lets in other machines and nobody has to say who they are; if that is "
                                         "meant, set allow.unauthenticated = true",
                                         to_text(one)));
    }
  }
}

void check_http(const config& values, complaints& say) {
  if (!values.http) return;
  const endpoint& one = *values.http;
  for (const endpoint& other : values.listeners) {
    if (one.port != 0 && one.port == other.port && one.host == other.host) {
      say.error("http", fmt::format("{} is the address of the listener {} too; another one (--http HOST:PORT) or off",
                                    address_text(one), to_text(other)));
    }
  }
  if (!is_loopback(one.host) && !values.allow_unauthenticated) {
    say.error("http", fmt::format("{} lets in other machines and nobody has to say who they are; if that is meant, set "
                                  "allow.unauthenticated = true, else --http off or a loopback address",
                                  address_text(one)));
  }
}

void check_advertised(const config& values, complaints& say) {
  constexpr std::string_view key = "advertised.listeners";
  check_names(key, values.advertised_listeners, say);
  for (const endpoint& one : values.advertised_listeners) {
    if (!find_named(values.listeners, one.name)) {
      say.error(key, fmt::format("{}: listeners has no {}", to_text(one), one.name));
    }
    if (is_any(one.host)) say.error(key, fmt::format("{} is no address that a client can reach", to_text(one)));
    if (one.port == 0) say.error(key, fmt::format("{}: port 0 cannot be reached", to_text(one)));
  }
}

void check_core_listeners(const config& values, complaints& say) {
  if (!values.core_listeners_enable) return;
  constexpr int64_t cores_most = broker::broker_ids_a_node;
  if (values.node_id > std::numeric_limits<int32_t>::max() / cores_most - 1) {
    say.error("core_listeners.enable",
              fmt::format("ids of cores are 1000 x node.id + core, and node.id ({}) is too large", values.node_id));
  }
  if (!values.core_listeners_advertised_host.empty() && is_any(values.core_listeners_advertised_host)) {
    say.error("core_listeners.advertised_host",
              fmt::format("{} is no address that a client can reach", values.core_listeners_advertised_host));
  }
}

void check_placement(const config& values, complaints& say) {
  constexpr std::string_view key = "placement.override";
  const auto& all = values.placement_override;
  for (size_t i = 0; i < all.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (all[i].topic == all[j].topic && all[i].partition == all[j].partition) {
        say.error(key, fmt::format("{}-{} stands twice", all[i].topic, all[i].partition));
      }
    }
  }
}

void check_sizes(const config& values, complaints& say) {
  if (values.commit_log_size % static_cast<int64_t>(base::block_bytes) != 0) {
    say.error("commit_log.size", fmt::format("{} is not a multiple of {}", values.commit_log_size, base::block_bytes));
  }
  if (values.message_max_bytes > values.socket_request_max_bytes) {
    say.warning("message.max.bytes", fmt::format("{} bytes never fit a request of socket.request.max.bytes ({})",
                                                 values.message_max_bytes, values.socket_request_max_bytes));
  }
  if (values.message_max_bytes > values.log_segment_bytes) {
    say.warning("message.max.bytes", fmt::format("a batch of {} bytes never fits a segment of log.segment.bytes ({})",
                                                 values.message_max_bytes, values.log_segment_bytes));
  }
}

/// What the topics' own table says of their defaults.
void check_topic_defaults(const config& values, complaints& say) {
  for (const topic_default& one : topic_defaults(values)) {
    const std::string why = broker::value_problem(*broker::find_config_key(one.topic_key), one.text);
    if (!why.empty()) say.error(one.broker_key, why);
  }
}

void check_compaction(const config& values, complaints& say) {
  if (values.log_cleaner_min_compaction_lag_ms > values.log_cleaner_max_compaction_lag_ms) {
    say.error("log.cleaner.min.compaction.lag.ms", "must not be above log.cleaner.max.compaction.lag.ms");
  }
}

void check_data_directory(const config& values, complaints& say) {
  if (values.log_dirs.empty()) say.error("log.dirs", "a directory is needed");
  if (values.log_dirs.find(',') != std::string::npos) say.error("log.dirs", "one directory, not several");
}

}  // namespace

void check_config(loaded_config& loaded) {
  complaints say(loaded);
  check_listeners(loaded.values, say);
  check_http(loaded.values, say);
  check_advertised(loaded.values, say);
  check_core_listeners(loaded.values, say);
  check_placement(loaded.values, say);
  check_sizes(loaded.values, say);
  check_topic_defaults(loaded.values, say);
  check_compaction(loaded.values, say);
  check_data_directory(loaded.values, say);
}

int64_t default_memory(int64_t machine_bytes, size_t cores) {
  const int64_t usual = std::min<int64_t>(machine_bytes / 4, 4 * static_cast<int64_t>(base::gib));
  const int64_t needed = static_cast<int64_t>(cores) * memory_per_core_min;
  return std::max(usual, std::min(needed, machine_bytes / 2));
}

machine_use use_of(const config& values, std::span<const uint32_t> cpus_allowed, int64_t machine_bytes) {
  machine_use use;
  use.cpus.assign(cpus_allowed.begin(), cpus_allowed.end());
  if (!values.cores.empty()) use.cpus.assign(values.cores.begin(), values.cores.end());
  use.memory = values.memory != 0 ? values.memory : default_memory(machine_bytes, use.cpus.size());
  const auto enough_for = static_cast<size_t>(std::max<int64_t>(use.memory / memory_per_core_min, 1));
  if (values.memory != 0 || !values.cores.empty() || use.cpus.size() <= enough_for) return use;
  use.note = fmt::format(
      "cores: {} of {} CPUs are used: half of the machine's memory has {} MiB for each of so many; "
      "--memory and --cores say otherwise",
      enough_for, use.cpus.size(), memory_per_core_min / int64_t{base::mib});
  use.cpus.resize(enough_for);
  return use;
}

std::vector<std::string> check_machine(const config& values, std::span<const uint32_t> cpus_allowed, int64_t machine_bytes) {
  std::vector<std::string> errors;
  for (const uint32_t cpu : values.cores) {
    if (!std::ranges::binary_search(cpus_allowed, cpu)) {
      errors.push_back(
          fmt::format("cores: this process may not use CPU {} (it may use {})", cpu, fmt::join(cpus_allowed, ",")));
    }
  }
  const machine_use use = use_of(values, cpus_allowed, machine_bytes);
  const size_t cores = use.cpus.size();
  for (const placement& one : values.placement_override) {
    if (one.core.value() >= cores) {
      errors.push_back(fmt::format("placement.override: {} names core {}, and there are {}, counted from 0", to_text(one),
                                   one.core.value(), cores));
    }
  }
  const bool many_ports = values.core_listeners_enable && values.core_listeners_port > 0;
  if (many_ports && values.core_listeners_port + static_cast<int64_t>(cores) - 1 > 65535) {
    errors.push_back(
        fmt::format("core_listeners.port: there are not {} ports from {} on", cores, values.core_listeners_port));
  }
  const int64_t memory = use.memory;
  const auto least = static_cast<int64_t>(cores) * memory_per_core_min;
  if (memory < least) {
    errors.push_back(
        fmt::format("memory: {} cores need at least {} MiB, not {}: give more with --memory, or fewer with --cores", cores,
                    least / int64_t{base::mib}, memory / int64_t{base::mib}));
  }
  if (memory > machine_bytes) {
    errors.push_back(fmt::format("memory: {} MiB are more than the machine has ({})", memory / int64_t{base::mib},
                                 machine_bytes / int64_t{base::mib}));
  }
  return errors;
}

}  // namespace millrace::server
