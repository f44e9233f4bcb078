#include "server/mechanisms.hh"

#include "server/settings.hh"
#include "support.hh"

namespace millrace::server {
namespace {

reactor::ring_offers offering(bool zero_copy, bool splice) {
  return {.made = true,
          .zero_copy_send = zero_copy,
          .splice = splice,
          .zero_copy_words = zero_copy ? "yes" : "no: Invalid argument",
          .splice_words = splice ? "yes" : "no: Operation not permitted"};
}

config asking(const char* send, const char* cold_read) {
  return load_sets({set("reactor.send", send), set("reactor.cold_read", cold_read)}).values;
}

TEST_CASE("mechanisms: what the kernel does not offer is replaced by what it has, with a line that says so") {
  struct row {
    bool zero_copy;
    bool splice;
    size_t warnings;
  };
  for (const row& r : {row{true, true, 0}, row{true, false, 1}, row{false, true, 1}, row{false, false, 2}}) {
    CAPTURE(r.zero_copy);
    CAPTURE(r.splice);
    config of = asking("zerocopy", "splice");
    const std::vector<std::string> warnings = keep_what_is_offered(of, offering(r.zero_copy, r.splice));
    CHECK(warnings.size() == r.warnings);
    // What the rooms below are given.
    CHECK(door_settings(of).send == (r.zero_copy ? api::kafka::send_mode::zero_copy : api::kafka::send_mode::copy));
    CHECK(storage_settings(of, 1).splice_reads == r.splice);
    const std::string said = joined(warnings);
    CHECK(contains(said, "reactor.send: zerocopy") == !r.zero_copy);
    CHECK(contains(said, "(no: Invalid argument): going on with copy\n") == !r.zero_copy);
    CHECK(contains(said, "reactor.cold_read: splice") == !r.splice);
    CHECK(contains(said, "(no: Operation not permitted): going on with direct\n") == !r.splice);
  }
}

TEST_CASE("mechanisms: the kernel is asked for what an operator names, and left alone else") {
  CHECK(asks_for_mechanisms(asking("zerocopy", "auto")));
  CHECK(asks_for_mechanisms(asking("auto", "splice")));
  for (const char* send : {"auto", "copy"}) {
    for (const char* cold_read : {"auto", "direct"}) {
      config of = asking(send, cold_read);
      const config before = of;
      CHECK_FALSE(asks_for_mechanisms(of));
      CHECK(keep_what_is_offered(of, offering(false, false)).empty());
      CHECK(of.reactor_send == before.reactor_send);
      CHECK(of.reactor_cold_read == before.reactor_cold_read);
    }
  }
}

TEST_CASE("mechanisms: without a ring there is nothing to say about them") {
  config of = asking("zerocopy", "splice");
  CHECK(keep_what_is_offered(of, {.refused = "Operation not permitted"}).empty());
}

}  // namespace
}  // namespace millrace::server
