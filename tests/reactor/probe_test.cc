#include "reactor/probe.hh"

#include <algorithm>

#include "support.hh"

namespace millrace::reactor {
namespace {

probe_request asked_of(const std::string& directory) {
  probe_request asked;
  asked.directory = directory;
  asked.machine.cpus = {0};
  asked.machine.ring.spin_max = base::microseconds(123);
  return asked;
}

std::string value_of(const std::vector<probe_line>& lines, const std::string& name) {
  const auto at = std::find_if(lines.begin(), lines.end(), [&](const probe_line& l) { return l.name == name; });
  return at == lines.end() ? "(no such line)" : at->value;
}

TEST_CASE("probe: tells what there is and what will be used, and leaves nothing behind") {
  const test::temporary_directory directory;
  probe_request asked = asked_of(directory.path());
  const probe_report here = probe(asked);
  MESSAGE(to_text(here));
  CHECK(here.usable);
  CHECK(std::filesystem::is_empty(directory.path()));
  CHECK(value_of(here.offers, "io_uring multishot receive") == "yes");
  CHECK(value_of(here.uses, "wait").find("123 us") != std::string::npos);
  CHECK(value_of(here.uses, "cores") == "1, on CPU 0");
  CHECK(value_of(here.uses, "send").find("(auto)") != std::string::npos);
  asked.machine.ring.spin_max = {};
  asked.send = "zerocopy";
  asked.cold_read = "splice";
  const probe_report other = probe(asked);
  CHECK(value_of(other.uses, "wait") == "block in the ring");
  CHECK(value_of(other.uses, "send").find("zerocopy") != std::string::npos);
  CHECK(value_of(other.uses, "cold read").find("splice") != std::string::npos);
}

TEST_CASE("probe: a directory that is not there yet is asked of the nearest one above it") {
  const test::temporary_directory directory;
  const probe_report later = probe(asked_of(directory.of("will/be/made")));
  CHECK(later.usable);
  CHECK(value_of(later.offers, "directory").find("will be made") != std::string::npos);
  CHECK(std::filesystem::is_empty(directory.path()));
}

TEST_CASE("probe: says why a broker cannot run") {
  const probe_report nowhere = probe(asked_of("/proc/nothing/here"));
  CHECK_FALSE(nowhere.usable);
  CHECK(to_text(nowhere).find("a broker cannot run here: /proc") != std::string::npos);
}

}  // namespace
}  // namespace millrace::reactor
