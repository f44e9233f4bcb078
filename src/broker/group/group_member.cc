#include "broker/group/group_member.hh"

#include <set>

namespace millrace::broker {

namespace {

/// Of the maps that find it, of the queue, and of what the allocator keeps: a round number above what they are.
constexpr size_t entry_bytes = 512;
constexpr size_t protocol_bytes = 96;

size_t bytes_of(const std::vector<group_protocol>& protocols) noexcept {
  size_t sum = 0;
  for (const group_protocol& p : protocols) sum += protocol_bytes + p.name.size() + p.metadata.size();
  return sum;
}

size_t bytes_of(const std::optional<std::string>& text) noexcept { return text ? text->size() : 0; }

}  // namespace

const opaque& group_member::metadata(std::string_view protocol) const noexcept {
  static const opaque none;
  for (const group_protocol& p : protocols_) {
    if (p.name == protocol) return p.metadata;
  }
  return none;
}

size_t group_member::bytes() const noexcept {
  return sizeof(group_member) + entry_bytes + 2 * id.size() + bytes_of(instance_id) + client_id.size() + client_host.size() +
         bytes_of(protocols_) + assignment.size();
}

size_t pending_member::bytes() const noexcept { return sizeof(pending_member) + entry_bytes + 2 * id.size(); }

std::vector<group_protocol> without_doubles(std::vector<group_protocol> given) {
  std::set<std::string, std::less<>> seen;
  std::erase_if(given, [&](const group_protocol& p) { return !seen.insert(p.name).second; });
  return given;
}

size_t member_bytes(const join_request& request) noexcept {
  // A new id is the instance's or the client's with something fresh behind it.
  const size_t id =
      request.member_id.size() + request.fresh.size() + bytes_of(request.instance_id) + request.client_id.size();
  return sizeof(group_member) + entry_bytes + 2 * id + bytes_of(request.instance_id) + request.client_id.size() +
         request.client_host.size() + bytes_of(request.protocols);
}

}  // namespace millrace::broker
