#include "load/settings.hh"

#include <CLI/CLI.hpp>

#include "base/parse.hh"
#include "common/die.hh"

namespace millrace::bench {
namespace {

address parse_address(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) die("'{}' is not HOST:PORT", text);
  const auto port = base::parse_integer<uint16_t>(std::string_view(text).substr(colon + 1));
  if (!port) die("'{}' is not HOST:PORT", text);
  return {text.substr(0, colon), *port};
}

base::duration from_seconds(double s) { return {static_cast<int64_t>(s * 1e9)}; }

const char* name_of(run_kind kind) {
  switch (kind) {
    case run_kind::produce:
      return "produce";
    case run_kind::open:
      return "open";
    case run_kind::fetch:
      return "fetch";
  }
  return "?";
}

/// Values that need a word more than CLI11 reads by itself.
struct texts {
  std::string broker = "127.0.0.1:9092";
  std::vector<std::string> configs;
  double seconds = 5;
  double warmup = 1;
  int64_t spin_us = -1;
};

void add_common(CLI::App& app, settings& s, texts& t) {
  app.add_option("--broker", t.broker, "bootstrap HOST:PORT")->capture_default_str();
  app.add_option("--topic", s.topic, "created unless it exists")->capture_default_str();
  app.add_option("--partitions", s.partitions)->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--replication-factor", s.replication_factor)->capture_default_str();
  app.add_option("--config", t.configs, "key=value for the topic, may be repeated")->take_all();
  app.add_flag("--delete", s.delete_after, "delete the topic at the end");
  app.add_option("--connections", s.connections)->capture_default_str()->check(CLI::Range(1, 60000));
  app.add_option("--messages-per-batch", s.messages_per_batch)->capture_default_str()->check(CLI::Range(1, 1000000));
  app.add_option("--message-bytes", s.message_bytes, "size of a value")
      ->capture_default_str()
      ->check(CLI::Range(0, 64 << 20));
  app.add_option("--seconds", t.seconds, "measured")->capture_default_str();
  app.add_option("--warmup", t.warmup, "seconds before, not measured")->capture_default_str();
  app.add_option("--cpu", s.cpu, "pin to this CPU");
  app.add_option("--spin-us", t.spin_us, "watch the ring so long before sleeping (50; open: always)");
  app.add_option("--server-pid", s.server_pid, "report this process's CPU time");
  app.add_option("--json", s.json_path, "append the result to FILE, one line");
  app.add_option("--label", s.label, "a name for the JSON line");
}

void add_produce(CLI::App& app, settings& s) {
  app.add_option("--in-flight", s.in_flight, "requests per connection")->capture_default_str()->check(CLI::Range(1, 65536));
  app.add_option("--acks", s.acks)->capture_default_str()->check(CLI::IsMember({-1, 0, 1}));
  app.add_flag("--sticky", s.sticky, "connection i keeps to partition i mod P");
}

}  // namespace

settings parse_settings(int argc, char** argv) {
  settings s;
  texts t;
  CLI::App app{"raw_load: a load for anything that speaks Kafka, on one thread and one io_uring"};
  app.require_subcommand(1);
  auto* produce = app.add_subcommand("produce", "closed loop: each connection keeps --in-flight requests on the way");
  auto* open = app.add_subcommand("open",
                                  "open loop: --rate requests/s whatever the broker does; latency counts "
                                  "from when a request should have been sent");
  auto* fetch = app.add_subcommand("fetch", "one fetch on the way per connection, connection i on partition i mod P");
  for (auto* mode : {produce, open, fetch}) add_common(*mode, s, t);
  for (auto* mode : {produce, open}) add_produce(*mode, s);
  produce->add_option("--mb", s.limit_mb, "end after so much instead of after --seconds, all of it measured");
  open->add_option("--rate", s.rate, "requests/s, all connections together")->required()->check(CLI::PositiveNumber);
  fetch->add_flag("--from-start", s.from_start, "read whole logs round and round, not only their last --window-mb");
  fetch->add_flag("--follow", s.follow, "begin at the end and read what others produce meanwhile");
  fetch->add_option("--max-bytes", s.max_bytes, "of a partition in a fetch")->capture_default_str();
  fetch->add_flag("--check-crc", s.check_crc, "check every batch");
  fetch->add_option("--preload-mb", s.preload_mb, "produce so much first")->capture_default_str();
  fetch->add_option("--window-mb", s.window_mb, "of a partition, read round and round")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    std::exit(app.exit(e));
  }

  s.kind = produce->parsed() ? run_kind::produce : open->parsed() ? run_kind::open : run_kind::fetch;
  s.broker = parse_address(t.broker);
  for (const std::string& config : t.configs) {
    const size_t equals = config.find('=');
    if (equals == std::string::npos) die("--config {}: not key=value", config);
    s.topic_configs.emplace_back(config.substr(0, equals), config.substr(equals + 1));
  }
  if (s.kind == run_kind::open && s.acks == 0) die("an open loop needs answers: --acks 1 or -1");
  s.seconds = from_seconds(t.seconds);
  s.warmup = from_seconds(t.warmup);
  if (t.spin_us >= 0) s.spin = base::microseconds(t.spin_us);
  // A timer that wakes late would count as the broker's latency, so the open loop watches the
  // clock.
  else if (s.kind == run_kind::open)
    s.spin = base::duration{INT64_MAX};
  return s;
}

std::string describe(const settings& s) {
  std::string text = name_of(s.kind);
  if (s.kind == run_kind::fetch) {
    return text + fmt::format(" of {} KiB {}, {} connections, {} partitions", s.max_bytes / 1024,
                              s.follow       ? "behind the end"
                              : s.from_start ? "from the start"
                                             : "at the tail",
                              s.connections, s.partitions);
  }
  text += fmt::format(" {} x {} B, {} connections x {}, {} partitions, acks {}", s.messages_per_batch, s.message_bytes,
                      s.connections, s.in_flight, s.partitions, s.acks);
  if (s.kind == run_kind::open) text += fmt::format(", {} requests/s", s.rate);
  return text;
}

}  // namespace millrace::bench
