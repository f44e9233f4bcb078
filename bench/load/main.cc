#include <algorithm>

#include "common/die.hh"
#include "common/machine.hh"
#include "load/fetcher.hh"
#include "load/outcome.hh"
#include "load/producer.hh"
#include "load/settings.hh"

/// raw_load: see README.md beside this file.

namespace millrace::bench {
namespace {

/// Fills the partitions that a fetch will read, in batches and depth that any broker takes fast.
void preload(const settings& s, const topic_leaders& leaders) {
  settings fill = s;
  fill.kind = run_kind::produce;
  fill.connections = static_cast<uint32_t>(std::min<size_t>(leaders.size(), 64));
  fill.in_flight = 2;
  fill.acks = -1;
  producer source(fill, leaders);
  const outcome out = source.run(s.preload_mb << 20);
  if (!out.errors.empty()) die("preload: error {}", out.errors.begin()->first);
}

int run(const settings& s) {
  if (s.cpu >= 0) pin(s.cpu);
  raise_file_limit();
  const topic_leaders leaders = prepare_topic(s);
  outcome out;
  if (s.kind == run_kind::fetch) {
    if (s.preload_mb > 0) preload(s, leaders);
    out = fetcher(s, leaders, list_ends(s, leaders)).run();
  } else {
    out = producer(s, leaders).run(s.limit_mb << 20);
  }
  report(describe(s), s, out);
  if (s.delete_after) delete_topic(s);
  return out.errors.empty() ? 0 : 2;
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) { return millrace::bench::run(millrace::bench::parse_settings(argc, argv)); }
