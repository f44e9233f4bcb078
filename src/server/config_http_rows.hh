#pragma once

#include <array>

#include "server/config_table.hh"

/// The rows of the configuration's table that are about HTTP.

namespace millrace::server {

inline constexpr auto http_rows = std::to_array<row>({
    {.name = "http",
     .initial = "127.0.0.1:8080",
     .where = &config::http,
     .word = "off",
     .owner = owner::millrace,
     .section = "HTTP",
     .about = "Address of HTTP: /metrics for Prometheus and /healthz. An address that is not loopback needs "
              "allow.unauthenticated = true. off: none."},
    {.name = "metrics.partitions.max",
     .initial = "1000",
     .where = &config::metrics_partitions_max,
     .most = 100000,
     .owner = owner::millrace,
     .about = "Partitions that have lines of their own in /metrics, and topics that have a sum; how many more there are is "
              "said there. 0: none."},
});

}  // namespace millrace::server
