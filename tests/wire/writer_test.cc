#include "wire/kafka/writer.hh"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "wire/kafka/messages/join_group.hh"
#include "wire/kafka/messages/metadata.hh"
#include "wire/kafka/reader.hh"

namespace millrace::wire::kafka {

TEST_CASE("writer: varints take the bytes that varint_size says and read back") {
  for (const uint32_t value : {0u, 1u, 127u, 128u, 16383u, 16384u, 2097151u, 2097152u, 268435455u, 268435456u, UINT32_MAX}) {
    CAPTURE(value);
    std::vector<uint8_t> memory(varint_size(value));
    writer out(memory);
    out.varint(value);
    CHECK(out.remaining() == 0);
    CHECK(reader(memory).varint() == value);
    byte_counter count;
    count.varint(value);
    CHECK(count.written() == memory.size());
  }
}

TEST_CASE("writer: the gathering one leaves records out and says where they belong") {
  std::vector<uint8_t> memory(8);
  gather_writer out(memory);
  out.number(int32_t{3});
  const uint8_t batch[3] = {1, 2, 3};
  out.records(batch);
  CHECK(out.cut() == 4);
  out.number(int32_t{0});
  CHECK(out.cut() == 4);
  CHECK(out.written() == 8);
}

TEST_CASE("encode: a null where the version has no null is sent as empty") {
  const join_group_response message;  // protocol_name is null, which only versions from 7 can say
  for (const int16_t version : {int16_t{6}, int16_t{7}}) {
    std::vector<uint8_t> memory(size_of(message, version));
    writer out(memory);
    encode(out, message, version);
    arena arrays(1 << 16);
    reader in(memory);
    const auto read = decode<join_group_response>(in, version, arrays);
    REQUIRE(read.ok());
    CHECK(read->protocol_name.has_value() == (version == 6));
  }
}

TEST_CASE("encode: a string over 32767 bytes is cut there, in both forms") {
  const std::string text(40'000, 'x');
  metadata_response message;
  message.cluster_id = text;
  for (const int16_t version : {int16_t{8}, int16_t{9}}) {
    std::vector<uint8_t> memory(size_of(message, version));
    writer out(memory);
    encode(out, message, version);
    CHECK(out.remaining() == 0);
    arena arrays(1 << 16);
    reader in(memory);
    const auto read = decode<metadata_response>(in, version, arrays);
    REQUIRE(read.ok());
    CHECK(read->cluster_id == text.substr(0, 32767));
  }
}

}  // namespace millrace::wire::kafka
