#include <doctest/doctest.h>

#include "base/hash.hh"
#include "base/prng.hh"
#include "storage/commit_file.hh"
#include "storage/commit_record.hh"

namespace millrace::storage {
namespace {

record_entry entry(uint64_t begin, uint64_t direct_end, uint64_t end) {
  record_entry e;
  e.id = {base::uuid::from_random(begin + 1, end), 3};
  e.segment = base::offset(100);
  e.begin = begin;
  e.direct_end = direct_end;
  e.end = end;
  e.first = base::offset(120);
  e.next = base::offset(131);
  e.epoch = base::leader_epoch(7);
  e.direct_crc = 0x11223344;
  e.inline_crc = 0x55667788;
  return e;
}

std::vector<uint8_t> sample(std::vector<record_entry>& entries) {
  entries = {entry(4096, 12288, 12400), entry(77, 77, 5077), entry(0, 8192, 8192)};
  std::vector<uint8_t> bytes(record_size(3, 112 + 5000 + 0), 0xab);
  const record_header header{.commit_log = 99, .number = 12, .previous = 0xdead, .durable = 10};
  const uint64_t digest = seal_record(bytes, header, entries);
  CHECK(digest == peek_record(bytes)->digest);
  return bytes;
}

TEST_CASE("commit record: fills whole blocks") {
  CHECK(record_size(1, 1) == 4096);
  CHECK(record_size(1, 4096 - 96 - 80) == 4096);
  CHECK(record_size(1, 4096 - 96 - 80 + 1) == 8192);
  CHECK(record_size(50, 0) == 4096);
  CHECK(record_size(51, 0) == 8192);
}

TEST_CASE("commit record: what was sealed is read") {
  std::vector<record_entry> entries;
  const std::vector<uint8_t> bytes = sample(entries);
  const auto parsed = parse_record(bytes);
  REQUIRE(parsed);
  CHECK(parsed->header.commit_log == 99);
  CHECK(parsed->header.number == 12);
  CHECK(parsed->header.previous == 0xdead);
  CHECK(parsed->header.durable == 10);
  CHECK(parsed->header.bytes == bytes.size());
  REQUIRE(parsed->entries.size() == 3);
  for (size_t i = 0; i < 3; ++i) {
    const record_entry& a = parsed->entries[i];
    const record_entry& b = entries[i];
    CHECK(a.id == b.id);
    CHECK(a.segment == b.segment);
    CHECK(a.begin == b.begin);
    CHECK(a.direct_end == b.direct_end);
    CHECK(a.end == b.end);
    CHECK(a.first == b.first);
    CHECK(a.next == b.next);
    CHECK(a.epoch == b.epoch);
    CHECK(a.direct_crc == b.direct_crc);
    CHECK(a.inline_crc == b.inline_crc);
  }
  CHECK(parsed->inline_at == std::vector<uint32_t>{336, 448, 5448});
}

TEST_CASE("commit record: any changed bit of header or entries is seen, inline bytes are not its business") {
  std::vector<record_entry> entries;
  const std::vector<uint8_t> bytes = sample(entries);
  for (size_t at = 0; at < 336; ++at) {
    for (const int bit : {0, 7}) {
      std::vector<uint8_t> harmed = bytes;
      harmed[at] ^= static_cast<uint8_t>(1 << bit);
      CAPTURE(at);
      CHECK_FALSE(parse_record(harmed));
    }
  }
  std::vector<uint8_t> harmed = bytes;
  harmed[400] ^= 1;
  CHECK(parse_record(harmed));
}

TEST_CASE("commit record: a cut or absent one is an error") {
  std::vector<record_entry> entries;
  const std::vector<uint8_t> bytes = sample(entries);
  for (size_t size = 0; size < bytes.size(); size += 61) CHECK_FALSE(parse_record(base::bytes(bytes).first(size)));
  const std::vector<uint8_t> zeros(4096, 0);
  CHECK_FALSE(peek_record(zeros));
  base::prng random(5);
  std::vector<uint8_t> noise(8192);
  for (int i = 0; i < 200; ++i) {
    random.fill(noise);
    base::store_little<uint64_t>(noise.data(), record_magic);
    CHECK_FALSE(parse_record(noise));
  }
}

TEST_CASE("commit record: well sealed but impossible entries are refused") {
  // Made by sealing a good record and then writing a field and a digest that match each other.
  struct row {
    const char* name;
    size_t at;  // in the first entry
    uint64_t value;
  };
  const row rows[] = {{"end before direct end", 48, 10000},
                      {"begin not a block", 32, 4097},
                      {"end too far", 48, UINT64_MAX / 2},
                      {"next before first", 72, 119},
                      {"segment behind first", 24, 121}};
  for (const row& r : rows) {
    CAPTURE(std::string(r.name));
    std::vector<record_entry> entries;
    std::vector<uint8_t> bytes = sample(entries);
    base::store_little<uint64_t>(bytes.data() + record_header_bytes + r.at, r.value);
    const size_t checked = record_header_bytes + 3 * record_entry_bytes;
    base::store_little<uint64_t>(bytes.data() + 48, 0);
    base::store_little<uint64_t>(bytes.data() + 48, base::xxh3(base::bytes(bytes).first(checked)));
    const auto parsed = parse_record(bytes);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == base::errc::malformed);
  }
}

TEST_CASE("commit file: its header says size and state, and what is wrong with it") {
  std::vector<uint8_t> block(4096, 0xff);
  encode_commit_file(block, {.file_bytes = 64u << 20, .prepared = true});
  const auto read = decode_commit_file(block);
  REQUIRE(read);
  CHECK(read->file_bytes == 64u << 20);
  CHECK(read->prepared);
  for (size_t at = 0; at < 32; ++at) {
    std::vector<uint8_t> harmed = block;
    harmed[at] ^= 4;
    const auto refused = decode_commit_file(harmed);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == (at < 8 ? base::errc::foreign : base::errc::corrupt));
  }
  encode_commit_file(block, {.file_bytes = 4096, .prepared = false});
  CHECK(decode_commit_file(block).error().code == base::errc::malformed);
  CHECK(decode_commit_file({}).error().code == base::errc::truncated);
}

}  // namespace
}  // namespace millrace::storage
