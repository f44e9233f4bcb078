#include "server/config_address.hh"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "base/limits.hh"
#include "base/parse.hh"

namespace millrace::server {
namespace {

using problem = std::optional<std::string>;

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool all_of_name(std::string_view text, std::string_view others) {
  return std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  });
}

constexpr size_t host_bytes_max = 253;  // RFC 1035: the longest name that can be written

/// A numeric address as IPv6; IPv4 as its mapped form (RFC 4291 2.5.5.2). Nothing for a name.
std::optional<in6_addr> numeric_address(std::string_view host) {
  const std::string text(host);
  in6_addr v6{};
  if (inet_pton(AF_INET6, text.c_str(), &v6) == 1) return v6;
  in_addr v4;
  if (inet_pton(AF_INET, text.c_str(), &v4) != 1) return std::nullopt;
  v6.s6_addr[10] = v6.s6_addr[11] = 0xff;
  std::memcpy(&v6.s6_addr[12], &v4, sizeof v4);
  return v6;
}

/// A name that no resolver takes for a number: some read "0", "127.1" and "0x7f000001" as IPv4
/// addresses.
bool is_host_name(std::string_view host) {
  if (host.size() > host_bytes_max || !all_of_name(host, ".-_")) return false;
  const size_t dot = host.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? host : host.substr(dot + 1);
  const bool digits = std::ranges::all_of(last, [](char c) { return c >= '0' && c <= '9'; });
  return !digits && !last.starts_with("0x") && !last.starts_with("0X");
}

/// Reads host:port, the host without its brackets. Null, or what is wrong with it.
const char* read_host_and_port(std::string_view address, endpoint& into) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return "no port";
  const auto port = base::parse_integer<uint16_t>(address.substr(colon + 1));
  if (!port) return "a port is a number from 0 to 65535";
  std::string_view host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (host.find(':') == std::string_view::npos || !numeric_address(host)) return "no IPv6 address between the brackets";
  } else if (host.find(':') != std::string_view::npos) {
    return "an IPv6 address stands in brackets";
  } else if (!host.empty() && !numeric_address(host) && !is_host_name(host)) {
    return "neither a host name nor an address";
  }
  into.host = host;
  into.port = *port;
  return nullptr;
}

problem read_one(std::string_view text, endpoint& into) {
  const auto wrong = [&](std::string_view why) { return fmt::format("'{}' is not NAME://host:port ({})", text, why); };
  const size_t scheme = text.find("://");
  if (scheme == std::string_view::npos) return wrong("no ://");
  const std::string_view name = text.substr(0, scheme);
  if (name.empty() || !all_of_name(name, "_-")) return wrong("a name has letters, digits, _ and -");
  endpoint read{.name = std::string(name), .host = {}};
  if (const char* why = read_host_and_port(text.substr(scheme + 3), read)) return wrong(why);
  into = std::move(read);
  return {};
}

problem read_one(std::string_view text, placement& into) {
  const auto wrong = [&] { return fmt::format("'{}' is not topic-partition:core (orders-3:1)", text); };
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong();
  const std::string_view partition_name = text.substr(0, colon);
  const size_t dash = partition_name.rfind('-');
  if (dash == std::string_view::npos) return wrong();
  const std::string_view topic = partition_name.substr(0, dash);
  const auto partition = base::parse_integer<uint32_t>(partition_name.substr(dash + 1));
  const auto core = base::parse_integer<uint32_t>(text.substr(colon + 1));
  if (topic.empty() || topic.size() > base::topic_name_bytes_max || !all_of_name(topic, "._-")) return wrong();
  if (!partition || *partition > INT32_MAX || !core || *core >= base::cpus_max) return wrong();
  into = {.topic = std::string(topic), .partition = static_cast<int32_t>(*partition), .core = base::core_id(*core)};
  return {};
}

template <class One>
problem read_all(std::string_view text, std::vector<One>& into) {
  std::vector<One> all;
  if (trim(text).empty()) {
    into.clear();
    return {};
  }
  for (size_t begin = 0; begin <= text.size();) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    One one;
    if (auto why = read_one(trim(text.substr(begin, comma - begin)), one)) return why;
    all.push_back(std::move(one));
    begin = comma + 1;
  }
  into = std::move(all);
  return {};
}

template <class One>
std::string all_text(const std::vector<One>& all) {
  std::string text;
  for (const One& one : all) {
    if (!text.empty()) text += ',';
    text += to_text(one);
  }
  return text;
}

}  // namespace

std::optional<std::string> read_list(std::string_view text, std::vector<endpoint>& into) { return read_all(text, into); }
std::optional<std::string> read_list(std::string_view text, std::vector<placement>& into) { return read_all(text, into); }

problem read_address(std::string_view text, std::optional<endpoint>& into) {
  endpoint read;
  if (const char* why = read_host_and_port(trim(text), read)) return fmt::format("'{}' is not host:port ({})", text, why);
  into = std::move(read);
  return {};
}

std::string address_text(const endpoint& one) {
  const bool bracket = one.host.find(':') != std::string::npos;
  return fmt::format(fmt::runtime(bracket ? "[{}]:{}" : "{}:{}"), one.host, one.port);
}
std::string to_text(const endpoint& one) { return one.name + "://" + address_text(one); }
std::string to_text(const placement& one) { return fmt::format("{}-{}:{}", one.topic, one.partition, one.core.value()); }
std::string list_text(const std::vector<endpoint>& all) { return all_text(all); }
std::string list_text(const std::vector<placement>& all) { return all_text(all); }

bool is_loopback(std::string_view host) {
  if (host == "localhost") return true;
  const auto address = numeric_address(host);
  if (!address) return false;
  if (IN6_IS_ADDR_V4MAPPED(&*address)) return address->s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&*address);
}

bool is_any(std::string_view host) {
  if (host.empty()) return true;
  const auto address = numeric_address(host);
  if (!address) return false;
  if (IN6_IS_ADDR_V4MAPPED(&*address)) return std::ranges::count(std::span(address->s6_addr).last(4), 0) == 4;
  return IN6_IS_ADDR_UNSPECIFIED(&*address);
}

}  // namespace millrace::server
