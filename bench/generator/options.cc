#include <fmt/format.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <random>

#include "base/parse.hh"
#include "generator/settings.hh"
#include "record/compression.hh"

namespace millrace::generator {

namespace {

constexpr double number_most = 1e10;
constexpr double seconds_most = 366.0 * 24 * 3600;

/// A wrong command line: what is said about it.
struct refusal {
  std::string text;
};

template <class T>
T must(const base::result<T>& parsed, std::string_view option, std::string_view text) {
  if (!parsed) throw refusal{fmt::format("{} {}: {}", option, text, base::name_of(parsed.error().code))};
  return *parsed;
}

/// What CLI11 fills and resolve() makes settings of.
struct raw {
  settings s;
  std::string brokers = "127.0.0.1:9092";
  std::vector<std::string> configs;
  std::string acks = "all";
  std::string compression = "none";
  std::string from = "";
  std::string cores = "";
  std::string batch_bytes = "16384";
  std::string fetch_bytes = "50M";
  std::string fetch_partition_bytes = "1M";
  std::string assign = "";
  std::optional<double> seconds;
  std::optional<double> warmup;
  std::optional<int32_t> partitions;
  bool remove = false;
  merge_settings merge;
  report_settings report;
};

void add_common(CLI::App& app, raw& r, run_kind kind) {
  settings& s = r.s;
  app.add_option("--brokers", r.brokers, "HOST:PORT[,HOST:PORT...] of any brokers of the cluster")->capture_default_str();
  app.add_option(kind == run_kind::search ? "--seconds,--step-seconds" : "--seconds", r.seconds,
                 kind == run_kind::search ? "measured time of each rate; default: 5" : "measured time; default: 10");
  app.add_option("--warmup", r.warmup, "seconds before it, not measured; default: 2, consume from the beginning: 0");
  app.add_option("--topic", s.topic, "default: one of its own, removed at the end");
  app.add_option("--partitions", r.partitions, "of a topic that is made; default: 1");
  app.add_option("--replication", s.replication, "of a topic that is made")->capture_default_str();
  app.add_option("--topic-config", r.configs, "KEY=VALUE of a topic that is made; may be repeated")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_flag("--keep", s.keep, "the topic stays (default where --topic names one)");
  app.add_flag("--delete", r.remove, "the topic is removed at the end");
  app.add_option("--cores", r.cores, "CPUs as taskset writes them, a reactor each; default: the last one allowed");
  app.add_option("--server-pid", s.server_pid, "process whose CPU, memory and disk bytes are recorded");
  app.add_option("--start-at", s.start_at, "UNIX seconds at which the load begins: the same for several processes");
  app.add_option("--label", s.label, "a name for this run in reports");
  app.add_option("--json", s.json, "file for the results");
  app.add_option("--report", s.report, "file for the results as a page");
  app.add_option("--run-id", s.run_id, "the same for several processes on one topic; default: drawn");
  app.add_option("--drain", s.drain_seconds, "seconds that the end waits for answers and readers")->capture_default_str();
}

void add_produce(CLI::App& app, raw& r) {
  settings& s = r.s;
  app.add_option("--rate", s.rate, "records/s, by a schedule (open loop); without: as many as are answered (closed loop)");
  app.add_option("--ramp", s.ramp, "seconds in which the rate rises to --rate, part of the warm-up");
  app.add_option("--connections", s.connections, "producers, each with its own connections")->capture_default_str();
  app.add_option("--in-flight", s.in_flight, "requests on the way on one connection")->capture_default_str();
  app.add_option("--batch-bytes", r.batch_bytes, "a batch is full at so many bytes: 64K")->capture_default_str();
  app.add_option("--batch-records", s.batch_records, "or at so many records");
  app.add_option("--linger-ms", s.linger_ms, "how long a batch waits to become full, with --rate or --keys")
      ->capture_default_str();
  app.add_option("--size", s.size, "of values: N, uniform:A-B or lognormal:MEDIAN,SIGMA")->capture_default_str();
  app.add_option("--keys", s.keys, "none, uniform:N or zipf:N,S")->capture_default_str();
  app.add_option("--acks", r.acks, "0, 1 or all")->capture_default_str();
  app.add_option("--compression", r.compression, "none, gzip, snappy, lz4 or zstd")->capture_default_str();
  app.add_flag("--idempotence", s.idempotence, "numbered batches, each taken once");
  app.add_option("--first-producer", s.first_producer, "number of the first producer, apart for each process of a run");
}

void add_consume(CLI::App& app, raw& r) {
  settings& s = r.s;
  app.add_option("--groups", s.groups, "groups that each read everything; 0: consumers read by partition")
      ->capture_default_str();
  app.add_option("--consumers", s.consumers, "of each group; without groups in all")->capture_default_str();
  app.add_option("--assign", r.assign, "partitions to read, as 0-3,7; default: all");
  app.add_option("--from", r.from, "beginning (cold catch-up) or end (tail)");
  app.add_option("--fetch-bytes", r.fetch_bytes, "of one answer: 50M")->capture_default_str();
  app.add_option("--fetch-partition-bytes", r.fetch_partition_bytes, "of one partition in it")->capture_default_str();
  app.add_option("--fetch-min-bytes", s.fetch_min_bytes, "for which an answer waits")->capture_default_str();
  app.add_option("--fetch-wait-ms", s.fetch_wait_ms, "and for how long")->capture_default_str();
}

void add_search(CLI::App& app, raw& r) {
  settings& s = r.s;
  app.add_option("--p99-ms", s.p99_ms, "bound of the 99th percentile")->capture_default_str();
  app.add_option("--steps", s.steps, "rates tried at most")->capture_default_str();
}

client::host_port address(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) throw refusal{fmt::format("--brokers {}: not HOST:PORT", text)};
  std::string host(text.substr(0, colon));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return {std::move(host), must(base::parse_integer<uint16_t>(text.substr(colon + 1)), "--brokers", text)};
}

unsigned last_cpu() {
  cpu_set_t set;
  unsigned last = 0;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 0;
  for (unsigned i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &set)) last = i;
  }
  return last;
}

