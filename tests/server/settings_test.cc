#include "server/settings.hh"

#include "support.hh"

namespace millrace::server {

TEST_CASE("settings: an idle connection lives as long as was said, and for ever with -1") {
  const auto idle_max = [](const char* text) {
    return door_settings(load_sets({set("connections.max.idle.ms", text)}).values).idle_max;
  };
  CHECK(idle_max("0") == base::milliseconds(0));
  CHECK(idle_max("10m") == base::seconds(600));
  const base::duration century = base::seconds(int64_t{99} * 365 * 24 * 3600);
  CHECK(idle_max("-1") > century);
  CHECK(idle_max("9223372036854775807") > century);
}

TEST_CASE("settings: connections are bounded by what was said, by the cores and by the open files") {
  const config unbounded = load_sets({}).values;
  const uint64_t one_core = door_settings(unbounded).connections_max;
  CHECK(one_core >= 15000);
  // However many there are, HTTP has room in the ring.
  CHECK(one_core + 2 * api::http::door_options{}.connections_max <= reactor::connections_max({}));
  CHECK(connections_limit(unbounded, 1, 1 << 20) == one_core);
  CHECK(connections_limit(unbounded, 4, 1 << 20) == 4 * one_core);
  CHECK(connections_limit(unbounded, 4, 20000) == 18750);
  CHECK(connections_limit(unbounded, 4, 1024) == 960);
  CHECK(connections_limit(unbounded, 4, 64) == 32);
  const config few = load_sets({set("max.connections", "100")}).values;
  CHECK(connections_limit(few, 4, 1 << 20) == 100);
}

TEST_CASE("settings: buffers and requests of the largest size fit the memory together, or it is said which are refused") {
  const config from = load_sets({set("socket.request.max.bytes", "104857600")}).values;
  const auto buffers = [&](unsigned cores, uint64_t memory) {
    return machine_settings(from, std::vector<unsigned>(cores, 0), memory).memory_bytes;
  };
  struct row {
    unsigned cores;
    uint64_t memory_mib;
    uint64_t huge_mib;
    bool refused;
  };
  for (const row& r :
       {row{1, 64, 10, true}, row{2, 256, 58, true}, row{1, 424, 100, false}, row{2, 512, 122, false},
        row{4, 1024, 250, false}, row{1, 4096, 400, false}, row{8, 4096, 800, false}, row{64, 4096, 1018, false}}) {
    CAPTURE(r.cores);
    CAPTURE(r.memory_mib);
    const uint64_t memory = r.memory_mib << 20;
    const uint64_t each = buffers(r.cores, memory);
    const uint64_t huge = huge_frame_bytes(from, r.cores, memory);
    CHECK((huge >> 20) == r.huge_mib);
    // Beside the program itself a twelfth or more stays for what is allocated one by one.
    CHECK(r.cores * each + huge + (uint64_t{24} << 20) < memory - memory / 12);
    const auto said = memory_warnings(from, r.cores, memory, each);
    CHECK(said.size() == (r.refused ? 1 : 0));
    if (r.refused) CHECK(contains(said[0], "closed"));
  }
  const config large = load_sets({set("message.max.bytes", "90000000")}).values;
  CHECK(memory_warnings(large, 1, uint64_t{4} << 30, uint64_t{2} << 30).size() == 1);
}

TEST_CASE("listeners: where cores have their own, each follows behind the common ones with the next port") {
  const auto ports = [](std::vector<setting> sets) {
    std::vector<std::string> all;
    const config from = load_sets(std::move(sets)).values;
    auto listeners = listener_settings(from);
    for (const auto& l : core_listener_settings(from, listeners.front(), 3)) listeners.push_back(l);
    for (const auto& l : listeners) {
      all.push_back(l.bind.host + ":" + std::to_string(l.bind.port) + " " + l.advertised.host + ":" +
                    std::to_string(l.advertised.port) + (l.bind.shared ? " shared" : ""));
    }
    return all;
  };
  const std::string common = "127.0.0.1:9092 127.0.0.1:9092 shared";
  CHECK(ports({}) == std::vector{common});
  CHECK(ports({set("core_listeners.enable", "true")}) == std::vector<std::string>{common, "127.0.0.1:9192 127.0.0.1:9192",
                                                                                  "127.0.0.1:9193 127.0.0.1:9193",
                                                                                  "127.0.0.1:9194 127.0.0.1:9194"});
  CHECK(ports({set("core_listeners.enable", "true"), set("core_listeners.port", "0"),
               set("core_listeners.advertised_host", "b.example")})[3] == "127.0.0.1:0 b.example:0");
}

}  // namespace millrace::server
