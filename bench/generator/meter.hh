#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/time.hh"
#include "generator/hdr_histogram.hh"

/// What one core has measured: of the whole window, and of each second of it. A core writes its own; what it is done with it
/// hands over.

namespace millrace::generator {

/// When things are counted, on the monotonic clock.
struct window {
  base::instant begin = base::instant::never();
  base::instant end = base::instant::never();
  /// Where it ends earlier, said while it is open.
  std::atomic<int64_t> cut_ns{INT64_MAX};
  bool over(base::instant t) const { return t >= end || t.ns >= cut_ns.load(std::memory_order_relaxed); }
  bool holds(base::instant t) const { return t >= begin && !over(t); }
};

struct flow {
  uint64_t requests = 0;
  uint64_t records = 0;
  uint64_t bytes = 0;
  uint64_t errors = 0;
  void add(const flow& o) {
    requests += o.requests;
    records += o.records;
    bytes += o.bytes;
    errors += o.errors;
  }
};

/// One second of one core or of all.
struct interval {
  flow produced;
  flow consumed;
  hdr_histogram produce_latency{2};
  hdr_histogram fetch_latency{2};
  hdr_histogram end_to_end{2};
  std::string trouble;  ///< at its end: what keeps a producer or a consumer from getting on
  void add(const interval& o) {
    produced.add(o.produced);
    consumed.add(o.consumed);
    produce_latency.add(o.produce_latency);
    fetch_latency.add(o.fetch_latency);
    end_to_end.add(o.end_to_end);
    if (trouble.empty()) trouble = o.trouble;
  }
  void reset() {
    produced = {};
    consumed = {};
    produce_latency.reset();
    fetch_latency.reset();
    end_to_end.reset();
    trouble.clear();
  }
};

struct totals {
  flow produced;
  flow consumed;
  hdr_histogram produce_latency;
  hdr_histogram fetch_latency;
  hdr_histogram end_to_end;
  uint64_t failed = 0;  ///< records, those from outside the window too
  void add(const totals& o) {
    produced.add(o.produced);
    consumed.add(o.consumed);
    produce_latency.add(o.produce_latency);
    fetch_latency.add(o.fetch_latency);
    end_to_end.add(o.end_to_end);
    failed += o.failed;
  }
};

/// Seconds that cores have handed over, for the thread that shows them.
class interval_box {
 public:
  /// Of second `index` since the load began.
  void put(size_t index, const interval& part) {
    const std::lock_guard hold(lock_);
    if (index >= seconds_.size()) seconds_.resize(index + 1);
    second& to = seconds_[index];
    if (!to.sum) to.sum = std::make_unique<interval>();
    to.sum->add(part);
    ++to.parts;
  }
  /// Once. False: not all `cores` have handed that second over.
  bool take(size_t index, unsigned cores, interval& to) {
    const std::lock_guard hold(lock_);
    if (index >= seconds_.size() || seconds_[index].parts < cores || !seconds_[index].sum) return false;
    to = std::move(*seconds_[index].sum);
    seconds_[index].sum.reset();
    return true;
  }

 private:
  struct second {
    std::unique_ptr<interval> sum;  // from the first part until it is taken
    unsigned parts = 0;
  };
  std::mutex lock_;
  std::vector<second> seconds_;
};

class meter {
 public:
  explicit meter(const window& measured) : window_(measured) {}

  /// A batch was answered at `at`. `intended`: when each of its records should have been sent. What counts is whether the
  /// answer came within the window, for the flow, and whether the intended time lies in it, for latency.
  void answered(base::instant at, std::span<const int64_t> intended, size_t bytes) {
    const flow one{.requests = 1, .records = intended.size(), .bytes = bytes, .errors = 0};
    const bool shown = !window_.over(at);
    if (shown) now.produced.add(one);
    if (window_.holds(at)) sum.produced.add(one);
    each_run(intended, [&](int64_t time, uint64_t count) {
      if (shown) now.produce_latency.record(at.ns - time, count);
      if (window_.holds({time})) sum.produce_latency.record(at.ns - time, count);
    });
  }
  /// A batch whose answer is an error, or did not come: it is charged for as long as it waited.
  void failed(base::instant at, std::span<const int64_t> intended) {
    sum.failed += intended.size();
    if (!window_.over(at)) now.produced.errors += intended.size();
    each_run(intended, [&](int64_t time, uint64_t count) {
      if (!window_.holds({time})) return;
      sum.produced.errors += count;
      sum.produce_latency.record(at.ns - time, count);
    });
  }
  void fetched(base::instant at, base::duration took, uint64_t records, uint64_t bytes) {
    const flow one{.requests = 1, .records = records, .bytes = bytes, .errors = 0};
    if (window_.over(at)) return;
    now.consumed.add(one);
    now.fetch_latency.record(took.ns);
    if (!window_.holds(at)) return;
    sum.consumed.add(one);
    sum.fetch_latency.record(took.ns);
  }
  void fetch_failed(base::instant at) {
    if (!window_.over(at)) ++now.consumed.errors;
    if (window_.holds(at)) ++sum.consumed.errors;
  }
  /// `count` records that should have been sent at `intended` were read at `at`.
  void read(base::instant at, int64_t intended, uint64_t count) {
    if (!window_.over(at)) now.end_to_end.record(at.ns - intended, count);
    if (window_.holds({intended})) sum.end_to_end.record(at.ns - intended, count);
  }

  interval now;  ///< this second, as far as the window reaches
  totals sum;    ///< the window

 private:
  /// Records of a closed loop have their times in common: counted at once.
  template <class F>
  static void each_run(std::span<const int64_t> values, F f) {
    for (size_t i = 0; i < values.size();) {
      size_t end = i + 1;
      while (end < values.size() && values[end] == values[i]) ++end;
      f(values[i], end - i);
      i = end;
    }
  }
  const window& window_;
};

}  // namespace millrace::generator
