#include "storage/state_file.hh"

#include "base/assert.hh"
#include "base/hash.hh"
#include "reactor/file.hh"

namespace millrace::storage {
namespace {

constexpr size_t magic_at = 0;
constexpr size_t version_at = 8;
constexpr size_t length_at = 12;
constexpr size_t digest_at = 16;

uint64_t digest_of(base::bytes file) {
  base::xxh3_stream sum;
  sum.add(file.first(digest_at));
  sum.add(file.subspan(state_header_bytes));
  return sum.digest();
}

}  // namespace

std::string encode_state(const state_format& format, base::bytes payload) {
  ASSERT(payload.size() <= UINT32_MAX);
  std::string file(state_header_bytes, '\0');
  auto* at = reinterpret_cast<uint8_t*>(file.data());
  base::store_little<uint64_t>(at + magic_at, format.magic);
  base::store_little<uint32_t>(at + version_at, format.version);
  base::store_little<uint32_t>(at + length_at, static_cast<uint32_t>(payload.size()));
  file.append(base::as_text(payload));
  const uint64_t digest = digest_of(base::as_bytes(file));
  base::store_little<uint64_t>(reinterpret_cast<uint8_t*>(file.data()) + digest_at, digest);
  return file;
}

base::result<std::string> decode_state(const state_format& format, base::bytes file) {
  if (file.size() < state_header_bytes) return base::fail(base::errc::truncated, static_cast<int32_t>(file.size()));
  const uint8_t* at = file.data();
  if (base::load_little<uint64_t>(at + magic_at) != format.magic) return base::fail(base::errc::foreign);
  const size_t length = base::load_little<uint32_t>(at + length_at);
  if (file.size() - state_header_bytes < length) return base::fail(base::errc::truncated);
  if (file.size() - state_header_bytes > length) return base::fail(base::errc::corrupt);
  if (base::load_little<uint64_t>(at + digest_at) != digest_of(file)) return base::fail(base::errc::corrupt);
  const auto version = base::load_little<uint32_t>(at + version_at);
  if (version != format.version) return base::fail(base::errc::foreign, static_cast<int32_t>(version));
  return std::string(base::as_text(file.subspan(state_header_bytes)));
}

reactor::task<base::result<std::string>> read_state(reactor::core& on, std::string path, state_format format,
                                                    size_t bytes_max) {
  std::string name = path;
  const base::result<std::string> file = co_await reactor::read_file(on, std::move(path), bytes_max);
  base::result<std::string> payload = file;
  if (file) payload = decode_state(format, base::as_bytes(*file));
  if (!payload && payload.error().code != base::errc::not_found) {
    on.log().error("storage", "state file cannot be used", base::field("path", name), base::field("error", payload.error()));
  }
  co_return payload;
}

reactor::task<base::result<void>> replace_state(reactor::core& on, std::string path, state_format format,
                                                std::string payload) {
  std::string name = path;
  std::string contents = encode_state(format, base::as_bytes(payload));
  const base::result<void> replaced = co_await reactor::replace_file(on, std::move(path), std::move(contents));
  if (!replaced) {
    on.log().error("storage", "state file cannot be replaced", base::field("path", name),
                   base::field("error", replaced.error()));
  }
  co_return replaced;
}

}  // namespace millrace::storage
