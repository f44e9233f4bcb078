#include <doctest/doctest.h>

#include "base/hash.hh"
#include "reference_writer.hh"

namespace millrace::storage {
namespace {

using namespace test;

checkpoint sample(uint64_t number, int32_t start = 1) {
  checkpoint c{.number = number,
               .start_number = base::leader_epoch(start),
               .core = 3,
               .clean = true,
               .commit_log = 77,
               .next_record = 8,
               .next_position = 4096 * 9,
               .previous_digest = 0x1234567890};
  for (int32_t i = 0; i < 100; ++i) {
    log_state l{.id = id_of(5, i),
                .directory = "orders-" + std::to_string(i),
                .end = {base::offset(10), 5000u + static_cast<uint64_t>(i), base::offset(99)},
                .log_start = base::offset(i),
                .producers_from = base::offset(99 - i % 7)};
    for (int32_t e = 0; e < i % 4; ++e) l.epochs.push_back({base::leader_epoch(e), base::offset(e * 10)});
    for (int32_t d = 0; d < i % 3; ++d) l.damage.push_back({base::offset(d * 7), base::offset(d * 7 + 2)});
    c.logs.push_back(std::move(l));
  }
  return c;
}

TEST_CASE("checkpoint: what was encoded is decoded, whatever lies behind it") {
  const checkpoint c = sample(5);
  std::vector<uint8_t> file = encode_checkpoint(c);
  CHECK(file.size() % 4096 == 0);
  file.resize(file.size() + 8192, 0xee);
  const auto read = decode_checkpoint(file);
  REQUIRE(read);
  CHECK(read->number == 5);
  CHECK(read->start_number == base::leader_epoch(1));
  CHECK(read->core == 3);
  CHECK(read->clean);
  CHECK(read->commit_log == 77);
  CHECK(read->next_record == 8);
  CHECK(read->next_position == 4096 * 9);
  CHECK(read->previous_digest == 0x1234567890);
  CHECK(read->logs == c.logs);
}

TEST_CASE("checkpoint: version 1 knew of no producers, so all of them are kept") {
  checkpoint c = sample(5);
  c.logs.resize(1);
  std::vector<uint8_t> file = encode_checkpoint(c);
  // Without the field behind the log's start; the header is as long, and what fills the last block too.
  constexpr size_t field = 96 + 16 + 4 + 4 + 4 * 8;
  file.erase(file.begin() + field, file.begin() + field + 8);
  file.resize(file.size() + 8);
  base::store_little<uint32_t>(file.data() + 8, 1);
  base::xxh3_stream sum;
  sum.add(base::bytes(file).first(24));
  sum.add(base::bytes(file).subspan(32));
  base::store_little<uint64_t>(file.data() + 24, sum.digest());
  const auto read = decode_checkpoint(file);
  REQUIRE(read);
  c.logs[0].producers_from = c.logs[0].end.next;
  CHECK(read->logs == c.logs);
}

TEST_CASE("checkpoint: any change and any cut is seen") {
  const std::vector<uint8_t> file = encode_checkpoint(sample(5));
  for (size_t at = 0; at < file.size(); at += 13) {
    std::vector<uint8_t> harmed = file;
    harmed[at] ^= 0x20;
    CAPTURE(at);
    CHECK_FALSE(decode_checkpoint(harmed));
    CHECK_FALSE(decode_checkpoint(base::bytes(file).first(at)));
  }
}

TEST_CASE("checkpoint: one that is well sealed and says what cannot be is refused") {
  struct row {
    const char* name;
    void (*harm)(log_state&);
  };
  const row rows[] = {
      {"no directory", [](log_state& l) { l.directory.clear(); }},
      {"a directory elsewhere", [](log_state& l) { l.directory = "../a-0"; }},
      {"a negative partition", [](log_state& l) { l.id.partition = -1; }},
      {"an end before its segment", [](log_state& l) { l.end.next = base::offset(9); }},
      {"producers that are not kept from before the log", [](log_state& l) { l.producers_from = base::offset(-1); }},
      {"producers that are not kept from behind its end", [](log_state& l) { l.producers_from = base::offset(100); }},
      {"a negative log start", [](log_state& l) { l.log_start = base::offset(-1); }},
  };
  for (const row& r : rows) {
    CAPTURE(std::string(r.name));
    checkpoint c = sample(1);
    r.harm(c.logs[4]);
    const auto read = decode_checkpoint(encode_checkpoint(c));
    REQUIRE_FALSE(read);
    CHECK(read.error().code == base::errc::malformed);
  }
}

TEST_CASE("checkpoint: the start number counts before the number") {
  CHECK(is_newer(sample(1, 2), sample(9, 1)));
  CHECK(is_newer(sample(2, 2), sample(1, 2)));
  CHECK_FALSE(is_newer(sample(2, 2), sample(2, 2)));
}

reactor::task<base::result<void>> write_some(reactor::core* on, std::vector<std::vector<uint8_t>> all) {
  checkpoint_files files(*on, data_dir, 3);
  base::result<void> done = co_await files.open();
  for (size_t i = 0; done && i < all.size(); ++i) {
    base::result<void> written = co_await files.write(std::move(all[i]));
    done = written;
  }
  co_await files.close();
  co_return done;
}

reactor::task<base::result<newest_checkpoint>> newest(reactor::core* on) {
  base::result<newest_checkpoint> found = co_await read_newest_checkpoint(*on, data_dir, 3);
  co_return found;
}

TEST_CASE("checkpoint files: they are written in turn, also after they were opened again") {
  sim::world w(1);
  sim::node& n = w.add_node();
  n.disk().make_directories(data_dir + "/commit");
  const auto none = w.run(n, 0, newest(&n.core()));
  REQUIRE_FALSE(none);
  CHECK(none.error().code == base::errc::not_found);
  for (uint64_t number = 1; number < 6; ++number) {
    REQUIRE(w.run(n, 0, write_some(&n.core(), {encode_checkpoint(sample(number))})));
    const auto found = w.run(n, 0, newest(&n.core()));
    REQUIRE(found);
    CHECK(found->content.number == number);
    CHECK(found->slot == (number + 1) % 2);
  }
}

TEST_CASE("checkpoint files: at each crash the last durable one is there") {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    sim::world w(seed);
    sim::node& n = w.add_node();
    n.disk().make_directories(data_dir + "/commit");
    REQUIRE(w.run(n, 0, write_some(&n.core(), {encode_checkpoint(sample(1)), encode_checkpoint(sample(2))})));
    auto running = w.start(n, 0, write_some(&n.core(), {encode_checkpoint(sample(3)), encode_checkpoint(sample(4))}));
    const uint64_t turns = w.stream("turns").below(60);
    const base::instant horizon = w.now() + base::seconds(10);
    for (uint64_t i = 0; i < turns && !running->done(); ++i) (void)w.step(horizon);
    w.crash(n);
    running->abandon();
    w.restart(n, 1);
    const auto found = w.run(n, 0, newest(&n.core()));
    REQUIRE(found);
    CHECK(found->content.number >= 2);
    CHECK(found->content.logs == sample(1).logs);
  }
}

}  // namespace
}  // namespace millrace::storage
