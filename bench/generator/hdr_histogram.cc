#include "generator/hdr_histogram.hh"

#include <zlib.h>

#include <algorithm>

#include "base/assert.hh"
#include "base/bytes.hh"
#include "base/varint.hh"

namespace millrace::generator {

namespace {

constexpr uint32_t cookie_plain = 0x1c849303 | 0x10;       // V2, words encoded as ZigZag LEB128
constexpr uint32_t cookie_compressed = 0x1c849304 | 0x10;  // the same, deflated
constexpr size_t head_bytes = 40;                          // of the payload
constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// LEB128 of at most nine bytes: the ninth holds eight bits.
void put_word(std::vector<uint8_t>& out, int64_t value) {
  uint64_t rest = base::zigzag(value);
  for (int i = 0; i < 8 && rest >= 0x80; ++i, rest >>= 7) out.push_back(static_cast<uint8_t>(rest | 0x80));
  out.push_back(static_cast<uint8_t>(rest));
}

/// False: the bytes end first.
bool take_word(const uint8_t*& at, const uint8_t* end, int64_t& value) {
  uint64_t sum = 0;
  for (unsigned shift = 0; shift <= 56; shift += 7) {
    if (at == end) return false;
    const uint64_t byte = *at++;
    if (shift == 56) {
      sum |= byte << shift;
    } else {
      sum |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
  }
  value = base::unzigzag(sum);
  return true;
}

std::string base64(const std::vector<uint8_t>& bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = std::min<size_t>(3, bytes.size() - i);
    uint32_t word = 0;
    for (size_t j = 0; j < 3; ++j) word = word << 8 | (j < left ? bytes[i + j] : 0u);
    for (size_t j = 0; j < 4; ++j) out += j <= left ? letters[word >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}

base::result<std::vector<uint8_t>> from_letters(std::string_view text) {
  std::vector<uint8_t> out;
  uint32_t word = 0;
  unsigned bits = 0;
  for (const char c : text) {
    if (c == '=') break;
    const size_t at = letters.find(c);
    if (at == std::string_view::npos) return base::fail(base::errc::malformed);
    word = word << 6 | static_cast<uint32_t>(at);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out.push_back(static_cast<uint8_t>(word >> bits));
  }
  return out;
}

}  // namespace

hdr_histogram::hdr_histogram(int digits) : digits_(digits) {
  ASSERT(digits >= 1 && digits <= 5);
  uint64_t exact = 2;
  for (int i = 0; i < digits; ++i) exact *= 10;
  sub_count_ = std::bit_ceil(exact);
  sub_bits_ = std::bit_width(sub_count_) - 1;
  size_t buckets = 1;
  for (uint64_t end = sub_count_; end <= static_cast<uint64_t>(highest); end <<= 1) ++buckets;
  counts_.resize((buckets + 1) * (sub_count_ / 2));
}

int64_t hdr_histogram::first_of(size_t index) const {
  const size_t half = sub_count_ / 2;
  const size_t row = index / half;
  if (row == 0) return static_cast<int64_t>(index);
  return static_cast<int64_t>((index % half + half) << (row - 1));
}

int64_t hdr_histogram::last_of(size_t index) const {
  const size_t row = index / (sub_count_ / 2);
  const int64_t width = row == 0 ? 1 : int64_t{1} << (row - 1);
  return first_of(index) + width - 1;
}

void hdr_histogram::add(const hdr_histogram& other) {
  ASSERT(counts_.size() == other.counts_.size());
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  total_ += other.total_;
  least_ = std::min(least_, other.least_);
  most_ = std::max(most_, other.most_);
}

void hdr_histogram::reset() {
  std::ranges::fill(counts_, 0);
  total_ = 0;
  least_ = INT64_MAX;
  most_ = 0;
}

double hdr_histogram::mean() const {
  if (total_ == 0) return 0;
  double sum = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0) continue;
    const int64_t width = last_of(i) - first_of(i) + 1;
    sum += static_cast<double>(first_of(i) + width / 2) * static_cast<double>(counts_[i]);
  }
  return sum / static_cast<double>(total_);
}

int64_t hdr_histogram::percentile(double percent) const {
  if (total_ == 0) return 0;
  const auto rank = static_cast<uint64_t>(std::max(1.0, percent / 100 * static_cast<double>(total_) + 0.5));
  uint64_t seen = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) return last_of(i);
  }
  return max();
}

