#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "generator/director.hh"
#include "generator/outcome.hh"
#include "generator/progress.hh"

namespace millrace::generator {

namespace {

/// A rate counts as reached with so much of it answered within the window.
constexpr double reached_least = 0.97;
/// The search ends where the lowest rate that fails is so near the highest that holds.
constexpr double near_enough = 1.03;

/// One rate: how it went, and the whole account of it.
std::optional<std::pair<search_step, outcome>> try_rate(const settings& s, double rate, interruption& stop,
                                                        std::string& why) {
  settings one = s;
  one.rate = rate;
  director directing(one, stop);
  std::optional<outcome> out(std::in_place);
  if (!directing.run(*out, false)) {
    why = directing.failure();
    return std::nullopt;
  }
  search_step step{.rate = rate,
                   .reached = static_cast<double>(out->sum.produced.records) / out->seconds,
                   .p99_us = static_cast<double>(out->sum.produce_latency.percentile(99)) / 1e3,
                   .held = false};
  step.held = step.p99_us <= s.p99_ms * 1e3 && step.reached >= rate * reached_least && out->sum.produced.errors == 0;
  end_progress();
  fmt::print(stderr, "{:.0f} records/s: reached {:.0f}, p99 {:.0f} us, {}\n", rate, step.reached, step.p99_us,
             step.held ? "held" : "not held");
  return std::pair(step, std::move(*out));
}

}  // namespace

std::optional<outcome> run_load(const settings& s, interruption& stop, std::string& why) {
  director one(s, stop);
  outcome out;
  if (one.run(out)) return out;
  why = one.failure();
  return std::nullopt;
}

/// Doubles until a rate does not hold, then halves the distance.
std::optional<outcome> search_rate(const settings& s, interruption& stop, std::string& why) {
  std::vector<search_step> steps;
  bool made = false;  // the topic, by the first step
  std::optional<outcome> best;
  outcome last;
  double holds = 0;
  double fails = 0;
  double rate = s.rate;
  while (steps.size() < s.steps && (holds == 0 || fails == 0 || fails > holds * near_enough) && rate >= 1) {
    auto tried = try_rate(s, rate, stop, why);
    if (stop.came() != 0) why.clear();
    if (stop.came() != 0 || !tried) break;  // what was cut short says nothing
    steps.push_back(tried->first);
    made = made || tried->second.topic_made;
    if (tried->first.held) {
      holds = rate;
      best = std::move(tried->second);
    } else {
      fails = rate;
      last = std::move(tried->second);
    }
    rate = fails == 0 ? holds * 2 : (holds + fails) / 2;
  }
  remove_topic(s, why.empty());
  if (steps.empty()) {
    if (why.empty()) why = "told to end before a rate was measured";
    return std::nullopt;
  }
  outcome out = best ? std::move(*best) : std::move(last);
  out.steps = std::move(steps);
  out.topic_made = made;
  out.search_rate = holds;
  out.search_ended = fails > 0;
  out.trouble = std::move(why);
  return out;
}

}  // namespace millrace::generator
