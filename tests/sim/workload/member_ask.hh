#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "workload/member.hh"

/// A member's request and its answer; for the sources of member alone.

namespace millrace::swarm {

/// `request` stays until it returns.
template <class Response, class Request>
reactor::task<std::optional<answer<Response>>> member::ask(const Request* request, int16_t version, const char* what) {
  std::vector<uint8_t> out = link_.frame_of(*request, version);
  const bool sent = co_await link_.send(std::move(out));
  if (!sent) co_return std::nullopt;
  auto frame = co_await link_.receive(what);
  if (!frame) co_return std::nullopt;
  co_return link_.read<Response>(std::move(*frame), version);
}

}  // namespace millrace::swarm
