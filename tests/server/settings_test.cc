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

}  // namespace millrace::server
