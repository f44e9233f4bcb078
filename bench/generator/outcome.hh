#pragma once

#include <optional>
#include <string>
#include <vector>

#include "generator/interruption.hh"
#include "generator/meter.hh"
#include "generator/settings.hh"
#include "generator/stream_check.hh"
#include "generator/watch.hh"

/// What a run has found out.

namespace millrace::generator {

/// What is kept of a second's histogram: an hour of whole ones would be hundreds of megabytes. In ns.
struct percentiles {
  percentiles() = default;
  explicit percentiles(const hdr_histogram& of)
      : count(of.count()), p50(of.percentile(50)), p99(of.percentile(99)), p999(of.percentile(99.9)), max(of.max()) {}
  uint64_t count = 0;
  int64_t p50 = 0;
  int64_t p99 = 0;
  int64_t p999 = 0;
  int64_t max = 0;
};

/// One second of the measured window, or the rest of it. A second that a core did not hand in in time is left out.
struct shown_interval {
  shown_interval() = default;
  explicit shown_interval(const interval& of)
      : produced(of.produced),
        consumed(of.consumed),
        produce_latency(of.produce_latency),
        fetch_latency(of.fetch_latency),
        end_to_end(of.end_to_end),
        trouble(of.trouble) {}
  double at = 0;  ///< seconds since the window began, at its end
  flow produced;
  flow consumed;
  percentiles produce_latency;
  percentiles fetch_latency;
  percentiles end_to_end;
  std::string trouble;
  std::optional<process_usage> server;  ///< with --server-pid: in this interval; rss_bytes at its end
  process_usage load;
};

struct search_step {
  double rate = 0;
  double reached = 0;
  double p99_us = 0;
  bool held = false;
};

struct outcome {
  std::string started;  ///< UTC
  std::string cluster_id;
  size_t nodes = 0;
  size_t partitions = 0;  ///< that the topic has
  bool topic_made = false;
  double seconds = 0;  ///< of the window, as it was
  double steal_percent = 0;
  totals sum;
  verified checked;
  uint64_t unread = 0;  ///< records that were there at the begin and had not been read at the end, of all groups
  std::string trouble;  ///< what went wrong though there is a result; empty: nothing
  std::string noted;    ///< why records failed, the last that did
  std::vector<shown_interval> intervals;
  std::optional<double> server_cpu_seconds;
  std::vector<search_step> steps;
  double search_rate = 0;     ///< the highest that held; 0: none did
  bool search_ended = false;  ///< a higher one did not hold

  /// Bytes that the server moved for us.
  uint64_t bytes() const { return sum.produced.bytes + sum.consumed.bytes; }
};

/// One run, whole: the topic is made where it must be and removed where it shall be; what happens is said on `progress`
/// lines. Nothing: it failed, and `why` is one line about it.
std::optional<outcome> run_load(const settings& s, interruption& stop, std::string& why);
/// The highest rate that holds; where `stop` came, of those that were tried until then.
std::optional<outcome> search_rate(const settings& s, interruption& stop, std::string& why);

/// The result as text, one JSON document.
std::string to_json(const settings& s, const outcome& out);
/// The same for people.
std::string to_table(const settings& s, const outcome& out);
/// Several results of processes that ran at the same time, as one. Errors in words in `why`.
std::optional<std::string> merge_results(const merge_settings& what, std::string& why);

}  // namespace millrace::generator
