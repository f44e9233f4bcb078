#include "record/verify.hh"

#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <set>
#include <string>

#include "batches.hh"

using namespace millrace;
using namespace millrace::record;
using namespace millrace::record::tests;
using base::errc;

namespace {

template <class Int>
auto put(size_t position, Int value) {
  return [=](uint8_t* at) { base::store_big<Int>(at + position, value); };
}

}  // namespace

TEST_CASE("verify: every rule about the header has its place") {
  struct row {
    const char* name;
    std::function<void(uint8_t*)> damage;
    check produced;  // none: fine
    check stored;
  };
  using namespace header;
  const row rows[] = {
      {"untouched", [](uint8_t*) {}, check::none, check::none},
      {"base offset 1", put<int64_t>(base_offset_at, 1), check::base_offset, check::none},
      {"base offset -1", put<int64_t>(base_offset_at, -1), check::base_offset, check::base_offset},
      {"base offset at the end", put<int64_t>(base_offset_at, INT64_MAX - 2), check::base_offset, check::base_offset},
      {"base offset before that", put<int64_t>(base_offset_at, INT64_MAX - 3), check::base_offset, check::none},
      {"count 0", put<int32_t>(record_count_at, 0), check::record_count, check::none},
      {"count -1", put<int32_t>(record_count_at, -1), check::record_count, check::record_count},
      {"fewer records than offsets", put<int32_t>(record_count_at, 2), check::record_count, check::none},
      {"more records than offsets", put<int32_t>(record_count_at, 4), check::record_count, check::record_count},
      {"most records", put<int32_t>(record_count_at, INT32_MAX), check::record_count, check::record_count},
      {"last delta -1", put<int32_t>(last_offset_delta_at, -1), check::last_offset_delta, check::last_offset_delta},
      {"last delta too large", put<int32_t>(last_offset_delta_at, INT32_MAX), check::record_count, check::none},
      {"codec 4", put<int16_t>(attributes_at, 4), check::none, check::none},
      {"codec 5", put<int16_t>(attributes_at, 5), check::codec, check::codec},
      {"codec 7", put<int16_t>(attributes_at, 7), check::codec, check::codec},
      {"control", put<int16_t>(attributes_at, 0x20), check::control, check::none},
      {"LogAppendTime bit", put<int16_t>(attributes_at, 0x08), check::none, check::none},
      {"producer without sequence", put<int64_t>(producer_id_at, 0), check::sequence, check::none},
      {"sequence without producer", put<int32_t>(base_sequence_at, 5), check::none, check::none},
  };
  const std::vector<uint8_t> good = batch_of({{0, 1, {}, "a", {}}, {1, 2, {}, "b", {}}, {2, 3, {}, "c", {}}});
  for (const row& r : rows) {
    CAPTURE(r.name);
    std::vector<uint8_t> data = good;
    r.damage(data.data());
    const auto produced = verify_produced(view(data));
    const auto stored = verify_shape(view(data));
    CHECK((produced ? 0 : produced.error().place) == place(r.produced));
    CHECK((stored ? 0 : stored.error().place) == place(r.stored));
    if (!produced) CHECK(produced.error().code == errc::invalid_record);
    if (!stored) CHECK(stored.error().code == errc::invalid_record);
  }
}

TEST_CASE("verify: a flipped bit inside the CRC's bytes is corrupt, in front of them it is not") {
  base::prng random(2);
  const std::vector<uint8_t> good = batch_of(random_records(random));
  std::vector<uint8_t> target(good.size());
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    const size_t at = bit / 8;
    // Length and magic are what framing looks at.
    if (at >= header::batch_length_at && at < header::leader_epoch_at) continue;
    if (at == header::magic_at) continue;
    std::vector<uint8_t> data = good;
    data[at] ^= static_cast<uint8_t>(1u << (bit % 8));
    const bool outside = at < header::magic_at;
    const auto checked = verify_crc(view(data));
    const auto copied = copy_verified(view(data), target.data());
    REQUIRE(checked.ok() == outside);
    REQUIRE(copied.ok() == outside);
    REQUIRE(target == data);
    if (!outside) {
      REQUIRE(checked.error() == base::error{errc::corrupt, place(check::crc), 0});
      REQUIRE(copied.error() == checked.error());
      seal(data);
      REQUIRE(verify_crc(view(data)).ok());
    }
  }
}

TEST_CASE("verify: every check explains itself") {
  std::set<std::string> sentences;
  for (uint16_t c = 0; c <= place(check::compression); ++c) sentences.insert(explain(static_cast<check>(c)));
  CHECK(sentences.size() == place(check::compression) + 1);
  CHECK(sentences.count("unknown") == 0);
}
