#include "record/compression.hh"

#include <doctest/doctest.h>

#include <snappy.h>
#include <zstd.h>

#include <algorithm>

#include "batches.hh"
#include "record/snappy_xerial.hh"

using namespace millrace;
using namespace millrace::record;
using namespace millrace::record::tests;
using base::errc;

namespace {

using octets = std::vector<uint8_t>;

constexpr codec codecs[] = {codec::none, codec::gzip, codec::snappy, codec::lz4, codec::zstd};
constexpr codec packing[] = {codec::gzip, codec::snappy, codec::lz4, codec::zstd};

octets sample_data(base::prng& random, size_t size) {
  octets data(size);
  random.fill(data);
  // Half of it repeats, so that there is something to find.
  for (size_t i = size / 2; i < size; ++i) data[i] = data[i % 977];
  return data;
}

octets packed(codec which, bytes input, std::optional<int> level = std::nullopt) {
  octets out;
  REQUIRE(compress(which, input, out, level).ok());
  return out;
}

base::result<octets> opened(codec which, bytes input, uint64_t bytes_max = plenty) {
  octets out;
  TRY_CHECK(decompress(which, input, bytes_max, out));
  return out;
}

octets raw_snappy(bytes input) {
  std::string out;
  snappy::Compress(reinterpret_cast<const char*>(input.data()), input.size(), &out);
  return octets(out.begin(), out.end());
}

}  // namespace

TEST_CASE("compression: what is packed opens to itself at every size, codec and level") {
  base::prng random(11);
  const size_t sizes[] = {0, 1, 2, 100, 32767, 32768, 32769, 65535, 65536, 65537, 131072, 300000, 1100000};
  for (const codec which : codecs) {
    CAPTURE(name_of(which));
    for (const size_t size : sizes) {
      const octets data = sample_data(random, size);
      REQUIRE(opened(which, packed(which, data)).value() == data);
    }
    const octets data = sample_data(random, 50000);
    for (const int level : {-1000000, -1, 0, 1, 3, 9, 12, 19, 1000000}) {
      if (level == 1000000 && which == codec::zstd) continue;  // its highest level takes gigabytes
      REQUIRE(opened(which, packed(which, data, level)).value() == data);
    }
  }
}

TEST_CASE("compression: the bound is exact") {
  base::prng random(12);
  for (const codec which : codecs) {
    CAPTURE(name_of(which));
    for (const size_t size : {1, 1000, 65536, 200000}) {
      const octets data = sample_data(random, size);
      const octets small = packed(which, data);
      CHECK(opened(which, small, size).ok());
      CHECK(opened(which, small, size - 1).error().code == errc::too_large);
      CHECK(opened(which, small, 0).error().code == errc::too_large);
    }
  }
}

TEST_CASE("compression: a bomb is stopped at the bound") {
  const octets zeros(64 << 20, 0);
  for (const codec which : packing) {
    CAPTURE(name_of(which));
    const octets bomb = packed(which, zeros);
    CHECK(bomb.size() < zeros.size() / 15);
    octets out;
    CHECK(decompress(which, bomb, 1 << 20, out).error().code == errc::too_large);
    CHECK(out.empty());
    CHECK(out.capacity() <= 4 << 20);
  }
}

TEST_CASE("compression: input cut short is never taken for a whole") {
  base::prng random(13);
  const octets data = sample_data(random, 3000);
  for (const codec which : packing) {
    CAPTURE(name_of(which));
    const octets whole = packed(which, data);
    for (size_t size = 1; size < whole.size(); ++size) {
      const auto out = opened(which, bytes(whole).first(size));
      // A snappy stream cut between blocks is a shorter stream: its records then end too early.
      const bool between_blocks = which == codec::snappy && size == 16;
      if (between_blocks) {
        REQUIRE(out.value().empty());
      } else {
        REQUIRE_FALSE(out.ok());
        REQUIRE((out.error().code == errc::truncated || out.error().code == errc::malformed));
      }
    }
  }
}

TEST_CASE("compression: nothing opens to nothing") {
  for (const codec which : codecs) CHECK(opened(which, {}).value().empty());
}

TEST_CASE("compression: frames joined end to end open as one") {
  base::prng random(14);
  const octets a = sample_data(random, 70000), b = sample_data(random, 10);
  for (const codec which : packing) {
    CAPTURE(name_of(which));
    octets joined = packed(which, a);
    const octets second = packed(which, b);
    joined.insert(joined.end(), second.begin(), second.end());
    octets want = a;
    want.insert(want.end(), b.begin(), b.end());
    CHECK(opened(which, joined).value() == want);
  }
}

TEST_CASE("snappy: a raw block opens like a stream of blocks") {
  base::prng random(15);
  for (const size_t size : {0, 1, 100, 65536, 500000}) {
    const octets data = sample_data(random, size);
    CHECK(opened(codec::snappy, raw_snappy(data)).value() == data);
  }
}

