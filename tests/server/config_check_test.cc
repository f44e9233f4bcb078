#include "server/config_check.hh"

#include <numeric>

#include "support.hh"

namespace millrace::server {

TEST_CASE("configuration: settings that contradict each other are refused, each with one line") {
  struct row {
    const char* name;
    std::vector<setting> sets;
    const char* want;  // part of the only error; nullptr: none
  };
  const auto open = set("allow.unauthenticated", "true");
  const row rows[] = {
      {"defaults", {}, nullptr},
      {"no listener", {set("listeners", "")}, "at least one address"},
      {"IPv6 loopback", {set("listeners", "PLAINTEXT://[::1]:9092")}, nullptr},
      {"every interface, not advertised",
       {set("listeners", "PLAINTEXT://0.0.0.0:9092"), open},
       "advertised.listeners must say"},
      {"every IPv6 interface, not advertised",
       {set("listeners", "PLAINTEXT://[::]:9092"), open},
       "advertised.listeners must say"},
      {"no host, not advertised", {set("listeners", "P://:9092"), open}, "P://host:9092"},
      {"every interface, another one advertised",
       {set("listeners", "A://0.0.0.0:9092,B://127.0.0.1:9093"), set("advertised.listeners", "B://127.0.0.1:9093"), open},
       "A://0.0.0.0:9092 listens on every interface"},
      {"every interface, advertised",
       {set("listeners", "P://0.0.0.0:9092"), set("advertised.listeners", "P://b1.example:9092"), open},
       nullptr},
      {"not loopback, not allowed", {set("listeners", "P://10.1.2.3:9092")}, "allow.unauthenticated"},
      {"a name that may be anywhere", {set("listeners", "P://broker-1:9092")}, "allow.unauthenticated"},
      {"not loopback, allowed", {set("listeners", "P://10.1.2.3:9092"), open}, nullptr},
      {"HTTP at the listener's address", {set("http", "127.0.0.1:9092")}, "the address of the listener"},
      {"HTTP for others, not allowed", {set("http", "10.1.2.3:80")}, "allow.unauthenticated"},
      {"HTTP on every interface, not allowed", {set("http", "0.0.0.0:80")}, "--http off"},
      {"HTTP without a host, not allowed", {set("http", ":80")}, "allow.unauthenticated"},
      {"HTTP on every interface, allowed", {set("http", "0.0.0.0:80"), open}, nullptr},
      {"HTTP on IPv6 loopback", {set("http", "[::1]:80")}, nullptr},
      {"no HTTP", {set("http", "off")}, nullptr},
      {"TLS", {set("listeners", "SSL://127.0.0.1:9092")}, "neither TLS nor SASL"},
      {"SASL", {set("listeners", "SASL_PLAINTEXT://127.0.0.1:9092")}, "neither TLS nor SASL"},
      {"one name twice", {set("listeners", "P://127.0.0.1:1,P://127.0.0.1:2")}, "the name P stands twice"},
      {"one address twice", {set("listeners", "P://127.0.0.1:1,Q://127.0.0.1:1")}, "127.0.0.1:1 stands twice"},
      {"two free ports", {set("listeners", "P://127.0.0.1:0,Q://127.0.0.1:0")}, nullptr},
      {"advertised without listener", {set("advertised.listeners", "OTHER://127.0.0.1:9092")}, "listeners has no OTHER"},
      {"advertised everywhere",
       {set("advertised.listeners", "PLAINTEXT://0.0.0.0:9092")},
       "no address that a client can reach"},
      {"advertised port 0", {set("advertised.listeners", "PLAINTEXT://localhost:0")}, "port 0"},
      {"a partition placed twice", {set("placement.override", "a-0:0,a-0:1")}, "a-0 stands twice"},
      {"a ring that is no whole blocks", {set("commit_log.size", "16777217")}, "multiple of 4096"},
      {"no directory", {set("log.dirs", "")}, "a directory is needed"},
      {"two directories", {set("log.dirs", "a,b")}, "one directory"},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    const loaded_config loaded = load_sets(r.sets);
    CAPTURE(joined(loaded.errors));
    CHECK(loaded.errors.size() == (r.want == nullptr ? 0 : 1));
    if (r.want != nullptr) CHECK(contains(joined(loaded.errors), r.want));
  }
}

TEST_CASE("configuration: an error between settings names the place that the value came from") {
  const loaded_config loaded =
      load_config({.file = {}, .environment = {"MILLRACE_LISTENERS=P://10.0.0.1:9092"}, .flags = {}, .sets = {}});
  REQUIRE(loaded.errors.size() == 1);
  CHECK(loaded.errors[0].starts_with("MILLRACE_LISTENERS: listeners: P://10.0.0.1:9092 lets in"));
}

TEST_CASE("configuration: a batch that can never arrive or be stored is a warning") {
  CHECK(load_sets({}).warnings.empty());
  const auto arrive = load_sets({set("message.max.bytes", "2MiB"), set("socket.request.max.bytes", "1MiB")});
  CHECK(arrive.errors.empty());
  CHECK(contains(joined(arrive.warnings), "socket.request.max.bytes (1048576)"));
  const auto store = load_sets({set("message.max.bytes", "2MiB"), set("log.segment.bytes", "1MiB")});
  CHECK(store.errors.empty());
  CHECK(contains(joined(store.warnings), "log.segment.bytes (1048576)"));
}

TEST_CASE("configuration: a setting without effect in this version is said") {
  struct row {
    const char* key;
    const char* initial;
    const char* other;
    const char* why;
  };
  const row rows[] = {
      {"min.insync.replicas", "1", "2", "a single node keeps the only replica"},
  };
  for (const row& r : rows) {
    CAPTURE(r.key);
    CHECK(load_sets({set(r.key, r.initial)}).warnings.empty());
    const auto loaded = load_sets({set(r.key, r.other)});
    CHECK(loaded.errors.empty());
    CHECK(joined(loaded.warnings) == "--set: " + std::string(r.key) + " has no effect: " + r.why + "\n");
  }
}

TEST_CASE("configuration: a topic's default is refused for what a topic would be refused for") {
  struct row {
    const char* key;
    const char* value;
    const char* why;  ///< empty: it is taken
  };
  const row rows[] = {
      {"compression.gzip.level", "0", "compression.gzip.level: 0 is no level"},
      {"compression.gzip.level", "9", ""},
      {"compression.zstd.level", "-7", ""},
      {"log.cleaner.min.cleanable.ratio", "1.5", "log.cleaner.min.cleanable.ratio: "},
      {"log.cleaner.min.cleanable.ratio", "0.25", ""},
  };
  for (const row& r : rows) {
    CAPTURE(r.key);
    CAPTURE(r.value);
    const std::string said = joined(load_sets({set(r.key, r.value)}).errors);
    CHECK(said.empty() == (*r.why == '\0'));
    CHECK(contains(said, r.why));
  }
}

TEST_CASE("core listeners: ids and ports that there are not are refused") {
  struct row {
    const char* key;
    const char* value;
    const char* why;  ///< empty: it is taken
  };
  const row rows[] = {
      {"node.id", "2147482", ""},
      {"node.id", "2147483", "node.id (2147483) is too large"},
      {"core_listeners.port", "65535", ""},
      {"core_listeners.advertised_host", "0.0.0.0", "is no address that a client can reach"},
  };
  for (const row& r : rows) {
    CAPTURE(r.key);
    CAPTURE(r.value);
    CHECK(load_sets({set(r.key, r.value)}).errors.empty());
    const std::string said =
        joined(load_sets({set("core_listeners.enable", "true"), set("cores", "0"), set(r.key, r.value)}).errors);
    CHECK(said.empty() == (*r.why == '\0'));
    CHECK(contains(said, r.why));
  }
  const uint32_t allowed[] = {0, 1};
  for (const bool named : {false, true}) {  // all that it may use are cores too
    std::vector<setting> sets{set("core_listeners.enable", "true"), set("core_listeners.port", "65535")};
    if (named) sets.push_back(set("cores", "0,1"));
    const auto errors = check_machine(load_sets(std::move(sets)).values, allowed, int64_t{8} << 30);
    REQUIRE(errors.size() == 1);
    CHECK(errors[0] == "core_listeners.port: there are not 2 ports from 65535 on");
  }
}

TEST_CASE("memory: auto is a quarter of the machine, at most 4 GiB, and more where cores need it, up to half") {
  const int64_t gib = int64_t{1} << 30;
  CHECK(default_memory(gib, 1) == gib / 4);
  CHECK(default_memory(16 * gib, 64) == 4 * gib);
  CHECK(default_memory(64 * gib, 64) == 4 * gib);
  CHECK(default_memory(64 * gib, 128) == 8 * gib);
  CHECK(default_memory(64 * gib, 1024) == 32 * gib);
  CHECK(default_memory(gib, 6) == 6 * gib / 16);
}

TEST_CASE("machine: where nothing is said the start takes what there is, and never fails for its number of CPUs") {
  struct row {
    size_t cpus;
    int64_t machine_mib;
    std::vector<setting> sets;
    size_t cores;
    int64_t memory_mib;
  };
  const row rows[] = {
      {64, 32768, {}, 64, 4096},
      {128, 32768, {}, 128, 8192},
      {16, 1024, {}, 8, 512},
      {2, 200, {}, 1, 100},
      {16, 1024, {set("cores", "0-3")}, 4, 256},
      {16, 2048, {set("memory", "1024MiB")}, 16, 1024},
  };
  for (const row& r : rows) {
    CAPTURE(r.cpus);
    CAPTURE(r.machine_mib);
    std::vector<uint32_t> allowed(r.cpus);
    std::iota(allowed.begin(), allowed.end(), 0);
    const config values = load_sets(r.sets).values;
    const machine_use use = use_of(values, allowed, r.machine_mib << 20);
    CHECK(use.cpus.size() == r.cores);
    CHECK(use.memory == r.memory_mib << 20);
    const bool fewer = r.sets.empty() && r.cores < r.cpus;
    CHECK(use.note.empty() == !fewer);
    if (fewer) CHECK(contains(use.note, std::to_string(r.cores) + " of " + std::to_string(r.cpus) + " CPUs"));
    CHECK(check_machine(values, allowed, r.machine_mib << 20).empty());
  }
}

TEST_CASE("machine: what the configuration asks must be there") {
  struct row {
    const char* name;
    std::vector<setting> sets;
    int64_t machine_mib;
    const char* want;
  };
  const row rows[] = {
      {"defaults", {}, 2048, nullptr},
      {"one core", {set("cores", "2")}, 2048, nullptr},
      {"a CPU that is not ours", {set("cores", "1-2")}, 2048, "may not use CPU 1 (it may use 0,2,3)"},
      {"too little for three cores", {set("memory", "191MiB")}, 2048, "3 cores need at least 192 MiB, not 191"},
      {"what can be done is said", {set("memory", "191MiB")}, 2048, "give more with --memory, or fewer with --cores"},
      {"just enough for three cores", {set("memory", "192MiB")}, 2048, nullptr},
      {"half is too little for the cores that were said",
       {set("cores", "0,2,3")},
       383,
       "3 cores need at least 192 MiB, not 191"},
      {"a core that is left out", {set("placement.override", "a-0:1")}, 255, "names core 1, and there are 1"},
      {"not even one", {}, 127, "1 cores need at least 64 MiB, not 63"},
      {"more than there is", {set("memory", "3GiB")}, 2048, "more than the machine has"},
      {"the last core", {set("placement.override", "a-0:2")}, 2048, nullptr},
      {"a core too far", {set("placement.override", "a-0:3")}, 2048, "names core 3, and there are 3"},
      {"a core too far of one", {set("cores", "3"), set("placement.override", "a-0:1")}, 2048, "there are 1"},
  };
  const uint32_t allowed[] = {0, 2, 3};
  for (const row& r : rows) {
    CAPTURE(r.name);
    const loaded_config loaded = load_sets(r.sets);
    REQUIRE(loaded.errors.empty());
    const auto errors = check_machine(loaded.values, allowed, r.machine_mib << 20);
    CAPTURE(joined(errors));
    CHECK(errors.size() == (r.want == nullptr ? 0 : 1));
    if (r.want != nullptr) CHECK(contains(joined(errors), r.want));
  }
}

}  // namespace millrace::server
