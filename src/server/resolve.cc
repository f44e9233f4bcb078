#include "server/resolve.hh"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

namespace millrace::server {

namespace {

bool is_numeric(const std::string& host) {
  in6_addr any{};
  return inet_pton(AF_INET, host.c_str(), &any) == 1 || inet_pton(AF_INET6, host.c_str(), &any) == 1;
}

/// All interfaces of both families, where there are two.
std::string any_address() {
  const int v6 = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (v6 < 0) return "0.0.0.0";
  close(v6);
  return "::";
}

/// The first address that the resolver gives. 0, or what getaddrinfo answered.
int look_up(std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* raw = nullptr;
  if (const int answer = getaddrinfo(host.c_str(), nullptr, &hints, &raw); answer != 0) return answer;
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> found(raw, freeaddrinfo);
  char text[NI_MAXHOST] = "";
  const int answer = getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  if (answer == 0) host = text;
  return answer;
}

}  // namespace

std::vector<std::string> resolve(std::string_view key, reactor::listen_address& where) {
  std::string& host = where.host;
  if (host.empty()) {
    host = any_address();
  } else if (!is_numeric(host)) {
    const std::string name = host;
    if (const int answer = look_up(host); answer != 0) {
      return {
          fmt::format("{}: {}:{}: no address of {} is known here ({})", key, name, where.port, name, gai_strerror(answer))};
    }
  }
  return {};
}

std::vector<std::string> resolve(std::vector<api::kafka::door_listener>& listeners) {
  std::vector<std::string> problems;
  for (api::kafka::door_listener& l : listeners) {
    for (std::string& problem : resolve("listeners", l.bind)) problems.push_back(std::move(problem));
  }
  return problems;
}

}  // namespace millrace::server
