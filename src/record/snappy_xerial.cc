#include "record/snappy_xerial.hh"

#include <snappy.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "record/check.hh"

namespace millrace::record {
namespace {

using base::errc;

constexpr uint8_t stream_header[16] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1};
constexpr size_t magic_size = 8;

/// A block that is kept for the next batch.
constexpr size_t kept_block_bytes = 1024 * 1024;

/// The most that one byte of a block can become: a copy of 64 bytes takes three.
constexpr uint64_t growth_max = 22;

bool begins_stream(bytes input) {
  return input.size() >= sizeof stream_header && std::memcmp(input.data(), stream_header, magic_size) == 0;
}

base::failure refuse(errc code) { return base::fail(code, 0, place(check::compression)); }

}  // namespace

void snappy_reader::begin(bytes input, uint64_t bytes_max) {
  framed_ = begins_stream(input);
  rest_ = framed_ ? input.subspan(sizeof stream_header) : input;
  left_ = bytes_max;
  if (block_capacity_ > kept_block_bytes) {
    block_.reset();
    block_capacity_ = 0;
  }
}

base::result<bytes> snappy_reader::next() {
  if (!framed_) {
    const bytes whole = rest_;
    rest_ = {};
    return whole.empty() ? bytes{} : open(whole);
  }
  // Streams may be joined end to end.
  while (begins_stream(rest_)) rest_ = rest_.subspan(sizeof stream_header);
  if (rest_.empty()) return bytes{};
  if (rest_.size() < 4) return refuse(errc::truncated);
  const uint32_t size = base::load_big<uint32_t>(rest_.data());
  if (size > rest_.size() - 4) return refuse(errc::truncated);
  const bytes block = rest_.subspan(4, size);
  rest_ = rest_.subspan(4 + size_t{size});
  return open(block);
}

base::result<bytes> snappy_reader::open(bytes block) {
  const char* const from = reinterpret_cast<const char*>(block.data());
  size_t size = 0;
  if (!snappy::GetUncompressedLength(from, block.size(), &size)) return refuse(errc::malformed);
  if (size / growth_max > block.size()) return refuse(errc::malformed);
  if (size > left_) return refuse(errc::too_large);
  if (size > block_capacity_ || block_ == nullptr) {
    const size_t capacity = std::max(size, size_t{64} * 1024);
    block_.reset(new (std::nothrow) uint8_t[capacity]);
    block_capacity_ = block_ != nullptr ? capacity : 0;
    if (block_ == nullptr) return refuse(errc::no_memory);
  }
  if (!snappy::RawUncompress(from, block.size(), reinterpret_cast<char*>(block_.get()))) {
    return refuse(errc::malformed);
  }
  left_ -= size;
  return bytes(block_.get(), size);
}

void snappy_writer::begin(std::vector<uint8_t>& target) {
  held_.clear();
  target.insert(target.end(), std::begin(stream_header), std::end(stream_header));
}

void snappy_writer::write(bytes piece, std::vector<uint8_t>& target) {
  while (!piece.empty()) {
    if (held_.empty() && piece.size() >= block_bytes) {
      put(piece.first(block_bytes), target);
      piece = piece.subspan(block_bytes);
      continue;
    }
    const size_t step = std::min(piece.size(), block_bytes - held_.size());
    held_.insert(held_.end(), piece.begin(), piece.begin() + static_cast<ptrdiff_t>(step));
    piece = piece.subspan(step);
    if (held_.size() == block_bytes) {
      put(held_, target);
      held_.clear();
    }
  }
}

void snappy_writer::finish(std::vector<uint8_t>& target) {
  if (!held_.empty()) put(held_, target);
  held_.clear();
}

void snappy_writer::put(bytes block, std::vector<uint8_t>& target) {
  const size_t begin = target.size();
  target.resize(begin + 4 + snappy::MaxCompressedLength(block.size()));
  size_t size = 0;
  snappy::RawCompress(reinterpret_cast<const char*>(block.data()), block.size(),
                      reinterpret_cast<char*>(target.data() + begin + 4), &size);
  base::store_big(target.data() + begin, static_cast<uint32_t>(size));
  target.resize(begin + 4 + size);
}

}  // namespace millrace::record
