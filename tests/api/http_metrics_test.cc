#include <doctest/doctest.h>

#include "api/http/exposition.hh"
#include "exposition_text.hh"
#include "http_node.hh"
#include "requests.hh"
#include "socket_client.hh"

/// What /metrics says is what happened.

namespace millrace::api::http {
namespace {

using namespace test;
using kafka::test::batch_of;
using kafka::test::fetch_frame;
using kafka::test::frame;
using kafka::test::kafka_client;
using kafka::test::produce_frame;
using kafka::test::socket_client;

exposed now(http_node& f) {
  const exposed read = read_exposition(f.metrics());
  for (const std::string& p : read.problems) FAIL_CHECK(p);
  return read;
}

}  // namespace

TEST_CASE("exposition: names, labels and numbers as the format has them") {
  std::string out;
  exposition e(out);
  e.family("a_seconds", metric_kind::gauge, "How long.");
  e.sample("a_seconds", {{"of", "a \"b\"\\\n"}, {"", ""}}, 1'500'000'000, metric_unit::nanoseconds);
  e.sample("a_seconds", {}, 50, metric_unit::nanoseconds);
  e.sample("a_seconds", {}, 1'767'225'600'120, metric_unit::milliseconds);
  e.sample("a_seconds", {}, UINT64_MAX);
  CHECK(out ==
        "# HELP a_seconds How long.\n# TYPE a_seconds gauge\n"
        "a_seconds{of=\"a \\\"b\\\"\\\\\\n\"} 1.5\n"
        "a_seconds 0.00000005\n"
        "a_seconds 1767225600.12\n"
        "a_seconds 18446744073709551615\n");
}

TEST_CASE("exposition: a histogram's buckets are summed up") {
  std::string out;
  exposition e(out);
  const uint64_t bounds[] = {1'000'000, 2'000'000'000};
  const uint64_t counts[] = {2, 0, 3};
  e.histogram("h", {{"core", "0"}}, bounds, counts, 2'500'000'000, metric_unit::nanoseconds);
  CHECK(out ==
        "h_bucket{core=\"0\",le=\"0.001\"} 2\nh_bucket{core=\"0\",le=\"2\"} 2\nh_bucket{core=\"0\",le=\"+Inf\"} 5\n"
        "h_sum{core=\"0\"} 2.5\nh_count{core=\"0\"} 5\n");
}

TEST_CASE("metrics: what a producer and a consumer did, counted once each") {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    http_node f(seed);
    f.k.create("t", 2);
    f.k.listen(0);
    kafka_client c(f.k);
    const frame small = batch_of(100, 3);
    const frame large = batch_of(100'000);
    std::vector<frame> asked{produce_frame("t", 0, small, 1), produce_frame("t", 1, large, 2),
                             produce_frame("none", 0, small, 3), produce_frame("t", 7, small, 4)};
    size_t request_bytes = 0;
    for (const frame& one : asked) request_bytes += one.size();
    c.send(asked);
    size_t response_bytes = 0;
    for (const frame& one : c.receive_all(4)) response_bytes += 4 + one.size();
    c.send({fetch_frame("t", {0, 0}, {}, 5), fetch_frame("t", {3, 1}, {}, 6), fetch_frame("none", {0}, {}, 7)});
    (void)c.receive_all(3);

    const exposed m = now(f);
    CHECK(m.at("millrace_kafka_requests_total{core=\"0\",api=\"Produce\"}") == 4);
    CHECK(m.at("millrace_kafka_requests_total{core=\"0\",api=\"Fetch\"}") == 3);
    CHECK(m.count("millrace_kafka_requests_total") == 2);
    CHECK(m.at("millrace_kafka_request_bytes_total{core=\"0\",api=\"Produce\"}") == request_bytes);
    CHECK(m.at("millrace_kafka_response_bytes_total{core=\"0\",api=\"Produce\"}") == response_bytes);
    CHECK(m.at("millrace_kafka_partition_errors_total{core=\"0\",api=\"Produce\"}") == 2);
    CHECK(m.at("millrace_kafka_partition_errors_total{core=\"0\",api=\"Fetch\"}") == 1);
    CHECK(m.at("millrace_kafka_request_duration_seconds_count{core=\"0\",api=\"Produce\"}") == 4);
    CHECK(m.at("millrace_kafka_request_duration_seconds_bucket{core=\"0\",api=\"Produce\",le=\"+Inf\"}") == 4);
    CHECK(m.at("millrace_kafka_request_duration_seconds_count{core=\"0\",api=\"Fetch\"}") == 3);
    // A durable write takes its time, in the world too.
    CHECK(m.at("millrace_kafka_request_duration_seconds_sum{core=\"0\",api=\"Produce\"}") > 0);
    CHECK(m.at("millrace_append_batches_total{core=\"0\"}") == 2);
    CHECK(m.at("millrace_append_records_total{core=\"0\"}") == 4);
    CHECK(m.at("millrace_append_bytes_total{core=\"0\"}") == small.size() + large.size());
    CHECK(m.at("millrace_fetch_bytes_total{core=\"0\",from=\"memory\"}") == small.size() + large.size());
    CHECK(m.at("millrace_fetch_reads_total{core=\"0\",from=\"memory\"}") == 2);
    CHECK(m.at("millrace_fetch_bytes_total{core=\"0\",from=\"disk\"}") == 0);
    const double groups = m.at("millrace_flush_groups_total{core=\"0\"}");
    CHECK(groups >= 1);
    CHECK(m.at("millrace_flush_duration_seconds_count{core=\"0\"}") == groups);
    CHECK(m.at("millrace_flush_size_bytes_sum{core=\"0\"}") ==
          m.at("millrace_flush_record_bytes_total{core=\"0\"}") + m.at("millrace_flush_direct_bytes_total{core=\"0\"}"));
    CHECK(m.at("millrace_flush_partitions_count{core=\"0\"}") == groups);
    CHECK(m.at("millrace_flush_partitions_sum{core=\"0\"}") >= 2);
    CHECK(m.at("millrace_kafka_connections{core=\"0\"}") == 1);
    CHECK(m.at("millrace_kafka_connection_events_total{core=\"0\",event=\"accepted\"}") == 1);
    CHECK(m.at("millrace_partitions{core=\"0\"}") == 2);
    CHECK(m.at("millrace_topic_offsets{topic=\"t\"}") == 4);
    CHECK(m.at("millrace_topic_size_bytes{topic=\"t\"}") == small.size() + large.size());
    CHECK(m.at("millrace_partition_high_watermark{topic=\"t\",partition=\"0\"}") == 3);
    CHECK(m.at("millrace_partition_size_bytes{topic=\"t\",partition=\"1\"}") == large.size());
    CHECK(m.at("millrace_build_info{version=\"1.2.3\"}") == 1);
    CHECK_FALSE(m.has("process_cpu_seconds_total"));
  }
}

TEST_CASE("metrics: a fetch that waits is seen to wait, and takes as long as it waited") {
  http_node f(7);
  f.k.create("t");
  f.k.listen(0);
  kafka_client c(f.k);
  c.send({fetch_frame("t", {0}, {.min_bytes = 1, .max_wait_ms = 2000}, 1)});
  f.k.b.w.run_for(base::milliseconds(500));
  exposed m = now(f);
  CHECK(m.at("millrace_fetches_parked{core=\"0\"}") == 1);
  CHECK(m.at("millrace_kafka_requests_total{core=\"0\",api=\"Fetch\"}") == 1);
  CHECK(m.at("millrace_kafka_request_duration_seconds_count{core=\"0\",api=\"Fetch\"}") == 0);
  REQUIRE(c.receive());
  m = now(f);
  CHECK(m.at("millrace_fetches_parked{core=\"0\"}") == 0);
  const double took = m.at("millrace_kafka_request_duration_seconds_sum{core=\"0\",api=\"Fetch\"}");
  CHECK(took > 1.9);
  CHECK(took < 2.5);
  CHECK(m.at("millrace_kafka_request_duration_seconds_bucket{core=\"0\",api=\"Fetch\",le=\"1\"}") == 0);
  CHECK(m.at("millrace_kafka_request_duration_seconds_bucket{core=\"0\",api=\"Fetch\",le=\"5\"}") == 1);
}

TEST_CASE("metrics: a request is in flight until its answer is sent whole or its connection has ended, however it ends") {
  sim::world_options how;
  how.network.vanish = 0;  // who leaves is seen to leave
  how.network.window_bytes_most = how.network.window_bytes_least;
  http_node f(13, 1, {}, how);
  f.k.create("t");
  f.k.listen(0);
  const auto in_flight = [&] { return now(f).at("millrace_kafka_requests_in_flight{core=\"0\",api=\"Fetch\"}"); };
  const auto all_ended = [&] { return f.k.b.w.run_until([&] { return f.k.at(0).connections() == 0; }, base::seconds(20)); };
  const frame waits = fetch_frame("t", {0}, {.min_bytes = 1, .max_wait_ms = 60'000}, 1);
  {
    socket_client leaves(f.k);
    leaves.send(waits);
    f.k.b.w.run_for(base::milliseconds(500));
    CHECK(in_flight() == 1);
  }
  REQUIRE(all_ended());
  CHECK(in_flight() == 0);

  socket_client rude(f.k);
  rude.send(waits);
  f.k.b.w.run_for(base::milliseconds(500));
  CHECK(in_flight() == 1);
  rude.send(frame(4, 0xff));  // no frame has this length
  REQUIRE(all_ended());
  CHECK(in_flight() == 0);

  {
    kafka_client writer(f.k);
    writer.send({produce_frame("t", 0, batch_of(200'000), 1)});
    (void)writer.receive_all(1);
    socket_client deaf(f.k);  // takes nothing of an answer that no window holds
    deaf.send(waits);
    f.k.b.w.run_for(base::milliseconds(500));
    CHECK(in_flight() == 1);
  }
  REQUIRE(all_ended());
  CHECK(in_flight() == 0);
  // Two were not answered, and have no duration.
  const exposed m = now(f);
  CHECK(m.at("millrace_kafka_requests_total{core=\"0\",api=\"Fetch\"}") == 3);
  CHECK(m.at("millrace_kafka_request_duration_seconds_count{core=\"0\",api=\"Fetch\"}") == 1);
}

TEST_CASE("metrics: every core says its own, and works between them are counted") {
  http_node f(9, 3);
  f.k.create("t", 6);
  f.k.listen(0);
  kafka_client c(f.k);
  for (int32_t p = 0; p < 6; ++p) c.send({produce_frame("t", p, batch_of(100), p)});
  (void)c.receive_all(6);
  const exposed m = now(f);
  CHECK(m.sum("millrace_append_batches_total") == 6);
  CHECK(m.sum("millrace_partitions{") == 6);
  CHECK(m.at("millrace_cores") == 3);
  CHECK(m.at("millrace_handoffs_total{core=\"0\"}") == 6 - m.at("millrace_append_batches_total{core=\"0\"}"));
  CHECK(m.at("millrace_handoffs_total{core=\"1\"}") == 0);
  for (const char* core : {"0", "1", "2"}) {
    CHECK(m.at(std::string("millrace_turns_total{core=\"") + core + "\"}") > 0);
    CHECK(m.at(std::string("millrace_mail_posted_total{core=\"") + core + "\"}") > 0);
  }
  CHECK(m.count("millrace_partition_high_watermark") == 6);
  CHECK(m.sum("millrace_partition_high_watermark") == 6);
}

TEST_CASE("metrics: partitions and topics beyond the bound are counted and not shown") {
  http_node f(10, 2, {.partitions_max = 5});
  f.k.create("a", 4);
  f.k.create("b", 3);
  f.k.create("c", 1);
  for (size_t p = 0; p < 3; ++p) f.k.append("b", p, {1, 2, 3});
  exposed m = now(f);
  // a and c fit whole; b does not, and has its sums.
  CHECK(m.count("millrace_partition_high_watermark") == 5);
  CHECK(m.has("millrace_partition_high_watermark{topic=\"c\",partition=\"0\"}"));
  CHECK_FALSE(m.has("millrace_partition_high_watermark{topic=\"b\",partition=\"0\"}"));
  CHECK(m.at("millrace_topic_offsets{topic=\"b\"}") == 9);
  CHECK(m.at("millrace_topic_partitions{topic=\"b\"}") == 3);
  CHECK(m.at("millrace_partitions_not_shown") == 3);
  CHECK(m.at("millrace_topics_not_shown") == 0);
  for (const char* name : {"d", "e", "f", "g"}) f.k.create(name, 2);
  m = now(f);
  CHECK(m.count("millrace_topic_partitions") == 5);
  CHECK(m.at("millrace_topics_not_shown") == 2);
  CHECK(m.at("millrace_partitions_not_shown") == 3 + 4 * 2);
  CHECK(m.count("millrace_partition_size_bytes") == 5);
}

TEST_CASE("metrics: a bound of none shows no topic") {
  http_node f(11, 1, {.partitions_max = 0});
  f.k.create("a", 4);
  const exposed m = now(f);
  CHECK(m.count("millrace_topic_") == 0);
  CHECK(m.count("millrace_partition_") == 0);
  CHECK(m.at("millrace_topics_not_shown") == 1);
  CHECK(m.at("millrace_partitions_not_shown") == 4);
}

TEST_CASE("metrics: thousands of partitions are all there, a topic that is larger than a question too") {
  http_node f(12, 2, {.partitions_max = 2000});
  f.k.create("large", 700);
  f.k.create("small", 3);
  f.k.append("large", 699, {1});
  f.k.append("small", 2, {1, 2});
  const exposed m = now(f);
  CHECK(m.count("millrace_partition_log_start_offset") == 703);
  CHECK(m.at("millrace_partition_high_watermark{topic=\"large\",partition=\"699\"}") == 1);
  CHECK(m.at("millrace_topic_offsets{topic=\"small\"}") == 2);
  CHECK(m.at("millrace_partitions_not_shown") == 0);
}

}  // namespace millrace::api::http
