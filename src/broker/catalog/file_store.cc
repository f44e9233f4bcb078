#include "broker/catalog/file_store.hh"

#include "storage/state_file.hh"

namespace millrace::broker {
namespace {

constexpr storage::state_format format{.magic = 0x315441434c52414dull, .version = 1};  // "MARLCAT1"
/// A million topics with a few settings each.
constexpr size_t file_bytes_max = size_t{512} << 20;

constexpr size_t head_bytes = 12;
constexpr size_t entry_head_bytes = 6;

template <class Int>
void put(std::string& out, Int value) {
  uint8_t raw[sizeof(Int)];
  base::store_little<Int>(raw, value);
  out.append(reinterpret_cast<const char*>(raw), sizeof raw);
}

/// The entries after the changes.
meta_entries merged(const meta_entries& entries, std::vector<meta_change> changes) {
  meta_entries out = entries;
  for (meta_change& c : changes) {
    if (c.value) {
      out.insert_or_assign(std::move(c.key), std::move(*c.value));
    } else {
      out.erase(c.key);
    }
  }
  return out;
}

}  // namespace

std::string encode_entries(const meta_store::contents& all) {
  size_t bytes = head_bytes;
  for (const auto& [key, value] : all.entries) bytes += entry_head_bytes + key.size() + value.size();
  std::string out;
  out.reserve(bytes);
  put<uint64_t>(out, all.revision);
  put<uint32_t>(out, static_cast<uint32_t>(all.entries.size()));
  for (const auto& [key, value] : all.entries) {
    ASSERT(key.size() <= UINT16_MAX && value.size() <= UINT32_MAX);
    put<uint16_t>(out, static_cast<uint16_t>(key.size()));
    put<uint32_t>(out, static_cast<uint32_t>(value.size()));
    out.append(key).append(value);
  }
  return out;
}

base::result<meta_store::contents> decode_entries(base::bytes in) {
  const auto corrupt = base::fail(base::errc::corrupt);
  if (in.size() < head_bytes) return corrupt;
  meta_store::contents all;
  all.revision = base::load_little<uint64_t>(in.data());
  const uint32_t count = base::load_little<uint32_t>(in.data() + 8);
  in = in.subspan(head_bytes);
  for (uint32_t i = 0; i < count; ++i) {
    if (in.size() < entry_head_bytes) return corrupt;
    const size_t key_bytes = base::load_little<uint16_t>(in.data());
    const size_t value_bytes = base::load_little<uint32_t>(in.data() + 2);
    in = in.subspan(entry_head_bytes);
    if (in.size() < key_bytes + value_bytes) return corrupt;
    const std::string_view key = base::as_text(in.first(key_bytes));
    if (!all.entries.empty() && all.entries.rbegin()->first >= key) return corrupt;
    all.entries.emplace_hint(all.entries.end(), key, base::as_text(in.subspan(key_bytes, value_bytes)));
    in = in.subspan(key_bytes + value_bytes);
  }
  if (!in.empty()) return corrupt;
  return all;
}

file_store::file_store(reactor::core& on, std::string path) : core_(on), path_(std::move(path)) {}

reactor::task<base::result<meta_store::contents>> file_store::load() {
  const base::result<std::string> payload = co_await storage::read_state(core_, path_, format, file_bytes_max);
  if (!payload) {
    if (payload.error().code == base::errc::not_found) co_return contents();
    co_return payload.failure();
  }
  auto decoded = decode_entries(base::as_bytes(*payload));
  if (!decoded) {
    core_.log().error("broker", "catalog file is not well-formed", base::field("path", path_));
    co_return decoded.failure();
  }
  known_ = *decoded;
  co_return std::move(*decoded);
}

reactor::task<base::result<uint64_t>> file_store::put_if(uint64_t revision, std::vector<meta_change> changes) {
  if (revision != known_.revision) co_return base::fail(base::errc::busy);
  contents next{.revision = revision + 1, .entries = merged(known_.entries, std::move(changes))};
  std::string payload = encode_entries(next);
  const base::result<void> replaced = co_await storage::replace_state(core_, path_, format, std::move(payload));
  if (!replaced) co_return replaced.failure();
  known_ = std::move(next);
  co_return known_.revision;
}

}  // namespace millrace::broker
