#include <doctest/doctest.h>

#include "reference_writer.hh"
#include "storage/partition_metadata.hh"
#include "storage/state_file.hh"

namespace millrace::storage {
namespace {

using namespace test;

constexpr state_format format{0x1122334455667788u, 3};

TEST_CASE("state file: what was encoded is decoded") {
  for (const std::string& payload : {std::string(), std::string("x"), std::string(10000, 'y')}) {
    const std::string file = encode_state(format, base::as_bytes(payload));
    const auto read = decode_state(format, base::as_bytes(file));
    REQUIRE(read);
    CHECK(*read == payload);
  }
}

TEST_CASE("state file: what is not one is said to be cut, foreign or corrupt") {
  const std::string file = encode_state(format, base::as_bytes("some payload"));
  for (size_t at = 0; at < file.size(); ++at) {
    CAPTURE(at);
    std::string harmed = file;
    harmed[at] = static_cast<char>(harmed[at] ^ 1);
    const auto read = decode_state(format, base::as_bytes(harmed));
    REQUIRE_FALSE(read);
    CHECK((read.error().code == base::errc::foreign) == (at < 8));
    CHECK_FALSE(decode_state(format, base::as_bytes(file.substr(0, at))));
  }
  CHECK_FALSE(decode_state(format, base::as_bytes(file + "z")));
  CHECK(decode_state({format.magic, 4}, base::as_bytes(file)).error().code == base::errc::foreign);
  CHECK(decode_state({format.magic + 1, 3}, base::as_bytes(file)).error().code == base::errc::foreign);
}

TEST_CASE("state file: a crash leaves the old or the new one") {
  bool old_seen = false;
  bool new_seen = false;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    sim::world w(seed);
    sim::node& n = w.add_node();
    n.disk().make_directories(data_dir);
    const std::string path = data_dir + "/state";
    REQUIRE(w.run(n, 0, replace_state(n.core(), path, format, "old")));
    auto running = w.start(n, 0, replace_state(n.core(), path, format, std::string(9000, 'n')));
    const uint64_t turns = w.stream("turns").below(25);
    const base::instant horizon = w.now() + base::seconds(10);
    for (uint64_t i = 0; i < turns && !running->done(); ++i) (void)w.step(horizon);
    const bool was_done = running->done();
    w.crash(n);
    running->abandon();
    w.restart(n, 1);
    const auto read = w.run(n, 0, read_state(n.core(), path, format, 1 << 20));
    REQUIRE(read);
    if (was_done) CHECK(read->size() == 9000);
    CHECK((*read == "old" || *read == std::string(9000, 'n')));
    (*read == "old" ? old_seen : new_seen) = true;
  }
  CHECK(old_seen);
  CHECK(new_seen);
}

TEST_CASE("partition metadata: Kafka's text and nothing else") {
  const base::uuid topic = id_of(4).topic;
  const base::uuid::text id = topic.to_text();
  const std::string text = encode_partition_metadata(topic);
  CHECK(text == "version: 0\ntopic_id: " + std::string(base::as_view(id)) + "\n");
  CHECK(*decode_partition_metadata(text) == topic);
  CHECK(*decode_partition_metadata(text.substr(0, text.size() - 1)) == topic);
  for (const std::string& bad :
       {std::string(), std::string("version: 1\ntopic_id: ") + std::string(base::as_view(id)), std::string("version: 0\n"),
        std::string("version: 0\ntopic_id: short\n"), std::string("topic_id: x\nversion: 0\n")}) {
    CAPTURE(bad);
    CHECK_FALSE(decode_partition_metadata(bad));
  }
}

}  // namespace
}  // namespace millrace::storage
