#include "storage/commit_file.hh"

#include <cstring>

#include "base/assert.hh"
#include "base/hash.hh"

namespace millrace::storage {
namespace {

constexpr size_t magic_at = 0;
constexpr size_t version_at = 8;
constexpr size_t flags_at = 12;
constexpr size_t file_bytes_at = 16;
constexpr size_t digest_at = 24;  // of the bytes before it
constexpr uint32_t prepared_flag = 1;

}  // namespace

void encode_commit_file(base::mutable_bytes block, const commit_file_header& header) {
  ASSERT(block.size() == block_bytes);
  std::memset(block.data(), 0, block.size());
  base::store_little<uint64_t>(block.data() + magic_at, commit_file_magic);
  base::store_little<uint32_t>(block.data() + version_at, commit_file_version);
  base::store_little<uint32_t>(block.data() + flags_at, header.prepared ? prepared_flag : 0);
  base::store_little<uint64_t>(block.data() + file_bytes_at, header.file_bytes);
  base::store_little<uint64_t>(block.data() + digest_at, base::xxh3(base::bytes(block).first(digest_at)));
}

base::result<commit_file_header> decode_commit_file(base::bytes block) {
  if (block.size() < digest_at + 8) return base::fail(base::errc::truncated);
  const uint8_t* at = block.data();
  if (base::load_little<uint64_t>(at + magic_at) != commit_file_magic) return base::fail(base::errc::foreign);
  if (base::load_little<uint64_t>(at + digest_at) != base::xxh3(block.first(digest_at))) {
    return base::fail(base::errc::corrupt);
  }
  const auto version = base::load_little<uint32_t>(at + version_at);
  if (version != commit_file_version) return base::fail(base::errc::foreign, static_cast<int32_t>(version));
  commit_file_header header;
  header.prepared = (base::load_little<uint32_t>(at + flags_at) & prepared_flag) != 0;
  header.file_bytes = base::load_little<uint64_t>(at + file_bytes_at);
  if (header.file_bytes % block_bytes != 0 || header.file_bytes <= commit_ring_begin) {
    return base::fail(base::errc::malformed);
  }
  return header;
}

}  // namespace millrace::storage
