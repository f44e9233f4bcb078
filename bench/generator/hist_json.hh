#pragma once

#include <nlohmann/json.hpp>

#include "generator/hdr_histogram.hh"

namespace millrace::generator {

/// A latency as results have it, in ns.
inline nlohmann::ordered_json hist_json(const hdr_histogram& h) {
  return {{"unit", "ns"},
          {"count", h.count()},
          {"min", h.min()},
          {"mean", h.mean()},
          {"max", h.max()},
          {"p50", h.percentile(50)},
          {"p90", h.percentile(90)},
          {"p99", h.percentile(99)},
          {"p999", h.percentile(99.9)},
          {"p9999", h.percentile(99.99)},
          {"hdr", h.to_base64()}};
}

}  // namespace millrace::generator
