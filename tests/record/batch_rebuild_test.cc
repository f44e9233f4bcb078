#include "record/batch_rebuild.hh"

#include <doctest/doctest.h>

#include "batches.hh"
#include "record/compression.hh"
#include "record/verify.hh"

using namespace millrace;
using namespace millrace::record;
using namespace millrace::record::tests;
using base::errc;

TEST_CASE("batch_rebuild: from every codec to every codec the records and the other fields stay") {
  base::prng random(22);
  decompressor unpack;
  compressor pack;
  for (int turn = 0; turn < 100; ++turn) {
    const auto from = static_cast<codec>(random.below(5)), to = static_cast<codec>(random.below(5));
    const auto records = random_records(random, {.count_max = 100, .text_max = 3000});
    const auto data = batch_of(records, {.codec = from,
                                         .base_offset = base::offset(5),
                                         .producer_id = 9,
                                         .producer_epoch = 1,
                                         .base_sequence = 3,
                                         .transactional = true});
    std::vector<uint8_t> out{1, 2};
    const level_range levels = levels_of(to);
    const std::optional<int> level =
        turn % 2 == 0 ? std::nullopt : std::optional<int>(turn % 4 == 1 ? levels.most : levels.least);
    batch_rebuild work(view(data), {to, level, plenty}, unpack, pack, out);
    while (!work.step(1).value()) {
    }
    const batch_view made = view(bytes(out).subspan(2));
    REQUIRE(made.size() == out.size() - 2);
    REQUIRE(made.codec() == to);
    REQUIRE(verify_crc(made).ok());
    std::vector<uint8_t> want, got;
    REQUIRE(decompress(from, view(data).records(), plenty, want).ok());
    REQUIRE(decompress(to, made.records(), plenty, got).ok());
    REQUIRE(got == want);
    REQUIRE((made.attributes() & ~7) == (view(data).attributes() & ~7));
    REQUIRE(std::equal(data.begin() + header::last_offset_delta_at, data.begin() + header::size,
                       made.data().begin() + header::last_offset_delta_at));
    REQUIRE(made.base_offset() == base::offset(5));
  }
}

TEST_CASE("batch_rebuild: a step of the least budget packs 16 KiB, however much the unpacker gives at once") {
  const auto data = batch_of({{0, 1, {}, std::string(200000, 'x'), {}}}, {});
  for (const codec to : {codec::none, codec::zstd}) {
    std::vector<uint8_t> out;
    decompressor unpack;
    compressor pack;
    batch_rebuild work(view(data), {to, 19, plenty}, unpack, pack, out);
    int steps = 1;
    while (!work.step(1).value()) ++steps;
    CHECK(steps == 13);
  }
}

TEST_CASE("batch_rebuild: a failure leaves the target as it was") {
  auto data = batch_of({{0, 1, {}, std::string(100000, 'x'), {}}}, {.codec = codec::gzip});
  std::vector<uint8_t> out{1, 2, 3};
  CHECK(rebuild(view(data), {codec::zstd, std::nullopt, 1000}, out).error().code == errc::too_large);
  CHECK(out == std::vector<uint8_t>{1, 2, 3});
  data[80] ^= 0x55;
  data[90] ^= 0x55;
  CHECK_FALSE(rebuild(view(data), {codec::zstd, std::nullopt, plenty}, out).ok());
  CHECK(out == std::vector<uint8_t>{1, 2, 3});
  base::store_big<int16_t>(data.data() + header::attributes_at, 7);
  CHECK(rebuild(view(data), {codec::none, std::nullopt, plenty}, out).error().place == place(check::codec));
  CHECK(out == std::vector<uint8_t>{1, 2, 3});
}
