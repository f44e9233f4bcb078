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
  const uint64_t one_core = reactor::connections_max({});
  CHECK(one_core >= 15000);
  CHECK(connections_limit(unbounded, 1, 1 << 20) == one_core);
  CHECK(connections_limit(unbounded, 4, 1 << 20) == 4 * one_core);
  CHECK(connections_limit(unbounded, 4, 20000) == 18750);
  CHECK(connections_limit(unbounded, 4, 1024) == 960);
  CHECK(connections_limit(unbounded, 4, 64) == 32);
  const config few = load_sets({set("max.connections", "100")}).values;
  CHECK(connections_limit(few, 4, 1 << 20) == 100);
}

}  // namespace millrace::server