void resolve_lists(raw& r) {
  settings& s = r.s;
  for (std::string_view rest = r.brokers; !rest.empty();) {
    const size_t comma = std::min(rest.find(','), rest.size());
    s.brokers.push_back(address(rest.substr(0, comma)));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  for (const std::string& one : r.configs) {
    const size_t equals = one.find('=');
    if (equals == std::string::npos || equals == 0) throw refusal{fmt::format("--topic-config {}: not KEY=VALUE", one)};
    s.topic_configs.emplace_back(one.substr(0, equals), one.substr(equals + 1));
  }
  if (r.cores.empty()) {
    s.cores = {last_cpu()};
  } else {
    for (const uint32_t cpu : must(base::parse_cpu_list(r.cores), "--cores", r.cores)) s.cores.push_back(cpu);
  }
  if (!r.assign.empty()) {
    for (const uint32_t p : must(base::parse_cpu_list(r.assign), "--assign", r.assign)) {
      s.assign.push_back(static_cast<int32_t>(p));
    }
  }
}

int32_t fetch_size(std::string_view option, std::string_view text) {
  const uint64_t size = must(base::parse_size(text), option, text);
  if (size < 1 || size > INT32_MAX) throw refusal{fmt::format("{} {}: 1 to 2147483647", option, text)};
  return static_cast<int32_t>(size);
}

void resolve_load(raw& r) {
  settings& s = r.s;
  s.sizes = must(size_distribution::parse(s.size), "--size", s.size);
  s.key_choice = must(key_distribution::parse(s.keys), "--keys", s.keys);
  s.compression = must(record::codec_named(r.compression), "--compression", r.compression);
  s.batch_bytes = must(base::parse_size(r.batch_bytes), "--batch-bytes", r.batch_bytes);
  s.acks = r.acks == "all" ? -1 : must(base::parse_integer<int>(r.acks), "--acks", r.acks);
  if (s.acks < -1 || s.acks > 1) throw refusal{fmt::format("--acks {}: 0, 1 or all", r.acks)};
  if (s.idempotence && s.acks != -1) throw refusal{"--idempotence needs --acks all"};
  s.fetch_bytes = fetch_size("--fetch-bytes", r.fetch_bytes);
  s.fetch_partition_bytes = fetch_size("--fetch-partition-bytes", r.fetch_partition_bytes);
}

/// What cannot be, or would be ignored.
void refuse_nonsense(const settings& s) {
  for (const double number : {s.seconds, s.warmup, s.ramp, s.drain_seconds, s.linger_ms, s.rate, s.start_at, s.p99_ms,
                              double{0} + s.fetch_min_bytes, double{0} + s.fetch_wait_ms}) {
    if (!(number >= 0 && number <= number_most)) throw refusal{"times, rates and sizes are numbers from 0 to 10^10"};
  }
  if (s.seconds <= 0 || s.seconds + s.warmup + s.ramp > seconds_most)
    throw refusal{"--seconds is more than 0, and with --warmup a year at most"};
  if (s.connections < 1 || s.in_flight < 1 || s.consumers < 1 || s.batch_records < 1 || s.partitions < 1) {
    throw refusal{"--connections, --in-flight, --consumers, --batch-records and --partitions are at least 1"};
  }
  if (s.kind == run_kind::consume && s.topic.empty()) throw refusal{"consume needs --topic"};
  if (s.groups > 0 && !s.assign.empty()) throw refusal{"--assign: members of --groups read what their group gives them"};
  if (s.ramp > 0 && !s.open_loop()) throw refusal{"--ramp needs --rate"};
  if (s.kind != run_kind::search) return;
  if (s.rate < 1) throw refusal{"--rate of a search is at least 1"};
  if (s.start_at > 0) throw refusal{"--start-at: a search is many runs, by one process"};
  if (s.steps < 1 || s.p99_ms <= 0) throw refusal{"--steps is at least 1, and --p99-ms more than zero"};
}

void resolve(raw& r) {
  settings& s = r.s;
  if (r.from.empty()) r.from = s.kind == run_kind::e2e ? "end" : "beginning";
  if (r.from != "beginning" && r.from != "end") throw refusal{fmt::format("--from {}: beginning or end", r.from)};
  s.from_begin = r.from == "beginning";
  if (s.kind == run_kind::search && s.rate == 0) s.rate = 1000;
  s.seconds = r.seconds.value_or(s.kind == run_kind::search ? 5 : 10);
  s.warmup = r.warmup.value_or(s.kind == run_kind::consume && s.from_begin ? 0 : 2);
  s.partitions = r.partitions.value_or(1);
  s.partitions_given = r.partitions.has_value();
  resolve_lists(r);
  resolve_load(r);
  refuse_nonsense(s);
  s.warmup = std::max(s.warmup, s.ramp);
  std::random_device chance;
  if (s.run_id == 0) s.run_id = uint64_t{chance()} << 32 | chance();
  const bool own = s.topic.empty();
  if (own) s.topic = fmt::format("millrace-bench-{:08x}", s.run_id >> 32);
  s.keep = (s.keep || !own) && !r.remove;
  if (!s.lingers()) s.linger_ms = 3.6e6;
}

}  // namespace

