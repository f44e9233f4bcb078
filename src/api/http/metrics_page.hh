#pragma once

#include <vector>

#include "api/http/core_sample.hh"
#include "api/http/exposition.hh"
#include "api/http/topic_sizes.hh"

/// What /metrics shows, written family by family from samples that are complete: each write sends a piece whenever there is
/// enough text, so that however many families and partitions there are, a turn is short.

namespace millrace::api::http {

struct metrics_page {
  std::vector<core_sample> cores;
  std::vector<std::string> core_names;  ///< "0", "1", ..
  topic_sizes topics;
};

reactor::task<void> write_process(exchange* to);
reactor::task<void> write_core_metrics(exchange* to, const metrics_page* page);
reactor::task<void> write_request_metrics(exchange* to, const metrics_page* page);
reactor::task<void> write_flush_metrics(exchange* to, const metrics_page* page);
reactor::task<void> write_topic_metrics(exchange* to, const metrics_page* page);

}  // namespace millrace::api::http
