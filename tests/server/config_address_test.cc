#include "server/config_address.hh"

#include "support.hh"

namespace millrace::server {

TEST_CASE("listeners: every way to write an address, and what is none") {
  struct row {
    const char* text;
    const char* want;  // canonical, or nullptr where it must be refused
  };
  const row rows[] = {
      {"PLAINTEXT://127.0.0.1:9092", "PLAINTEXT://127.0.0.1:9092"},
      {"PLAINTEXT://[::1]:9092", "PLAINTEXT://[::1]:9092"},
      {"PLAINTEXT://:9092", "PLAINTEXT://:9092"},
      {"PLAINTEXT://localhost:0", "PLAINTEXT://localhost:0"},
      {"IN-SIDE_2://host-1.example:65535", "IN-SIDE_2://host-1.example:65535"},
      {" A://a:1 , B://b:2 ", "A://a:1,B://b:2"},
      {"PLAINTEXT://3f2ab1c4d5e6:1", "PLAINTEXT://3f2ab1c4d5e6:1"},
      {"", ""},
      {"  ", ""},
      {"127.0.0.1:9092", nullptr},
      {"PLAINTEXT://127.0.0.1", nullptr},
      {"PLAINTEXT://127.0.0.1:", nullptr},
      {"PLAINTEXT://127.0.0.1:65536", nullptr},
      {"PLAINTEXT://127.0.0.1:-1", nullptr},
      {"PLAINTEXT://127.0.0.1:x", nullptr},
      {"PLAINTEXT://::1:9092", nullptr},
      {"PLAINTEXT://[host]:9092", nullptr},
      {"PLAINTEXT://[127.0.0.1]:9092", nullptr},
      {"PLAINTEXT://[::1:9092", nullptr},
      {"PLAINTEXT://a b:9092", nullptr},
      {"PLAINTEXT://0:9092", nullptr},
      {"PLAINTEXT://127.1:9092", nullptr},
      {"PLAINTEXT://0x7f000001:9092", nullptr},
      {"://a:1", nullptr},
      {"A B://a:1", nullptr},
      {"A://a:1,", nullptr},
      {",A://a:1", nullptr},
  };
  for (const row& r : rows) {
    CAPTURE(r.text);
    std::vector<endpoint> all{{.name = "before", .host = "h", .port = 1}};
    const auto wrong = read_list(r.text, all);
    CHECK(wrong.has_value() == (r.want == nullptr));
    if (r.want != nullptr) {
      CHECK(list_text(all) == r.want);
    } else {
      CHECK(list_text(all) == "before://h:1");
    }
  }
}

TEST_CASE("http: every way to write its address, and what is none") {
  struct row {
    const char* text;
    const char* want;  // as DescribeConfigs shows it, or nullptr where it must be refused
  };
  const row rows[] = {
      {"127.0.0.1:8080", "127.0.0.1:8080"},
      {" localhost:0 ", "localhost:0"},
      {"[::1]:8080", "[::1]:8080"},
      {":8080", ":8080"},
      {"off", "off"},
      {"8080", nullptr},
      {"", nullptr},
      {"OFF", nullptr},
      {"HTTP://127.0.0.1:8080", nullptr},
      {"::1:8080", nullptr},
      {"127.0.0.1:65536", nullptr},
      {"127.1:80", nullptr},
  };
  for (const row& r : rows) {
    CAPTURE(r.text);
    const loaded_config loaded = load_sets({set("http", r.text), set("allow.unauthenticated", "true")});
    CHECK(loaded.errors.empty() == (r.want != nullptr));
    if (r.want != nullptr) CHECK(value_text(config_rows()[*find_row("http")], loaded.values) == r.want);
  }
}

TEST_CASE("listeners: a host of 253 letters is the longest") {
  std::vector<endpoint> all;
  CHECK(!read_list("A://" + std::string(253, 'a') + ":1", all));
  CHECK(read_list("A://" + std::string(254, 'a') + ":1", all));
}

TEST_CASE("addresses: loopback and any are told by meaning, not by spelling") {
  struct row {
    const char* host;
    bool loopback;
    bool any;
  };
  const row rows[] = {
      {"127.0.0.1", true, false},
      {"127.255.255.254", true, false},
      {"::1", true, false},
      {"0:0:0:0:0:0:0:1", true, false},
      {"localhost", true, false},
      {"::ffff:127.0.0.1", true, false},
      {"0.0.0.0", false, true},
      {"::", false, true},
      {"0:0:0:0:0:0:0:0", false, true},
      {"", false, true},
      {"::ffff:0.0.0.0", false, true},
      {"128.0.0.1", false, false},
      {"10.0.0.1", false, false},
      {"::2", false, false},
      {"broker-1", false, false},
      {"localhost.example", false, false},
  };
  for (const row& r : rows) {
    CAPTURE(r.host);
    CHECK(is_loopback(r.host) == r.loopback);
    CHECK(is_any(r.host) == r.any);
  }
}

TEST_CASE("placement.override: topic-partition:core, cut at the last dash and the last colon") {
  struct row {
    const char* text;
    const char* want;
  };
  const row rows[] = {
      {"orders-3:1", "orders-3:1"},
      {"a-b.c_d-0:4095", "a-b.c_d-0:4095"},
      {"x-2147483647:0", "x-2147483647:0"},
      {"a-0:0,b-1:1", "a-0:0,b-1:1"},
      {"", ""},
      {"orders:1", nullptr},
      {"orders-3", nullptr},
      {"-3:1", nullptr},
      {"orders-x:1", nullptr},
      {"orders-2147483648:1", nullptr},
      {"orders-3:4096", nullptr},
      {"orders-3:-1", nullptr},
      {"or ders-3:1", nullptr},
      {"a-0:0,,b-1:1", nullptr},
  };
  for (const row& r : rows) {
    CAPTURE(r.text);
    std::vector<placement> all;
    const auto wrong = read_list(r.text, all);
    CHECK(wrong.has_value() == (r.want == nullptr));
    CHECK(list_text(all) == (r.want == nullptr ? "" : r.want));
  }
  std::vector<placement> all;
  CHECK(!read_list(std::string(249, 't') + "-0:0", all));
  CHECK(read_list(std::string(250, 't') + "-0:0", all));
}

}  // namespace millrace::server
