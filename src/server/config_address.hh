#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/config.hh"

/// Addresses and placements as text. Nothing here asks a resolver: a host is a name or a number as
/// written.

namespace millrace::server {

/// Reads a list with commas, spaces around its parts allowed. Nothing: done; otherwise what is
/// wrong.
std::optional<std::string> read_list(std::string_view text, std::vector<endpoint>& into);
std::optional<std::string> read_list(std::string_view text, std::vector<placement>& into);

/// HOST:PORT, as `http` has it, into an endpoint without a name.
std::optional<std::string> read_address(std::string_view text, std::optional<endpoint>& into);
/// Brackets around an IPv6 host.
std::string address_text(const endpoint& one);

/// "NAME://host:port"; "topic-partition:core".
std::string to_text(const endpoint& one);
std::string to_text(const placement& one);
std::string list_text(const std::vector<endpoint>& all);
std::string list_text(const std::vector<placement>& all);

/// 127.0.0.0/8, ::1 and the name localhost: nobody outside the machine can reach it.
bool is_loopback(std::string_view host);
/// 0.0.0.0, ::, and no host at all: every interface, hence no address that a client could be told.
bool is_any(std::string_view host);

}  // namespace millrace::server
