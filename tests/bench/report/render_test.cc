#include "report/render.hh"

#include <doctest/doctest.h>

#include "documents.hh"

using namespace millrace;
using namespace millrace::bench::test;
using nlohmann::json;

namespace {

const std::string data_begin = "<script type=\"application/json\" id=\"data\">";

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

/// What a browser finds between the tags: it ends at the first closing tag, wherever that is.
json data_of(const std::string& page) {
  const size_t begin = page.find(data_begin) + data_begin.size();
  return json::parse(page.substr(begin, page.find("</script", begin) - begin));
}

std::string rendered(std::span<const std::string> documents) {
  auto page = bench::render_report(documents);
  REQUIRE(page.ok());
  return std::move(*page);
}

/// The line that is said about one document.
std::string said_about(const std::string& document) {
  const std::string documents[] = {full_run("sound").dump(), document};
  const std::string names[] = {"a.json", "b.json"};
  const auto page = bench::render_report(documents);
  return page.ok() ? "" : bench::explain(page.error(), names);
}

}  // namespace

TEST_CASE("report: the documents stand in the page as they were given") {
  const json runs[] = {produce_run("one"), full_run("two"), bare_run("three"), tail_run("four")};
  const std::string documents[] = {runs[0].dump(), "\xef\xbb\xbf" + runs[1].dump(2) + "\r\n", runs[2].dump(),
                                   runs[3].dump()};
  const std::string page = rendered(documents);
  const json data = data_of(page);
  REQUIRE(data.size() == 4);
  for (size_t i = 0; i < 4; ++i) CHECK(data[i]["document"] == runs[i]);
  CHECK(page.starts_with("<!DOCTYPE html>"));
  CHECK(page.ends_with("</html>\n"));
}

TEST_CASE("report: a curve for each latency that a run has") {
  const std::string documents[] = {full_run("full").dump(), produce_run("produce").dump(), tail_run("tail").dump()};
  const json data = data_of(rendered(documents));
  for (const json& curve : data[0]["curves"]) CHECK(curve.size() == 9);
  CHECK(data[0]["curves"][0].back() == json::array({1.95424, 3599182594047}));
  CHECK(data[1]["curves"][0].size() == 9);
  CHECK(data[1]["curves"][1].is_null());
  CHECK(data[1]["curves"][2].is_null());
  CHECK(data[2]["curves"][0].is_null());
  CHECK(data[2]["curves"][1].size() == 9);
  CHECK(data[2]["curves"][2].size() == 9);
}

TEST_CASE("report: no text of a document gets out of its place") {
  const std::string plain_document[] = {produce_run("plain").dump()};
  const std::string plain = rendered(plain_document);
  const char* hostile[] = {
      "</script><script>alert(1)</script>",
      "<!--<script>",
      "]]>",
      "</SCRIPT >",
      "{{script}}{{data}}",
      "\"'\\\n\t&lt;&amp;",
      "\u2028\u2029\u202e\ufeff",
      "__proto__",
      "</style></title></html>",
  };
  for (const char* text : hostile) {
    CAPTURE(text);
    json run = produce_run(text);
    run["host"]["name"] = text;
    run["configuration"][text] = text;
    const std::string documents[] = {run.dump()};
    const std::string page = rendered(documents);
    CHECK(count_of(page, "<") == count_of(plain, "<"));
    CHECK(data_of(page)[0]["document"] == run);
  }
}

TEST_CASE("report: the page asks for nothing outside of itself") {
  const std::string documents[] = {produce_run("run").dump()};
  const std::string page = rendered(documents);
  for (const char* part : {"src=", "<link", "@import", "url(", "fetch(", "XMLHttpRequest", "import(", "innerHTML", "{{"}) {
    CAPTURE(part);
    CHECK(count_of(page, part) == 0);
  }
  CHECK(count_of(page, "http") == 2);  // http-equiv, and the name of SVG's namespace
  CHECK(count_of(page, "default-src 'none'; style-src 'sha256-") == 1);
}

