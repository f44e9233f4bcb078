#include "workload/shrink.hh"

#include <utility>

namespace millrace::swarm {

namespace {

class shrinker {
 public:
  shrinker(const run_options& drawn, overrides begin, const std::string& checker, const try_run& attempt,
           unsigned tries_most)
      : drawn_(drawn), checker_(checker), attempt_(attempt), tries_most_(tries_most) {
    best_.with = std::move(begin);
  }

  shrunk go() {
    bool better = true;
    // What could not go before may go now that other things have gone.
    while (better && best_.tries < tries_most_) {
      better = drop_kinds();
      for (size_t i = 0; i < smaller_count; ++i) better = lower(static_cast<smaller>(i)) || better;
    }
    return best_;
  }

 private:
  /// Whether it still fails so; then it is the best so far.
  bool fails(overrides with) {
    if (best_.tries >= tries_most_) return false;
    ++best_.tries;
    if (attempt_(with) != checker_) return false;
    best_.with = std::move(with);
    return true;
  }

  run_options now() const {
    run_options o = drawn_;
    apply(best_.with, o);
    return o;
  }

  bool drop_kinds() {
    bool better = false;
    for (const std::string& kind : kinds()) {
      if (!has_kind(now(), kind)) continue;
      overrides with = best_.with;
      with.without.push_back(kind);
      better = fails(std::move(with)) || better;
    }
    return better;
  }

  /// Between what is known to fail and what is known not to, by halves.
  bool lower(smaller which) {
    const uint64_t before = value_of(now(), which);
    uint64_t failing = before;
    uint64_t passing = 0;
    while (failing - passing > 1 && best_.tries < tries_most_) {
      // The smallest first: where it fails, that is all.
      const uint64_t middle = passing == 0 ? 1 : passing + (failing - passing) / 2;
      overrides with = best_.with;
      with.number(which) = middle;
      (fails(std::move(with)) ? failing : passing) = middle;
    }
    return failing < before;
  }

  const run_options& drawn_;
  const std::string& checker_;
  const try_run& attempt_;
  const unsigned tries_most_;
  shrunk best_;
};

}  // namespace

shrunk shrink(const run_options& drawn, overrides begin, const std::string& checker, const try_run& attempt,
              unsigned tries_most) {
  return shrinker(drawn, std::move(begin), checker, attempt, tries_most).go();
}

}  // namespace millrace::swarm
