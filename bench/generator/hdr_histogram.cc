#include "generator/hdr_histogram.hh"

#include <zlib.h>

#include <algorithm>

#include "base/assert.hh"
#include "base/bytes.hh"
#include "base/varint.hh"
#include "report/hdr.hh"

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
  bench::hdr_range range;
  TRY(const std::vector<bench::hdr_cell> cells, bench::decode_hdr(text, &range));
  const bool ours = range.digits >= 1 && range.digits <= 5 && range.lowest == 1 && range.highest == highest;
  if (!ours) return base::fail(base::errc::unsupported);
  hdr_histogram read(static_cast<int>(range.digits));
  for (const bench::hdr_cell& cell : cells) {
    const auto value = static_cast<int64_t>(cell.value);
    if (value > read.last_of(read.counts_.size() - 1)) return base::fail(base::errc::too_large);
    read.record(value, cell.count);
  }
  return read;
}

}  // namespace millrace::generator
