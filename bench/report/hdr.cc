#include "report/hdr.hh"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <memory>

#include "base/bytes.hh"
#include "base/limits.hh"
#include "base/varint.hh"

namespace millrace::bench {
namespace {

using base::errc;
using base::fail;
using base::result;

constexpr uint32_t plain_cookie = 0x1c849303;
constexpr uint32_t compressed_cookie = 0x1c849304;
constexpr size_t header_size = 40;
/// The widest histogram of the format (five digits, 63 bits) has some six million cells, most of them empty.
constexpr size_t decoded_size_max = 64 * base::mib;

/// The second digit from the right says how wide the counts are. V2 has one way to write them and leaves it free.
bool is_cookie(uint32_t found, uint32_t wanted) { return (found & ~0xf0u) == wanted; }

constexpr std::array<int8_t, 256> base64_values = [] {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  const std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < digits.size(); ++i) values[static_cast<uint8_t>(digits[i])] = static_cast<int8_t>(i);
  return values;
}();

result<std::vector<uint8_t>> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return fail(errc::malformed);
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
  std::vector<uint8_t> bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const int8_t value = base64_values[static_cast<uint8_t>(c)];
    if (value < 0) return fail(errc::malformed);
    bits = bits << 6 | static_cast<uint32_t>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes.push_back(static_cast<uint8_t>(bits >> held));
  }
  return bytes;
}

struct inflate_end {
  void operator()(z_stream* stream) const { inflateEnd(stream); }
};

/// All of a zlib stream, which must end where `packed` does.
result<std::vector<uint8_t>> inflate_all(base::bytes packed) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return fail(errc::no_memory);
  const std::unique_ptr<z_stream, inflate_end> ending(&stream);
  stream.next_in = const_cast<uint8_t*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  std::vector<uint8_t> bytes;
  while (true) {
    if (bytes.size() >= decoded_size_max) return fail(errc::too_large);
    const size_t before = bytes.size();
    bytes.resize(std::max<size_t>(16 * base::kib, 2 * before));
    stream.next_out = bytes.data() + before;
    stream.avail_out = static_cast<uInt>(bytes.size() - before);
    const int status = inflate(&stream, Z_NO_FLUSH);
    bytes.resize(bytes.size() - stream.avail_out);
    if (status == Z_STREAM_END) break;
    if (status == Z_BUF_ERROR || (status == Z_OK && stream.avail_in == 0 && stream.avail_out != 0)) {
      return fail(errc::truncated);
    }
    if (status != Z_OK) return fail(errc::corrupt, status);
  }
  if (stream.avail_in != 0) return fail(errc::malformed);
  return bytes;
}

/// What stands around the compressed bytes: a cookie and their length.
result<std::vector<uint8_t>> decompress(base::bytes outer) {
  if (outer.size() < 8) return fail(errc::truncated);
  if (!is_cookie(base::load_big<uint32_t>(outer.data()), compressed_cookie)) return fail(errc::unsupported);
  const auto length = base::load_big<uint32_t>(outer.data() + 4);
  if (length > outer.size() - 8) return fail(errc::truncated);
  if (length < outer.size() - 8) return fail(errc::malformed);
  return inflate_all(outer.subspan(8));
}

/// From a cell's number to the values in it. Cells come in groups of `half_count`, each group twice as coarse as the
/// one before; only the first has both halves.
class cell_layout {
 public:
  static result<cell_layout> of(uint32_t digits, uint64_t lowest) {
    if (digits > 5 || lowest == 0 || lowest > uint64_t{1} << 62) return fail(errc::malformed);
    // Values up to here are told apart one by one: 2 x 10^digits, rounded up to a power of two.
    const auto single = static_cast<uint64_t>(2 * std::pow(10, digits));
    const auto half_bits = std::max(1u, static_cast<unsigned>(std::bit_width(single - 1))) - 1;
    return cell_layout(half_bits, static_cast<unsigned>(std::bit_width(lowest)) - 1);
  }

  result<uint64_t> highest_value(uint64_t cell) const {
    uint64_t group = cell >> half_bits_;
    uint64_t place = cell & ((uint64_t{1} << half_bits_) - 1);
    if (group > 0) {
      --group;
      place += uint64_t{1} << half_bits_;
    }
    const uint64_t shift = group + unit_bits_;
    if (shift + half_bits_ + 1 > 63) return fail(errc::too_large);
    return ((place + 1) << shift) - 1;
  }

 private:
  cell_layout(unsigned half_bits, unsigned unit_bits) : half_bits_(half_bits), unit_bits_(unit_bits) {}

  unsigned half_bits_;
  unsigned unit_bits_;
};

/// A number as ZigZag LEB128 of at most nine bytes, the ninth whole; `at` moves behind it.
result<int64_t> read_zigzag(base::bytes bytes, size_t& at) {
  uint64_t value = 0;
  for (unsigned index = 0; index < 9; ++index) {
    if (at == bytes.size()) return fail(errc::truncated);
    const uint64_t byte = bytes[at++];
    const bool last = index == 8 || byte < 0x80;
    value |= (index == 8 ? byte : byte & 0x7f) << (7 * index);
    if (last) break;
  }
  return base::unzigzag(value);
}

/// The counts from cell 0 on; a negative number skips so many empty cells.
result<std::vector<hdr_cell>> read_counts(base::bytes bytes, const cell_layout& layout) {
  std::vector<hdr_cell> cells;
  uint64_t cell = 0;
  uint64_t total = 0;
  for (size_t at = 0; at < bytes.size();) {
    TRY(const int64_t number, read_zigzag(bytes, at));
    if (number < 0) {
      const uint64_t empty = -static_cast<uint64_t>(number);
      if (empty > UINT32_MAX) return fail(errc::too_large);
      cell += empty;
      continue;
    }
    if (number > 0) {
      TRY(const uint64_t value, layout.highest_value(cell));
      const auto count = static_cast<uint64_t>(number);
      if (__builtin_add_overflow(total, count, &total)) return fail(errc::too_large);
      cells.push_back({value, count});
    }
    ++cell;
  }
  return cells;
}

}  // namespace

result<std::vector<hdr_cell>> decode_hdr(std::string_view text, hdr_range* range) {
  TRY(const std::vector<uint8_t> outer, decode_base64(text));
  TRY(const std::vector<uint8_t> inner, decompress(outer));
  if (inner.size() < header_size) return fail(errc::truncated);
  if (!is_cookie(base::load_big<uint32_t>(inner.data()), plain_cookie)) return fail(errc::unsupported);
  if (base::load_big<uint32_t>(inner.data() + 8) != 0) return fail(errc::unsupported);
  const auto length = base::load_big<uint32_t>(inner.data() + 4);
  if (length > inner.size() - header_size) return fail(errc::truncated);
  const hdr_range found{.digits = base::load_big<uint32_t>(inner.data() + 12),
                        .lowest = base::load_big<uint64_t>(inner.data() + 16),
                        .highest = base::load_big<uint64_t>(inner.data() + 24)};
  TRY(const cell_layout layout, cell_layout::of(found.digits, found.lowest));
  if (range != nullptr) *range = found;
  return read_counts(base::bytes(inner).subspan(header_size, length), layout);
}

uint64_t count_of(const std::vector<hdr_cell>& cells) {
  uint64_t sum = 0;
  for (const hdr_cell& cell : cells) sum += cell.count;
  return sum;
}

}  // namespace millrace::bench