TEST_CASE("snappy: streams and blocks that lie are refused") {
  const octets stream = packed(codec::snappy, base::as_bytes("some text that is packed"));
  const octets block(stream.begin() + 20, stream.end());
  struct row {
    const char* name;
    octets data;
    errc want;
  };
  const auto with_size = [&](uint32_t size) {
    octets data = stream;
    base::store_big(data.data() + 16, size);
    return data;
  };
  const row rows[] = {
      {"block size past the end", with_size(1000), errc::truncated},
      {"block size of 4 GiB", with_size(UINT32_MAX), errc::truncated},
      {"block of size 0", with_size(0), errc::malformed},
      {"block size too small", with_size(3), errc::malformed},
      // A claim of 4 GiB - 1 in five bytes of varint.
      {"block claims 4 GiB", {0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 'a'}, errc::malformed},
      {"block claims more than 32 bits", {0xff, 0xff, 0xff, 0xff, 0xff, 0x0f}, errc::malformed},
      {"no block", {0xff}, errc::malformed},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    CHECK(opened(codec::snappy, r.data).error().code == r.want);
  }
  CHECK(opened(codec::snappy, block).value().size() == 24);
}

TEST_CASE("compression: flipped bits are refused or give other bytes, within the bound") {
  base::prng random(16);
  for (const codec which : packing) {
    CAPTURE(name_of(which));
    const octets whole = packed(which, sample_data(random, 2000));
    for (int turn = 0; turn < 2000; ++turn) {
      octets data = whole;
      for (uint64_t flips = 1 + random.below(4); flips > 0; --flips) {
        data[random.below(data.size())] ^= static_cast<uint8_t>(1u << random.below(8));
      }
      const auto out = opened(which, data, 5000);
      if (out) REQUIRE(out->size() <= 5000);
      if (!out) REQUIRE(out.error().place == place(check::compression));
    }
  }
}

TEST_CASE("decompressor: one serves batch after batch, also after errors and when left halfway") {
  base::prng random(17);
  decompressor unpack;
  for (int turn = 0; turn < 300; ++turn) {
    const codec which = codecs[random.below(5)];
    const octets data = sample_data(random, random.below(200000));
    octets small = packed(which, data);
    const uint64_t fate = random.below(3);
    if (fate == 1 && !small.empty()) small.resize(random.below(small.size()));
    REQUIRE(unpack.begin(which, small, plenty).ok());
    octets out;
    bool failed = false;
    for (int piece = 0; !unpack.done() && !(fate == 2 && piece == 1); ++piece) {
      const auto got = unpack.next();
      failed = !got.ok();
      if (failed) break;
      REQUIRE(got->size() <= decompressor::piece_bytes_max);
      out.insert(out.end(), got->begin(), got->end());
    }
    if (fate == 0) {
      REQUIRE_FALSE(failed);
      REQUIRE(out == data);
    }
  }
}

TEST_CASE("compressor: one serves batch after batch, in pieces of any size") {
  base::prng random(18);
  compressor pack;
  for (int turn = 0; turn < 200; ++turn) {
    const codec which = codecs[random.below(5)];
    const octets data = sample_data(random, random.below(200000));
    octets out{9, 9, 9};
    REQUIRE(pack.begin(which, static_cast<int>(random.below(7)), out).ok());
    for (bytes rest = data; !rest.empty();) {
      const size_t step = 1 + random.below(std::min<size_t>(rest.size(), 100000));
      REQUIRE(pack.write(rest.first(step)).ok());
      rest = rest.subspan(step);
    }
    REQUIRE(pack.finish().ok());
    REQUIRE(octets(out.begin(), out.begin() + 3) == octets{9, 9, 9});
    REQUIRE(opened(which, bytes(out).subspan(3)).value() == data);
  }
}

TEST_CASE("compressor: zstd above its default level keeps to a window of 512 KiB, and packs what comes by each write") {
  base::prng random(77);
  std::vector<uint8_t> piece(16 * 1024);
  compressor pack;
  for (const int level : {3, 4, 22, 3}) {
    CAPTURE(level);
    std::vector<uint8_t> target;
    REQUIRE(pack.begin(codec::zstd, level, target).ok());
    for (size_t i = 1; i <= 4; ++i) {
      for (uint8_t& b : piece) b = static_cast<uint8_t>(random.below(256));
      REQUIRE(pack.write(piece).ok());
      CHECK((target.size() >= i * piece.size()) == (level > 3));
    }
    REQUIRE(pack.finish().ok());
    // The frame's window: an exponent above 2^10 in five bits, behind magic and descriptor.
    const int window_log = 10 + (target[5] >> 3);
    CHECK(window_log == (level > 3 ? 19 : 21));
  }
}

TEST_CASE("compression: codecs have Kafka's names") {
  for (const codec which : codecs) CHECK(codec_named(name_of(which)).value() == which);
  CHECK(codec_named("producer").error().code == errc::unsupported_compression);
  CHECK(codec_named("ZSTD").error().code == errc::unsupported_compression);
  CHECK(static_cast<int>(codec::zstd) == 4);
}

TEST_CASE("compression: lz4 frames are what Java reads") {
  const octets frame = packed(codec::lz4, base::as_bytes("text"));
  CHECK(base::load_little<uint32_t>(frame.data()) == 0x184d2204);
  const uint8_t flags = frame[4];
  CHECK((flags >> 6) == 1);     // version
  CHECK((flags & 0x20) != 0);   // blocks are independent
  CHECK((flags & 0x01) == 0);   // no dictionary
  CHECK((frame[5] >> 4) == 4);  // blocks of at most 64 KiB
}