TEST_CASE("report: what is no document is said in one line") {
  const auto changed = [](const char* pointer, const json& value) {
    json run = full_run("changed");
    run[json::json_pointer(pointer)] = value;
    return run.dump();
  };
  const auto without = [](const char* pointer, const char* name) {
    json run = full_run("without");
    run[json::json_pointer(pointer)].erase(name);
    return run.dump();
  };
  const std::string format = "b.json: not a document of the format \"millrace-bench 1\"";
  struct row {
    std::string document;
    std::string said;
  };
  const row rows[] = {
      {"", "b.json: not JSON"},
      {"{\"format\":", "b.json: not JSON"},
      {full_run("x").dump() + "}", "b.json: not JSON"},
      {"{\"format\":\"millrace-bench 1\",\"label\":\"\xff\"}", "b.json: not JSON"},
      {"[]", format},
      {"{}", format},
      {changed("/format", "millrace-bench 2"), format},
      {changed("/kind", "consum"), "b.json: kind is not produce, consume, e2e, mixed or search"},
      {changed("/label", 7), "b.json: label is not a text"},
      {changed("/host", "rig"), "b.json: host is not an object"},
      {changed("/host/cpus", -2), "b.json: host.cpus is not a whole number that is not negative"},
      {changed("/seconds", -1), "b.json: seconds is not a number that is not negative"},
      {changed("/produce/bytes", 1.5), "b.json: produce.bytes is not a whole number that is not negative"},
      {changed("/produce", 1), "b.json: produce is not an object"},
      {changed("/intervals", json::object()), "b.json: intervals is not a list"},
      {changed("/intervals/1", 5), "b.json: intervals[].at is missing"},
      {changed("/intervals/2/server/rss_bytes", "1"),
       "b.json: intervals[].server.rss_bytes is not a number that is not negative"},
      {changed("/intervals/0/produce_latency/p99_us", false),
       "b.json: intervals[].produce_latency.p99_us is not a number that is not negative"},
      {changed("/intervals/1/fetch_latency", 7), "b.json: intervals[].fetch_latency is not an object"},
      {changed("/intervals/1/fetch_latency/max_us", -1),
       "b.json: intervals[].fetch_latency.max_us is not a number that is not negative"},
      {changed("/intervals/0/server/read_bytes", "?"),
       "b.json: intervals[].server.read_bytes is not a number that is not negative"},
      {changed("/intervals/0/server/written_bytes", -1),
       "b.json: intervals[].server.written_bytes is not a number that is not negative"},
      {changed("/search/steps/0/held", 1), "b.json: search.steps[].held is not true or false"},
      {changed("/consume/latency/unit", "us"), "b.json: consume.latency.unit is not \"ns\""},
      {changed("/end_to_end/latency/hdr", "HISTFAAAAB14nJ"), "b.json: end_to_end.latency.hdr is damaged"},
      {changed("/produce/latency/count", 44), "b.json: produce.latency.hdr is damaged"},
      {without("", "seconds"), "b.json: seconds is missing"},
      {without("/produce/latency", "hdr"), "b.json: produce.latency.hdr is missing"},
      {without("/intervals/1", "at"), "b.json: intervals[].at is missing"},
      {without("/search/steps/0", "rate"), "b.json: search.steps[].rate is missing"},
  };
  for (const row& r : rows) {
    CAPTURE(r.document);
    CHECK(said_about(r.document) == r.said);
  }
}

TEST_CASE("report: parts that may be absent may be null") {
  for (const char* part : {"/produce", "/consume", "/end_to_end", "/search", "/server_cpu_seconds", "/warmup_seconds",
                           "/intervals/0/fetch_latency", "/intervals/0/fetch_latency/p99_us", "/intervals/1/server",
                           "/intervals/1/server/read_bytes", "/intervals/1/server/written_bytes"}) {
    CAPTURE(part);
    json run = full_run("run");
    run.at(json::json_pointer(part)) = nullptr;
    CHECK(said_about(run.dump()).empty());
  }
  CHECK(said_about(bare_run("bare").dump()).empty());
}

TEST_CASE("report: no documents are no report") {
  const auto page = bench::render_report({});
  REQUIRE(!page.ok());
  CHECK(bench::explain(page.error(), {}) == "no runs to report");
}
