#include <doctest/doctest.h>

#include <string>

#include "batches.hh"
#include "record/batch_walk.hh"
#include "record/compression.hh"
#include "record/verify.hh"

/// Batches as librdkafka 2.0.2 (kcat) sent them, byte for byte: six records "k<i>" = "value <i>
/// abcabc...", each with the header trace=abc, in each of the codecs. Ours judges them, so a
/// mistake that our builder and our walker share shows here.

using namespace millrace;
using namespace millrace::record;
using namespace millrace::record::tests;

namespace {

struct sent_batch {
  codec which;
  const char* hex;
};

const sent_batch sent[] = {
    {codec::none,
     "0000000000000000000001a8000000000209d862eb000000000005000001a1fc3bb634000001a1fc3bb634fffffff"
     "fffffffffff"
     "ffffffffff00000006ae01000000046b30880176616c7565203020616263616263616263616263616263616263616"
     "26361626361"
     "6263616263616263616263616263616263616263616263616263616263616263616263020a747261636506616263a"
     "e0100000204"
     "6b31880176616c7565203120616263616263616263616263616263616263616263616263616263616263616263616"
     "26361626361"
     "6263616263616263616263616263616263616263020a747261636506616263ae01000004046b32880176616c75652"
     "03220616263"
     "616263616263616263616263616263616263616263616263616263616263616263616263616263616263616263616"
     "26361626361"
     "6263616263020a74726163650661626346000006046b332276616c7565203320616263616263616263020a7472616"
     "36506616263"
     "46000008046b342276616c7565203420616263616263616263020a7472616365066162634600000a046b352276616"
     "c7565203520"
     "616263616263616263020a747261636506616263"},
    {codec::gzip,
     "00000000000000000000009d0000000002413fc010000100000005000001a1fc3bb707000001a1fc3bb707fffffff"
     "fffffffffff"
     "ffffffffff000000061f8b08000000000000035bc7c8c0c0c0926dd0c1589698539aaa60a09098944c3662e22a294"
     "a4c4e650332"
     "d7010d6662c93684196c484d835958b28d60061b51cb6037060636966c632588b1c60a38d470b0649b40d598e052c"
     "3c5926d0a55"
     "638a550d0023763bc677010000"},
    {codec::snappy,
     "0000000000000000000000a30000000002da593ff7000200000005000001a1fc3bb7da000001a1fc3bb7dafffffff"
     "fffffffffff"
     "ffffffffff00000006f70250ae01000000046b30880176616c7565203020616263e2030028020a747261636506616"
     "26301590c02"
     "046b3111590031fe59002e59000c04046b3211590032fe590011591c46000006046b33222909003319571dd618460"
     "00008046b34"
     "0d2400345e24000c0a046b350d240035522400"},
    {codec::lz4,
     "0000000000000000000000b20000000002bf7fd92f000300000005000001a1fc3bb8ab000001a1fc3bb8abfffffff"
     "fffffffffff"
     "ffffffffff0000000604224d1860408272000000ff06ae01000000046b30880176616c7565203020616263030026b"
     "0020a747261"
     "63650661626359004402046b3159001f315900394404046b3259001f325900358246000006046b332209011633570"
     "007d6007346"
     "000008046b3424001f34240005430a046b3524001c35240050650661626300000000"},
    {codec::zstd,
     "00000000000000000000009b0000000002b113e811000400000005000001a1fc3bb97f000001a1fc3bb97ffffffff"
     "fffffffffff"
     "ffffffffff0000000628b52ffd00580d030042041018a05707ff9f35e0fd21823db18a354db6b3bf0e6449609314c"
     "eed4f6b7bc0"
     "7e2c607b63bfb5f6576a5f6c32235423a30ec429112a4a4816821ae4487bdb64060c00e00b901100f7a8b3ac8900f"
     "0ce0cc60510"
     "036f2620960baf6d4f7707"},
};

std::vector<uint8_t> octets_of(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::vector<uint8_t> out;
  for (size_t i = 0; i < hex.size(); i += 2) {
    out.push_back(static_cast<uint8_t>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  }
  return out;
}

}  // namespace

TEST_CASE("a real client's batches: pass every check, and hold what was sent") {
  decompressor unpack;
  for (const sent_batch& s : sent) {
    CAPTURE(name_of(s.which));
    const auto data = octets_of(s.hex);
    const batch_view batch = view(data);
    CHECK(batch.size() == data.size());
    CHECK(batch.codec() == s.which);
    CHECK(verify_produced(batch).ok());
    CHECK(verify_crc(batch).ok());
    CHECK(batch.record_count() == 6);
    CHECK_FALSE(batch.has_producer_id());
    const auto walked = walk_batch(batch, walk_rules::produced(batch), unpack, 1000);
    REQUIRE(walked.ok());
    CHECK(walked->max_timestamp == batch.max_timestamp());
    CHECK(walked->null_keys == 0);

    std::vector<uint8_t> plain;
    REQUIRE(decompress(s.which, batch.records(), 1000, plain).ok());
    record_iterator records(plain, 6);
    record_view seen;
    for (int i = 0; i < 6; ++i) {
      REQUIRE(records.next(seen).value());
      std::string value = "value " + std::to_string(i) + " ";
      for (int k = 0; k < (i < 3 ? 20 : 3); ++k) value += "abc";
      CHECK(std::string(base::as_text(*seen.key)) == "k" + std::to_string(i));
      CHECK(std::string(base::as_text(*seen.value)) == value);
      REQUIRE(seen.header_count == 1);
      const header_field trace = seen.headers().next();
      CHECK(std::string(trace.key) == "trace");
      CHECK(std::string(base::as_text(trace.value.value())) == "abc");
    }
    CHECK_FALSE(records.next(seen).value());
  }
}

TEST_CASE("a real client's batches: our builder writes the same bytes") {
  const auto data = octets_of(sent[0].hex);
  const batch_view batch = view(data);
  std::vector<uint8_t> out;
  batch_builder builder(out, {.leader_epoch = batch.leader_epoch(),
                              .producer_epoch = batch.producer_epoch(),
                              .base_sequence = batch.base_sequence()});
  record_iterator records(batch.records(), batch.record_count());
  record_view seen;
  while (records.next(seen).value()) {
    header_iterator headers = seen.headers();
    const header_field trace = headers.next();
    builder.add({batch.base_timestamp() + seen.timestamp_delta, seen.key, seen.value, {&trace, 1}});
  }
  REQUIRE(builder.finish().ok());
  CHECK(out == data);
}
