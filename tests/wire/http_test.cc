#include <doctest/doctest.h>

#include <string>

#include "wire/http/request_head.hh"
#include "wire/http/response_head.hh"

namespace millrace::wire::http {

namespace {

/// A head with a Host, and `more` before the empty line.
std::string head_with(const std::string& line, const std::string& more = "") {
  return line + "\r\nHost: h\r\n" + more + "\r\n";
}

status judged(const std::string& head) {
  request_head parsed;
  return parse(head, parsed);
}

}  // namespace

TEST_CASE("request head: its parts, in place") {
  const std::string text =
      "GET /metrics?core=0&x HTTP/1.1\r\nHost: a:8080\r\nX-Empty:\r\nAccept:  text/plain, */* \r\naccept: second\r\n\r\n";
  REQUIRE(head_size(text, 0) == text.size());
  request_head head;
  REQUIRE(parse(text, head) == status::ok);
  CHECK(head.method == method::get);
  CHECK(head.path == "/metrics");
  CHECK(head.query == "core=0&x");
  CHECK(head.keeps_alive);
  CHECK(head.takes_chunks);
  CHECK(head.field_count == 4);
  CHECK(head.find("ACCEPT") == "text/plain, */*");
  CHECK(head.find("x-empty").empty());
  CHECK(head.find("none").data() == nullptr);
  CHECK(head.body_bytes == 0);
}

TEST_CASE("request head: what is refused, and by which status") {
  const std::string big(target_bytes_max + 1, 'a');
  struct row {
    const char* name;
    std::string head;
    status want;
  };
  const row rows[] = {
      {"plain", head_with("GET / HTTP/1.1"), status::ok},
      {"lines that end in LF", "GET / HTTP/1.1\nHost: h\n\n", status::ok},
      {"1.0 without a host", "GET / HTTP/1.0\r\n\r\n", status::ok},
      {"a later 1.x", head_with("GET / HTTP/1.9"), status::ok},
      {"a whole URI", head_with("GET http://h/x HTTP/1.1"), status::ok},
      {"any method known", head_with("DELETE / HTTP/1.1"), status::ok},
      {"options of all", head_with("OPTIONS * HTTP/1.1"), status::ok},
      {"a value above ASCII", head_with("GET / HTTP/1.1", "X: \xc3\xa9\r\n"), status::ok},
      {"nothing", "\r\n", status::bad_request},
      {"one word", head_with("GET"), status::bad_request},
      {"0.9", head_with("GET /"), status::bad_request},
      {"two blanks", head_with("GET  / HTTP/1.1"), status::bad_request},
      {"a blank in the target", head_with("GET /a b HTTP/1.1"), status::bad_request},
      {"no slash", head_with("GET a HTTP/1.1"), status::bad_request},
      {"a fragment", head_with("GET /a#b HTTP/1.1"), status::bad_request},
      {"a URI without a host", head_with("GET http:///a HTTP/1.1"), status::bad_request},
      {"a method that is no token", head_with("G(T / HTTP/1.1"), status::bad_request},
      {"a method in small letters", head_with("get / HTTP/1.1"), status::not_implemented},
      {"an unknown method", head_with("BREW / HTTP/1.1"), status::not_implemented},
      {"2.0", head_with("GET / HTTP/2.0"), status::version_not_supported},
      {"no version", head_with("GET / HTTP/1"), status::bad_request},
      {"another protocol", head_with("GET / RTSP/1.1"), status::bad_request},
      {"a long target", head_with("GET /" + big + " HTTP/1.1"), status::uri_too_long},
      {"no host", "GET / HTTP/1.1\r\n\r\n", status::bad_request},
      {"two hosts", head_with("GET / HTTP/1.1", "Host: i\r\n"), status::bad_request},
      {"no colon", head_with("GET / HTTP/1.1", "Accept\r\n"), status::bad_request},
      {"a blank before the colon", head_with("GET / HTTP/1.1", "Accept : x\r\n"), status::bad_request},
      {"a folded line", head_with("GET / HTTP/1.1", "A: b\r\n c\r\n"), status::bad_request},
      {"no name", head_with("GET / HTTP/1.1", ": x\r\n"), status::bad_request},
      {"a CR in a value", head_with("GET / HTTP/1.1", "A: b\rc\r\n"), status::bad_request},
      {"a NUL in a value", head_with("GET / HTTP/1.1", std::string("A: b\0c\r\n", 8)), status::bad_request},
      {"a length", head_with("POST / HTTP/1.1", "Content-Length: 12\r\n"), status::ok},
      {"a negative length", head_with("POST / HTTP/1.1", "Content-Length: -1\r\n"), status::bad_request},
      {"a length with a sign", head_with("POST / HTTP/1.1", "Content-Length: +1\r\n"), status::bad_request},
      {"a length in hex", head_with("POST / HTTP/1.1", "Content-Length: 0x1\r\n"), status::bad_request},
      {"no length", head_with("POST / HTTP/1.1", "Content-Length:\r\n"), status::bad_request},
      {"a length twice", head_with("POST / HTTP/1.1", "Content-Length: 1\r\nContent-Length: 1\r\n"), status::bad_request},
      {"two lengths", head_with("POST / HTTP/1.1", "Content-Length: 1, 1\r\n"), status::bad_request},
      {"a length of 2^64", head_with("POST / HTTP/1.1", "Content-Length: 18446744073709551616\r\n"),
       status::content_too_large},
      {"chunks", head_with("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\n"), status::length_required},
      {"another coding", head_with("POST / HTTP/1.1", "Transfer-Encoding: gzip, chunked\r\n"), status::not_implemented},
      {"chunks and a length", head_with("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"),
       status::bad_request},
      {"chunks in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", status::bad_request},
      {"an expectation", head_with("POST / HTTP/1.1", "Expect: 100-continue\r\n"), status::ok},
      {"another expectation", head_with("POST / HTTP/1.1", "Expect: the-best\r\n"), status::expectation_failed},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    CHECK(judged(r.head) == r.want);
  }
}

TEST_CASE("request head: as many fields as may be, and one more") {
  std::string fields;
  for (size_t i = 1; i < fields_max; ++i) fields += "A: b\r\n";
  CHECK(judged(head_with("GET / HTTP/1.1", fields)) == status::ok);
  CHECK(judged(head_with("GET / HTTP/1.1", fields + "A: b\r\n")) == status::head_too_large);
}

TEST_CASE("request head: who keeps the connection, and who does not") {
  struct row {
    const char* name;
    std::string head;
    bool keeps;
  };
  const row rows[] = {
      {"1.1", head_with("GET / HTTP/1.1"), true},
      {"1.1 that closes", head_with("GET / HTTP/1.1", "Connection: Close\r\n"), false},
      {"1.1 with other words", head_with("GET / HTTP/1.1", "Connection: upgrade, TE\r\n"), true},
      {"close among other words", head_with("GET / HTTP/1.1", "Connection: TE , close\r\n"), false},
      {"both", head_with("GET / HTTP/1.1", "Connection: close\r\nConnection: keep-alive\r\n"), false},
      {"1.0", "GET / HTTP/1.0\r\n\r\n", false},
      {"1.0 that keeps", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    request_head head;
    REQUIRE(parse(r.head, head) == status::ok);
    CHECK(head.keeps_alive == r.keeps);
  }
}

TEST_CASE("request head: its end is found wherever the bytes are cut") {
  for (const std::string& text : {head_with("GET / HTTP/1.1", "A: b\r\n"), std::string("GET / HTTP/1.0\nA: b\n\n")}) {
    const std::string behind = text + "GET /next HTTP/1.1\r\n\r\n";
    for (size_t cut = 0; cut <= text.size(); ++cut) {
      const std::string_view first = std::string_view(behind).substr(0, cut);
      CHECK(head_size(first, 0) == (cut < text.size() ? 0 : text.size()));
      CHECK(head_size(behind, cut < text.size() ? cut : 0) == text.size());
    }
  }
  CHECK(empty_lines("\r\n\n\r\nGET") == 5);
  CHECK(empty_lines("\rG") == 0);
  CHECK(empty_lines("\r") == 0);
}

TEST_CASE("request head: too long a line, and too many lines") {
  CHECK(too_long("GET /" + std::string(head_bytes_max, 'a')) == status::uri_too_long);
  CHECK(too_long("GET / HTTP/1.1\r\nA: " + std::string(head_bytes_max, 'a')) == status::head_too_large);
}

TEST_CASE("response head: what it says") {
  std::string out;
  write(out, {.status = status::method_not_allowed,
              .content_type = "text/plain",
              .body_bytes = 3,
              .keeps_alive = false,
              .allow = "GET, HEAD",
              .now = 784111777000});
  CHECK(out ==
        "HTTP/1.1 405 Method Not Allowed\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nCache-Control: no-store\r\n"
        "Content-Type: text/plain\r\nAllow: GET, HEAD\r\nContent-Length: 3\r\nConnection: close\r\n\r\n");
  out.clear();
  write(out, {.content_type = "text/plain", .body_bytes = {}, .chunked = true, .allow = {}, .now = 0});
  CHECK(out.find("Content-Length") == std::string::npos);
  CHECK(out.find("Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n") != std::string::npos);
  CHECK(out.find("Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n") != std::string::npos);
}

TEST_CASE("response head: the size of a chunk is in hexadecimal") {
  std::string out;
  write_chunk_size(out, 16384);
  write_chunk_size(out, 10);
  CHECK(out == "4000\r\na\r\n");
}

}  // namespace millrace::wire::http
