#include <doctest/doctest.h>

#include <vector>

#include "generator/settings.hh"

namespace millrace::generator {
namespace {

command parse(std::vector<const char*> words) { return parse_command(words); }

TEST_CASE("options: are resolved, every one of them") {
  const command got =
      parse({"e2e", "--brokers",      "a:1,[::1]:2", "--rate",   "1000",          "--ramp",  "3",         "--warmup",
             "1",   "--topic-config", "a=b=c",       "--size",   "uniform:50-60", "--keys",  "zipf:10,1", "--acks",
             "1",   "--compression",  "lz4",         "--assign", "0-2,5",         "--cores", "0",         "--batch-bytes",
             "64K"});
  REQUIRE(got.run);
  const settings& s = *got.run;
  CHECK(s.kind == run_kind::e2e);
  REQUIRE(s.brokers.size() == 2);
  CHECK(s.brokers[1].host == "::1");
  CHECK(s.brokers[1].port == 2);
  CHECK(s.warmup == 3);  // the ramp is a part of it
  CHECK(s.topic_configs.at(0) == std::pair<std::string, std::string>{"a", "b=c"});
  CHECK(s.acks == 1);
  CHECK(s.compression == record::codec::lz4);
  CHECK(s.assign == std::vector<int32_t>{0, 1, 2, 5});
  CHECK(s.batch_bytes == 65536);
  CHECK(!s.from_begin);
  CHECK(!s.keep);
  CHECK(s.topic.starts_with("millrace-bench-"));
  CHECK(s.run_id != 0);
  const command twice = parse({"produce", "--rate", "5", "--rate", "7", "--topic-config", "a=1", "--topic-config", "b=2"});
  REQUIRE(twice.run);
  CHECK(twice.run->rate == 7);
  CHECK(twice.run->topic_configs.size() == 2);
  CHECK(parse({"produce", "--topic", "mine"}).run->keep);
  CHECK(!parse({"produce", "--topic", "mine", "--delete"}).run->keep);
  CHECK(parse({"mixed"}).run->from_begin);
  CHECK(!parse({"produce"}).run->open_loop());
  CHECK(parse({"search"}).run->open_loop());
  CHECK(parse({"search"}).run->seconds == 5);
  CHECK(parse({"search", "--seconds", "3"}).run->seconds == 3);
  CHECK(parse({"search", "--step-seconds", "4"}).run->seconds == 4);
  CHECK(parse({"produce"}).run->seconds == 10);
  CHECK(parse({"produce"}).run->warmup == 2);
  CHECK(!parse({"produce"}).run->partitions_given);
  CHECK(parse({"produce", "--partitions", "3"}).run->partitions_given);
  // What is there already is read while it warms up, and then there is nothing left to measure.
  CHECK(parse({"consume", "--topic", "t"}).run->warmup == 0);
  CHECK(parse({"consume", "--topic", "t", "--warmup", "1"}).run->warmup == 1);
  CHECK(parse({"consume", "--topic", "t", "--from", "end"}).run->warmup == 2);
  CHECK(parse({"consume", "--topic", "t", "--fetch-bytes", "64M"}).run->fetch_bytes == 64 << 20);
  // Full batches only where each batch becomes full: with keys many a partition gets little.
  CHECK(!parse({"produce"}).run->lingers());
  CHECK(parse({"produce", "--keys", "uniform:5", "--linger-ms", "2"}).run->linger_ms == 2);
}

TEST_CASE("options: what makes no sense is refused in one line") {
  const std::vector<std::vector<const char*>> rows{
      {},
      {"dance"},
      {"produce", "--no-such"},
      {"produce", "--brokers", "nowhere"},
      {"produce", "--brokers", "a:99999"},
      {"produce", "--acks", "2"},
      {"produce", "--acks", "1", "--idempotence"},
      {"produce", "--size", "10"},
      {"produce", "--keys", "some"},
      {"produce", "--compression", "rar"},
      {"produce", "--connections", "0"},
      {"produce", "--seconds", "0"},
      {"produce", "--rate", "-1"},
      {"produce", "--topic-config", "novalue"},
      {"produce", "--cores", "x"},
      {"consume"},
      {"consume", "--topic", "t", "--from", "middle"},
      {"consume", "--topic", "t", "--rate", "5"},
      {"produce", "--ramp", "1"},
      {"produce", "--linger-ms", "-1"},
      {"produce", "--drain", "-1"},
      {"consume", "--topic", "t", "--assign", "0", "--groups", "1"},
      {"consume", "--topic", "t", "--fetch-bytes", "-1"},
      {"consume", "--topic", "t", "--fetch-bytes", "3G"},
      {"consume", "--topic", "t", "--fetch-wait-ms", "-1"},
      {"produce", "--seconds", "nan"},
      {"produce", "--seconds", "1e9"},
      {"produce", "--rate", "inf"},
      {"search", "--rate", "0.5"},
      {"search", "--steps", "0"},
      {"search", "--p99-ms", "-1"},
      {"search", "--start-at", "5"},
      {"merge", "a.json"},
  };
  for (const auto& words : rows) {
    CAPTURE(words.size());
    const command got = parse(words);
    CHECK(!got.run);
    CHECK(!got.merge);
    CHECK(got.status == 1);
    CHECK(!got.text.empty());
    CHECK(got.text.find('\n') == std::string::npos);
  }
  const command help = parse({"search", "--help"});
  CHECK(help.status == 0);
  CHECK(help.text.find("--p99-ms") != std::string::npos);
}

}  // namespace
}  // namespace millrace::generator