// ---- the encoding

std::vector<uint8_t> hdr_histogram::payload() const {
  std::vector<uint8_t> out(head_bytes);
  const size_t used = total_ == 0 ? 0 : index_of(most_) + 1;
  for (size_t i = 0; i < used;) {
    size_t zeros = 0;
    while (i + zeros < used && counts_[i + zeros] == 0) ++zeros;
    if (zeros > 0) {
      put_word(out, -static_cast<int64_t>(zeros));
      i += zeros;
    } else {
      put_word(out, static_cast<int64_t>(counts_[i++]));
    }
  }
  base::store_big(out.data(), cookie_plain);
  base::store_big(out.data() + 4, static_cast<uint32_t>(out.size() - head_bytes));
  base::store_big(out.data() + 8, uint32_t{0});  // normalizing offset
  base::store_big(out.data() + 12, static_cast<uint32_t>(digits_));
  base::store_big(out.data() + 16, int64_t{1});
  base::store_big(out.data() + 24, highest);
  base::store_big(out.data() + 32, std::bit_cast<uint64_t>(1.0));
  return out;
}

std::string hdr_histogram::to_base64() const {
  const std::vector<uint8_t> plain = payload();
  uLongf size = compressBound(plain.size());
  std::vector<uint8_t> out(8 + size);
  const int done = compress(out.data() + 8, &size, plain.data(), plain.size());
  ASSERT(done == Z_OK);
  out.resize(8 + size);
  base::store_big(out.data(), cookie_compressed);
  base::store_big(out.data() + 4, static_cast<uint32_t>(size));
  return base64(out);
}

base::result<hdr_histogram> hdr_histogram::from_base64(std::string_view text) {
  TRY(const std::vector<uint8_t> packed, from_letters(text));
  if (packed.size() < 8) return base::fail(base::errc::malformed);
  if (base::load_big<uint32_t>(packed.data()) != cookie_compressed) return base::fail(base::errc::unsupported);
  // Nine bytes a cell at most, and five digits have 4 million cells.
  std::vector<uint8_t> plain(size_t{64} << 20);
  uLongf size = plain.size();
  if (uncompress(plain.data(), &size, packed.data() + 8, packed.size() - 8) != Z_OK || size < head_bytes) {
    return base::fail(base::errc::malformed);
  }
  plain.resize(size);
  const uint32_t digits = base::load_big<uint32_t>(plain.data() + 12);
  const bool ours = base::load_big<uint32_t>(plain.data()) == cookie_plain && digits >= 1 && digits <= 5 &&
                    base::load_big<int64_t>(plain.data() + 16) == 1 && base::load_big<int64_t>(plain.data() + 24) == highest;
  if (!ours) return base::fail(base::errc::unsupported);
  hdr_histogram read(static_cast<int>(digits));
  TRY_CHECK(read.read_payload(plain));
  return read;
}

base::result<void> hdr_histogram::read_payload(const std::vector<uint8_t>& bytes) {
  const uint8_t* at = bytes.data() + head_bytes;
  const uint8_t* const end = bytes.data() + bytes.size();
  for (size_t i = 0; at != end;) {
    int64_t word = 0;
    if (!take_word(at, end, word)) return base::fail(base::errc::truncated);
    if (word < 0) {
      if (word < -static_cast<int64_t>(counts_.size())) return base::fail(base::errc::too_large);
      i += static_cast<size_t>(-word);
      continue;
    }
    if (i >= counts_.size()) return base::fail(base::errc::too_large);
    if (word > 0) {
      counts_[i] = static_cast<uint64_t>(word);
      total_ += counts_[i];
      least_ = std::min(least_, first_of(i));
      most_ = last_of(i);
    }
    ++i;
  }
  return {};
}

}  // namespace millrace::generator
