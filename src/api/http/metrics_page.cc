#include "api/http/metrics_page.hh"

#include "api/http/door.hh"
#include "api/http/metric_table.hh"
#include "wire/kafka/api_table.hh"

namespace millrace::api::http {

namespace {

constexpr auto counter = metric_kind::counter;
constexpr auto gauge = metric_kind::gauge;
constexpr auto ns = metric_unit::nanoseconds;
constexpr auto ms = metric_unit::milliseconds;

void one(exposition& out, std::string_view name, metric_kind kind, std::string_view help, uint64_t value,
         metric_unit unit = metric_unit::plain) {
  out.family(name, kind, help);
  out.sample(name, {}, value, unit);
}

void write_kernel_numbers(exposition& out, const process_numbers& p) {
  one(out, "process_cpu_seconds_total", counter, "Processor time of all threads.", static_cast<uint64_t>(p.cpu.ns), ns);
  one(out, "process_resident_memory_bytes", gauge, "Resident memory.", p.resident_bytes);
  one(out, "process_virtual_memory_bytes", gauge, "Address space.", p.virtual_bytes);
  if (p.open_files) one(out, "process_open_fds", gauge, "Open file descriptors.", *p.open_files);
  one(out, "process_max_fds", gauge, "How many there may be.", p.open_files_max);
  one(out, "process_start_time_seconds", gauge, "When the process started, since 1970 UTC.",
      static_cast<uint64_t>(p.started_at), ms);
}

std::string_view name_of(const kafka::served_api& api) {
  const wire::kafka::api* known = wire::kafka::find_api(api.key);
  return known == nullptr ? std::string_view("unknown") : known->name;
}

struct request_family {
  std::string_view name;
  metric_kind kind;
  std::string_view help;
  uint64_t (*of)(const kafka::request_counters&);
};
constexpr request_family request_families[] = {
    {"millrace_kafka_requests_total", counter, "Requests taken up, by API. Of APIs that were used.",
     [](auto& r) { return r.requests; }},
    {"millrace_kafka_request_bytes_total", counter, "Bytes of these requests.", [](auto& r) { return r.request_bytes; }},
    {"millrace_kafka_response_bytes_total", counter, "Bytes of their answers.", [](auto& r) { return r.response_bytes; }},
    {"millrace_kafka_partition_errors_total", counter, "Partitions that a Produce or Fetch answered with an error.",
     [](auto& r) { return r.partition_errors; }},
    {"millrace_kafka_requests_in_flight", gauge,
     "Requests taken up whose answers have not been sent whole. A fetch that waits for records is one.",
     [](auto& r) { return r.in_flight; }},
};
constexpr std::string_view duration_name = "millrace_kafka_request_duration_seconds";

struct flush_family {
  std::string_view name;
  std::string_view help;
  metric_unit unit;
  void (*write)(exposition& out, std::string_view name, labels of, const storage::flush_counters& f, metric_unit unit);
};

template <class Buckets>
void write_buckets(exposition& out, std::string_view name, labels of, const Buckets& b, metric_unit unit) {
  out.histogram(name, of, b.bounds(), b.counts(), b.sum(), unit);
}

constexpr flush_family flush_families[] = {
    {"millrace_flush_duration_seconds",
     "From the start of a group's write to the commit log until it, and all before it, are on stable storage.", ns,
     [](auto& out, auto name, auto of, auto& f, auto unit) { write_buckets(out, name, of, f.latency, unit); }},
    {"millrace_flush_size_bytes", "Bytes that a group made durable: its record, and direct writes to segments.",
     metric_unit::plain,
     [](auto& out, auto name, auto of, auto& f, auto unit) { write_buckets(out, name, of, f.bytes, unit); }},
    {"millrace_flush_partitions", "Partitions that had something in a group.", metric_unit::plain,
     [](auto& out, auto name, auto of, auto& f, auto unit) { write_buckets(out, name, of, f.logs, unit); }},
};

struct topic_family {
  std::string_view name;
  std::string_view help;
  uint64_t (*of)(const topic_size&);
};
constexpr topic_family topic_families[] = {
    {"millrace_topic_partitions", "Partitions of a topic.", [](auto& t) { return t.partitions; }},
    {"millrace_topic_size_bytes", "Bytes of its logs.", [](auto& t) { return t.bytes; }},
    {"millrace_topic_offsets", "The high watermarks of its partitions together: records ever appended.",
     [](auto& t) { return t.offsets; }},
    {"millrace_topic_retained_offsets", "Offsets from log start to high watermark, of all its partitions.",
     [](auto& t) { return t.retained; }},
};

struct partition_family {
  std::string_view name;
  std::string_view help;
  uint64_t (*of)(const partition_size&);
};
constexpr partition_family partition_families[] = {
    {"millrace_partition_size_bytes", "Bytes of a partition's log.", [](auto& p) { return p.bytes; }},
    {"millrace_partition_log_start_offset", "Where it begins.", [](auto& p) { return static_cast<uint64_t>(p.log_start); }},
    {"millrace_partition_high_watermark", "Up to where it is acknowledged.",
     [](auto& p) { return static_cast<uint64_t>(p.high_watermark); }},
};

}  // namespace

reactor::task<void> write_process(exchange* to) {
  http::door& door = to->at();
  exposition out(to->text());
  out.family("millrace_build_info", gauge, "The version that runs.");
  out.sample("millrace_build_info", {{"version", door.view().version}}, 1);
  one(out, "millrace_ready", gauge, "1 while the broker serves; 0 while it starts or stops.",
      door.view().state == node_state::serving ? 1 : 0);
  one(out, "millrace_cores", gauge, "Cores that the broker runs on.", door.view().cores.size());
  if (door.view().read_process != nullptr) write_kernel_numbers(out, door.view().read_process());
  const door_counters& counted = door.counters();
  one(out, "millrace_http_connections", gauge, "Connections of HTTP clients that are open.", door.connections());
  one(out, "millrace_http_requests_total", counter, "HTTP requests.", counted.requests);
  out.family("millrace_http_connection_events_total", counter,
             "What became of HTTP connections and requests: accepted; turned_away at once; requests refused that were not "
             "understood or too large; timed_out, idle or too slow.");
  out.sample("millrace_http_connection_events_total", {{"event", "accepted"}}, counted.accepted);
  out.sample("millrace_http_connection_events_total", {{"event", "turned_away"}}, counted.turned_away);
  out.sample("millrace_http_connection_events_total", {{"event", "refused"}}, counted.refused);
  out.sample("millrace_http_connection_events_total", {{"event", "timed_out"}}, counted.timed_out);
  co_await to->flush();
}

reactor::task<void> write_core_metrics(exchange* to, const metrics_page* page) {
  exposition out(to->text());
  std::string_view last;
  for (const metric_row& row : metric_rows()) {
    if (row.name != last) out.family(row.name, row.kind, row.help);
    last = row.name;
    for (size_t i = 0; i < page->cores.size(); ++i) {
      out.sample(row.name, {{"core", page->core_names[i]}, {row.label_name, row.label_value}}, row.of(page->cores[i]),
                 row.unit);
    }
    if (to->full()) co_await to->flush();
    if (!to->wants_more()) co_return;
  }
}

/// APIs that nobody used have no lines.
reactor::task<void> write_request_metrics(exchange* to, const metrics_page* page) {
  exposition out(to->text());
  const std::span<const kafka::served_api> apis = kafka::served_apis();
  for (const request_family& f : request_families) {
    out.family(f.name, f.kind, f.help);
    for (size_t i = 0; i < page->cores.size(); ++i) {
      for (size_t api = 0; api < apis.size(); ++api) {
        const kafka::request_counters& r = page->cores[i].requests[api];
        if (r.requests == 0) continue;
        out.sample(f.name, {{"core", page->core_names[i]}, {"api", name_of(apis[api])}}, f.of(r));
      }
      if (to->full()) co_await to->flush();
      if (!to->wants_more()) co_return;
    }
  }
  out.family(duration_name, metric_kind::histogram,
             "From when a whole request is taken up until its answer goes to the socket, by API. A fetch that waits for "
             "records takes as long as it waits.");
  for (size_t i = 0; i < page->cores.size(); ++i) {
    for (size_t api = 0; api < apis.size(); ++api) {
      const kafka::request_counters& r = page->cores[i].requests[api];
      if (r.requests == 0) continue;
      write_buckets(out, duration_name, {{"core", page->core_names[i]}, {"api", name_of(apis[api])}}, r.latency, ns);
      if (to->full()) co_await to->flush();
    }
    if (!to->wants_more()) co_return;
  }
}

reactor::task<void> write_flush_metrics(exchange* to, const metrics_page* page) {
  exposition out(to->text());
  for (const flush_family& f : flush_families) {
    out.family(f.name, metric_kind::histogram, f.help);
    for (size_t i = 0; i < page->cores.size(); ++i) {
      f.write(out, f.name, {{"core", page->core_names[i]}}, page->cores[i].flushes, f.unit);
      if (to->full()) co_await to->flush();
    }
    if (!to->wants_more()) co_return;
  }
}

reactor::task<void> write_topic_metrics(exchange* to, const metrics_page* page) {
  exposition out(to->text());
  const topic_sizes& all = page->topics;
  for (const topic_family& f : topic_families) {
    out.family(f.name, gauge, f.help);
    for (const topic_size& t : all.topics) {
      out.sample(f.name, {{"topic", t.name}}, f.of(t));
      if (to->full()) co_await to->flush();
    }
    if (!to->wants_more()) co_return;
  }
  std::string number;
  for (const partition_family& f : partition_families) {
    out.family(f.name, gauge, f.help);
    for (const partition_size& p : all.partitions) {
      number = std::to_string(p.partition);
      out.sample(f.name, {{"topic", all.topics[p.topic].name}, {"partition", number}}, f.of(p));
      if (to->full()) co_await to->flush();
    }
    if (!to->wants_more()) co_return;
  }
  one(out, "millrace_topics_not_shown", gauge, "Topics beyond metrics.partitions.max: they have no lines here.",
      all.topics_not_shown);
  one(out, "millrace_partitions_not_shown", gauge, "Partitions beyond it: they are in their topic's sums at most.",
      all.partitions_not_shown);
}

}  // namespace millrace::api::http
