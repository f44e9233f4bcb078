#include "reactor/probe.hh"

#include "support.hh"

namespace millrace::reactor {
namespace {

TEST_CASE(
    "probe: tells what there is, leaves nothing behind, and refuses a directory that is not "
    "there") {
  const test::temporary_directory directory;
  const probe_report here = probe(directory.path());
  MESSAGE(to_text(here));
  CHECK(here.usable);
  CHECK(std::filesystem::is_empty(directory.path()));
  const probe_report nowhere = probe(directory.of("missing"));
  CHECK_FALSE(nowhere.usable);
  CHECK(to_text(nowhere).find("cannot run here") != std::string::npos);
}

}  // namespace
}  // namespace millrace::reactor
