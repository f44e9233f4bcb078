#include "api/http/route.hh"

#include <algorithm>

#include "api/http/door.hh"

namespace millrace::api::http {

namespace {
constexpr route routes[] = {
    {"/healthz", handle_health},
    {"/metrics", handle_metrics},
};
constexpr std::string_view reading_methods = "GET, HEAD";
}  // namespace

const route* find_route(std::string_view path) noexcept {
  const auto* const found = std::ranges::find(routes, path, &route::path);
  return found == std::end(routes) ? nullptr : found;
}

reactor::task<void> answer(exchange* request) {
  using wire::http::method;
  const route* const found = find_route(request->request().path);
  if (found == nullptr) {
    co_await request->respond(wire::http::status::not_found, "not found\n");
    co_return;
  }
  const method asked = request->request().method;
  if (asked != method::get && asked != method::head) {
    co_await request->respond(wire::http::status::method_not_allowed, "method not allowed\n", reading_methods);
    co_return;
  }
  co_await found->handle(request);
}

/// Whether the broker serves: what a load balancer, or who starts it, waits for.
reactor::task<void> handle_health(exchange* request) {
  switch (request->at().view().state) {
    case node_state::starting:
      co_await request->respond(wire::http::status::service_unavailable, "starting\n");
      co_return;
    case node_state::serving:
      co_await request->respond(wire::http::status::ok, "serving\n");
      co_return;
    case node_state::stopping:
      co_await request->respond(wire::http::status::service_unavailable, "stopping\n");
      co_return;
  }
}

}  // namespace millrace::api::http
