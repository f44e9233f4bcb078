#pragma once

#include <string_view>

#include "api/http/exchange.hh"

/// The one table of what is served over HTTP: a path, and who answers it. All of it is read by GET and HEAD.

namespace millrace::api::http {

/// Answers one request; errors are answers too. The exchange outlives the task.
using handler = reactor::task<void> (*)(exchange* request);

struct route {
  std::string_view path;
  handler handle;
};

/// Null where nothing is served.
const route* find_route(std::string_view path) noexcept;
/// Finds the route of a request and has it answered; or says that there is none, or not by this method.
reactor::task<void> answer(exchange* request);

reactor::task<void> handle_health(exchange* request);
reactor::task<void> handle_metrics(exchange* request);

}  // namespace millrace::api::http