std::string_view name_of(run_kind kind) {
  constexpr std::string_view names[] = {"produce", "consume", "e2e", "mixed", "search"};
  return names[static_cast<size_t>(kind)];
}

command parse_command(std::span<const char* const> arguments) {
  raw r;
  CLI::App app("A load generator for brokers of Kafka's protocol that checks what it reads", "millrace-bench");
  app.require_subcommand(1);
  const std::pair<run_kind, const char*> kinds[] = {
      {run_kind::produce, "sends records, and measures their answers"},
      {run_kind::consume, "reads what a run left (--keep), and checks it"},
      {run_kind::e2e, "producers, and consumers at the tail: the time from intended sending to reading"},
      {run_kind::mixed, "producers, and consumers that may be far behind"},
      {run_kind::search, "looks for the highest rate whose 99th percentile stays below a bound"},
  };
  std::vector<std::pair<CLI::App*, run_kind>> subcommands;
  for (const auto& [kind, about] : kinds) {
    CLI::App* sub = app.add_subcommand(std::string(name_of(kind)), about);
    // Given twice, the last counts: scripts put their own behind what they wrap.
    sub->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    subcommands.emplace_back(sub, kind);
    add_common(*sub, r, kind);
    if (kind != run_kind::consume) add_produce(*sub, r);
    if (kind != run_kind::produce && kind != run_kind::search) add_consume(*sub, r);
    if (kind == run_kind::search) add_search(*sub, r);
  }
  CLI::App* merge = app.add_subcommand("merge", "makes one result of those of several processes");
  merge->add_option("files", r.merge.files, "results")->required();
  merge->add_option("--json", r.merge.json, "file for the result")->required();
  merge->add_option("--label", r.merge.label, "of the result; default: the first one's");
  CLI::App* report = app.add_subcommand("report", "makes one page of the results of any runs, side by side");
  report->add_option("files", r.report.files, "results")->required();
  report->add_option("--report", r.report.report, "file for the page")->required();

  std::vector<std::string> words(arguments.rbegin(), arguments.rend());  // CLI11 takes them from the back
  try {
    app.parse(std::move(words));
    if (merge->parsed()) return {.run = {}, .merge = r.merge, .report = {}, .text = {}};
    if (report->parsed()) return {.run = {}, .merge = {}, .report = r.report, .text = {}};
    for (const auto& [sub, kind] : subcommands) {
      if (sub->parsed()) r.s.kind = kind;
    }
    resolve(r);
    return {.run = std::move(r.s), .merge = {}, .report = {}, .text = {}};
  } catch (const CLI::CallForHelp&) {
    for (const auto& [sub, kind] : subcommands) {
      if (sub->parsed()) return {.run = {}, .merge = {}, .report = {}, .status = 0, .text = sub->help()};
    }
    return {.run = {},
            .merge = {},
            .report = {},
            .status = 0,
            .text = (merge->parsed()    ? merge
                     : report->parsed() ? report
                                        : &app)
                        ->help()};
  } catch (const CLI::ParseError& wrong) {
    return {.run = {},
            .merge = {},
            .report = {},
            .status = 1,
            .text = fmt::format("{} (--help shows the options)", wrong.what())};
  } catch (const refusal& wrong) {
    return {.run = {}, .merge = {}, .report = {}, .status = 1, .text = wrong.text};
  }
}

}  // namespace millrace::generator
