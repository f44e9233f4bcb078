#include "api/http/door.hh"
#include "api/http/metrics_page.hh"
#include "api/http/route.hh"
#include "reactor/call.hh"

namespace millrace::api::http {

namespace {

/// One core after the other: each copies its numbers in a turn of its own.
reactor::task<void> ask_cores(http::door* here, metrics_page* page) {
  for (size_t i = 0; i < page->cores.size(); ++i) {
    const core_view of = here->view().cores[i];
    core_sample* const into = &page->cores[i];
    const base::core_id target = of.core->id();
    co_await reactor::call_on(here->on(), target, [of, into](reactor::core&) { take_sample(of, *into); });
  }
}

bool hold_memory(exchange& request, size_t cores) {
  return request.hold(2 * exchange::piece_bytes + cores * core_sample::bytes());
}

}  // namespace

/// Counters of all cores as Prometheus' text. What is said of one core is of one moment; cores are asked one after the
/// other.
reactor::task<void> handle_metrics(exchange* request) {
  http::door& here = request->at();
  const size_t cores = here.view().cores.size();
  if (!hold_memory(*request, cores)) {
    co_await request->respond(wire::http::status::service_unavailable, "too many answers are being made\n");
    co_return;
  }
  co_await request->begin(exposition::content_type);
  if (!request->wants_more()) co_return;
  metrics_page page;
  for (size_t i = 0; i < cores; ++i) {
    page.cores.push_back(core_sample::make());
    page.core_names.push_back(std::to_string(i));
  }
  co_await ask_cores(&here, &page);
  co_await ask_topic_sizes(request, &page.topics);
  co_await write_process(request);
  co_await write_request_metrics(request, &page);
  co_await write_flush_metrics(request, &page);
  co_await write_core_metrics(request, &page);
  co_await write_topic_metrics(request, &page);
  co_await request->end();
}

}  // namespace millrace::api::http
