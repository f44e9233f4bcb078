#include "wire/kafka/api_table.hh"

#include <doctest/doctest.h>

#include "wire/kafka/messages/fetch.hh"
#include "wire/kafka/messages/offset_delete.hh"

namespace millrace::wire::kafka {

TEST_CASE("api table: rows agree with the messages") {
  REQUIRE(find_api(1) != nullptr);
  CHECK(find_api(1)->name == "Fetch");
  CHECK(find_api(1)->min_version == fetch_request::min_version);
  CHECK(find_api(1)->max_version == fetch_request::max_version);
  CHECK(find_api(1)->first_flexible == fetch_request::first_flexible);
  CHECK(find_api(47)->first_flexible == INT16_MAX);
  CHECK(offset_delete_request::first_flexible == INT16_MAX);
}

TEST_CASE("api table: keys that brokers no longer know have no row") {
  for (const int16_t key : {-1, 4, 5, 6, 7, 95, 1000}) CHECK(find_api(key) == nullptr);
  CHECK(find_api(0)->name == "Produce");
  CHECK(find_api(94)->name == "UnregisterController");
  for (const api& one : all_apis()) {
    CHECK(find_api(one.key) == &one);
    CHECK(one.min_version <= one.max_stable_version);
    CHECK(one.max_stable_version <= one.max_version);
  }
}

TEST_CASE("api table: an unstable last version is told apart") {
  CHECK(find_api(22)->max_version == 6);
  CHECK(find_api(22)->max_stable_version == 5);
}

TEST_CASE("api table: header versions") {
  struct row {
    const char* name;
    int16_t key, version, request, response;
  };
  const row rows[] = {
      {"Metadata, last before compact", 3, 8, 1, 0},
      {"Metadata, first compact", 3, 9, 2, 1},
      {"ApiVersions 2", 18, 2, 1, 0},
      {"ApiVersions 3 answers with header 0", 18, 3, 2, 0},
      {"ApiVersions of the future", 18, 99, 2, 0},
      {"SaslHandshake never", 17, 1, 1, 0},
      {"OffsetDelete never", 47, 0, 1, 0},
      {"DescribeCluster always", 60, 0, 2, 1},
      {"unknown key", 1000, 5, 1, 0},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    CHECK(request_header_version(r.key, r.version) == r.request);
    CHECK(response_header_version(r.key, r.version) == r.response);
  }
}

}  // namespace millrace::wire::kafka
