#include <fmt/format.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

#include "generator/outcome.hh"
#include "generator/progress.hh"
#include "generator/result_file.hh"
#include "generator/settings.hh"
#include "report/render.hh"

/// millrace-bench: see README.md beside this file. Exit status: 0; 1 where it could not run, in one line; 2 where what was
/// read is not what was written, or records failed, or got no answer; 128 and the signal's number where one ended it early.

namespace millrace::generator {
namespace {

int give_up(const std::string& why) {
  fmt::print(stderr, "millrace-bench: {}\n", why);
  return 1;
}

int merge(const merge_settings& what) {
  std::string why;
  const auto text = merge_results(what, why);
  if (!text) return give_up(why);
  return result_file(what.json).write(*text) ? 0 : give_up("cannot write " + what.json);
}

/// The page of these results, named so where one of them is not what it should be.
int write_page(const std::string& path, result_file& to, const std::vector<std::string>& results,
               const std::vector<std::string>& names) {
  const auto page = bench::render_report(results);
  if (!page) return give_up(bench::explain(page.error(), names));
  return to.write(*page) ? 0 : give_up("cannot write " + path);
}

int report(const report_settings& what) {
  std::vector<std::string> results;
  for (const std::string& name : what.files) {
    std::ifstream file(name);
    std::ostringstream text;
    if (!(text << file.rdbuf())) return give_up("cannot read " + name);
    results.push_back(text.str());
  }
  result_file to(what.report);
  return write_page(what.report, to, results, what.files);
}

/// Whether a run had time for a record and got no answer to any.
bool unanswered(const settings& s, const outcome& out) {
  if (!s.produces() || s.kind == run_kind::search || out.sum.produced.records > 0) return false;
  return !s.open_loop() || s.rate * out.seconds >= 1;
}

/// What is wrong with a run that went through; empty: nothing. `early`: it was told to end.
std::string verdict(const settings& s, const outcome& out, bool early) {
  const verified& v = out.checked;
  if (!out.trouble.empty()) return out.trouble;
  if (s.consumes() && !v.good()) {
    return fmt::format("what was read is not what was written: {} missing, {} duplicates, {} out of order, {} corrupt",
                       v.missing, v.duplicates, v.out_of_order, v.corrupt);
  }
  const std::string why = out.noted.empty() ? "" : ": " + out.noted;
  if (s.kind == run_kind::search) {
    return out.search_rate > 0 || early ? "" : fmt::format("no rate that was tried kept p99 under {} ms{}", s.p99_ms, why);
  }
  if (out.sum.failed > 0) return fmt::format("{} records failed{}", out.sum.failed, why);
  if (unanswered(s, out) && !early) return "no record was answered in the measured time" + why;
  return {};
}

int run(const settings& s) {
  result_file json(s.json);
  result_file page(s.report);
  if (!json.good()) return give_up("cannot write " + s.json);
  if (!page.good()) return give_up("cannot write " + s.report);
  std::string why;
  interruption stop;
  const auto out = s.kind == run_kind::search ? search_rate(s, stop, why) : run_load(s, stop, why);
  const int early = stop.came();
  end_progress();
  if (!out) {
    const int status = give_up(why);
    return early == 0 ? status : 128 + early;
  }
  fmt::print("{}", to_table(s, *out));
  const std::string result = to_json(s, *out);
  if (!json.write(result)) return give_up("cannot write " + s.json);
  if (!s.report.empty() && write_page(s.report, page, {result}, {"the result"}) != 0) return 1;
  const std::string wrong = verdict(s, *out, early != 0);
  std::fflush(stdout);
  if (wrong.empty() && early != 0) fmt::print(stderr, "millrace-bench: ended early by SIG{}\n", sigabbrev_np(early));
  if (wrong.empty()) return early == 0 ? 0 : 128 + early;
  fmt::print(stderr, "millrace-bench: {}\n", wrong);
  return 2;
}

void raise_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace
}  // namespace millrace::generator

int main(int argc, char** argv) {
  using namespace millrace::generator;
  std::signal(SIGPIPE, SIG_IGN);
  raise_open_files();
  const std::vector<const char*> words(argv + 1, argv + argc);
  const command what = parse_command(words);
  if (what.run) return run(*what.run);
  if (what.merge) return merge(*what.merge);
  if (what.report) return report(*what.report);
  if (what.status != 0) return give_up(what.text);
  fmt::print("{}", what.text);
  return 0;
}
