#include "wire/kafka/header.hh"

#include <doctest/doctest.h>

#include <vector>

#include "wire/kafka/messages/api_versions.hh"
#include "wire/kafka/messages/heartbeat.hh"

namespace millrace::wire::kafka {

namespace {
using octets = std::vector<uint8_t>;
}

TEST_CASE("request header: read in both versions, the reader left at the body") {
  struct row {
    const char* name;
    octets in;
    std::optional<std::string_view> client_id;
    size_t body;
  };
  const row rows[] = {
      {"v1", {0, 3, 0, 1, 0, 0, 0, 7, 0, 2, 'm', 'e', 0xff}, "me", 1},
      {"v1, null client", {0, 3, 0, 1, 0, 0, 0, 7, 0xff, 0xff}, std::nullopt, 0},
      {"v2 has a plain client id and tagged fields", {0, 3, 0, 9, 0, 0, 0, 7, 0, 2, 'm', 'e', 0, 1, 1}, "me", 2},
      {"v2 with an unknown tagged field", {0, 3, 0, 9, 0, 0, 0, 7, 0, 0, 1, 5, 1, 0xaa, 1}, "", 1},
      {"ApiVersions of the future", {0, 18, 0, 99, 0, 0, 0, 7, 0, 0, 0, 1, 2, 3}, "", 3},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    reader in(r.in);
    const auto header = decode_request_header(in);
    REQUIRE(header.ok());
    CHECK(header->request_api_key == r.in[1]);
    CHECK(header->request_api_version == r.in[3]);
    CHECK(header->correlation_id == 7);
    CHECK(header->client_id == r.client_id);
    CHECK(in.remaining() == r.body);
  }
}

TEST_CASE("request header: what cannot be one is refused") {
  struct row {
    const char* name;
    octets in;
    base::errc error;
  };
  const row rows[] = {
      {"nothing", {}, base::errc::truncated},
      {"only a key", {0, 3, 0}, base::errc::truncated},
      {"no correlation id", {0, 3, 0, 1, 0, 0, 0}, base::errc::truncated},
      {"client id past the end", {0, 3, 0, 1, 0, 0, 0, 7, 0, 2, 'm'}, base::errc::truncated},
      {"client id of -2", {0, 3, 0, 1, 0, 0, 0, 7, 0xff, 0xfe}, base::errc::malformed},
      {"v2 without tagged fields", {0, 3, 0, 9, 0, 0, 0, 7, 0, 0}, base::errc::truncated},
      {"unknown key", {0x7f, 3, 0, 1, 0, 0, 0, 7, 0, 0}, base::errc::unsupported},
      {"removed key", {0, 4, 0, 1, 0, 0, 0, 7, 0, 0}, base::errc::unsupported},
      {"negative key", {0xff, 0xff, 0, 1, 0, 0, 0, 7, 0, 0}, base::errc::unsupported},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    reader in(r.in);
    const auto header = decode_request_header(in);
    REQUIRE(!header.ok());
    CHECK(header.error().code == r.error);
  }
}

TEST_CASE("response frame: length, header and body") {
  const heartbeat_response body{.throttle_time_ms = 1, .error_code = 27};
  struct row {
    int16_t version;
    octets want;
  };
  const row rows[] = {
      {0, {0, 0, 0, 6, 0, 0, 0, 9, 0, 27}},
      {1, {0, 0, 0, 10, 0, 0, 0, 9, 0, 0, 0, 1, 0, 27}},
      {4, {0, 0, 0, 12, 0, 0, 0, 9, 0, 0, 0, 0, 1, 0, 27, 0}},
  };
  for (const row& r : rows) {
    CAPTURE(r.version);
    octets memory(response_frame_size(r.version, body));
    writer out(memory);
    encode_response_frame(out, r.version, 9, body);
    CHECK(out.remaining() == 0);
    CHECK(memory == r.want);
  }
}

TEST_CASE("response frame: ApiVersions has header 0 even where its body is compact") {
  octets memory(response_frame_size(int16_t{3}, api_versions_response{}));
  writer out(memory);
  encode_response_frame(out, 3, 9, api_versions_response{});
  CHECK(memory == octets{0, 0, 0, 12, 0, 0, 0, 9, 0, 0, 1, 0, 0, 0, 0, 0});
}

TEST_CASE("request frame: reads back as it was written") {
  for (const int16_t version : {int16_t{3}, int16_t{4}}) {
    const request_header header{.request_api_key = heartbeat_request::api_key,
                                .request_api_version = version,
                                .correlation_id = -5,
                                .client_id = "bench"};
    const heartbeat_request body{.group_id = "g", .generation_id = 3, .member_id = "m"};
    const size_t body_bytes = size_of(body, version);
    octets memory(request_frame_size(header, body_bytes));
    writer out(memory);
    begin_request_frame(out, header, body_bytes);
    encode(out, body, version);
    CHECK(out.remaining() == 0);

    reader in(memory);
    CHECK(in.number<int32_t>() == static_cast<int32_t>(memory.size() - 4));
    const auto read = decode_request_header(in);
    REQUIRE(read.ok());
    CHECK(read->correlation_id == -5);
    CHECK(read->client_id == "bench");
    arena arrays(4096);
    const auto again = decode<heartbeat_request>(in, version, arrays);
    REQUIRE(again.ok());
    CHECK(again->member_id == "m");
    CHECK(!again->group_instance_id);
  }
}

}  // namespace millrace::wire::kafka
