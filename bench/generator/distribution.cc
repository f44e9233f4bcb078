#include "generator/distribution.hh"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

#include "base/bytes.hh"
#include "base/parse.hh"
#include "generator/payload.hh"

namespace millrace::generator {

namespace {

using base::fail;
using base::result;

constexpr size_t value_bytes_max = 1 << 20;

result<double> real(std::string_view text) {
  double value = 0;
  const auto [rest, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || rest != text.data() + text.size()) return fail(base::errc::malformed);
  return value;
}

/// "A<mark>B" in its halves; the second is empty without the mark.
std::pair<std::string_view, std::string_view> halves(std::string_view text, char mark) {
  const size_t at = text.find(mark);
  if (at == std::string_view::npos) return {text, {}};
  return {text.substr(0, at), text.substr(at + 1)};
}

/// In (0, 1].
double unit(base::prng& random) { return (static_cast<double>(random.next() >> 11) + 1) * 0x1.0p-53; }

}  // namespace

result<size_distribution> size_distribution::parse(std::string_view text) {
  size_distribution d;
  const auto [name, rest] = halves(text, ':');
  if (rest.empty()) {
    TRY(d.least_, base::parse_integer<size_t>(text));
    d.most_ = d.least_;
    d.median_ = static_cast<double>(d.least_);
  } else if (name == "uniform") {
    const auto [least, most] = halves(rest, '-');
    d.kind_ = kind::uniform;
    TRY(d.least_, base::parse_integer<size_t>(least));
    TRY(d.most_, base::parse_integer<size_t>(most));
  } else if (name == "lognormal") {
    const auto [median, sigma] = halves(rest, ',');
    d.kind_ = kind::lognormal;
    TRY(d.median_, real(median));
    TRY(d.sigma_, real(sigma));
    if (!(d.sigma_ > 0 && d.sigma_ < 10 && d.median_ >= 1 && d.median_ <= value_bytes_max)) {
      return fail(base::errc::out_of_range);
    }
    d.least_ = payload_header::size;
    d.most_ = value_bytes_max;
  } else {
    return fail(base::errc::malformed);
  }
  if (d.least_ < payload_header::size || d.most_ < d.least_ || d.most_ > value_bytes_max) {
    return fail(base::errc::out_of_range);
  }
  return d;
}

size_t size_distribution::next(base::prng& random) const {
  if (kind_ == kind::fixed) return least_;
  if (kind_ == kind::uniform) return least_ + random.below(most_ - least_ + 1);
  // Box-Muller: two uniform numbers make a normal one.
  const double normal = std::sqrt(-2 * std::log(unit(random))) * std::cos(2 * std::numbers::pi * unit(random));
  const double size = median_ * std::exp(sigma_ * normal);
  return static_cast<size_t>(std::clamp(size, static_cast<double>(least_), static_cast<double>(most_)));
}

// Zipf by rejection-inversion (Hörmann and Derflinger, 1996): no table, two or three tries at most.

double key_distribution::h(double x) const {
  const double logarithm = std::log(x);
  const double slope = (1 - exponent_) * logarithm;
  return (std::abs(slope) > 1e-8 ? std::expm1(slope) / slope : 1 + slope / 2) * logarithm;
}

double key_distribution::h_inverse(double x) const {
  const double t = std::max(x * (1 - exponent_), -1.0);
  return std::exp((std::abs(t) > 1e-8 ? std::log1p(t) / t : 1 - t / 2) * x);
}

result<key_distribution> key_distribution::parse(std::string_view text) {
  key_distribution d;
  if (text == "none") return d;
  const auto [name, rest] = halves(text, ':');
  if (name == "uniform") {
    TRY(d.count_, base::parse_integer<uint64_t>(rest));
  } else if (name == "zipf") {
    const auto [count, exponent] = halves(rest, ',');
    TRY(d.count_, base::parse_integer<uint64_t>(count));
    TRY(d.exponent_, real(exponent));
    if (!(d.exponent_ > 0 && d.exponent_ < 100)) return fail(base::errc::out_of_range);
  } else {
    return fail(base::errc::malformed);
  }
  if (d.count_ == 0 || d.count_ > uint64_t{1} << 40) return fail(base::errc::out_of_range);
  if (d.exponent_ > 0) {
    d.low_ = d.h(1.5) - 1;
    d.high_ = d.h(static_cast<double>(d.count_) + 0.5);
    d.at_once_ = 2 - d.h_inverse(d.h(2.5) - std::pow(2, -d.exponent_));
  }
  return d;
}

uint64_t key_distribution::next(base::prng& random) const {
  if (exponent_ == 0) return random.below(count_);
  while (true) {
    const double u = high_ + unit(random) * (low_ - high_);
    const double x = h_inverse(u);
    const double k = std::clamp(std::floor(x + 0.5), 1.0, static_cast<double>(count_));
    if (k - x <= at_once_ || u >= h(k + 0.5) - std::pow(k, -exponent_)) return static_cast<uint64_t>(k) - 1;
  }
}

int32_t partition_of(std::string_view key, int32_t partitions) {
  constexpr uint32_t m = 0x5bd1e995;
  const auto* at = reinterpret_cast<const uint8_t*>(key.data());
  size_t left = key.size();
  uint32_t h = 0x9747b28c ^ static_cast<uint32_t>(left);
  for (; left >= 4; left -= 4, at += 4) {
    uint32_t k = base::load_little<uint32_t>(at) * m;
    k = (k ^ (k >> 24)) * m;
    h = h * m ^ k;
  }
  if (left >= 3) h ^= uint32_t{at[2]} << 16;
  if (left >= 2) h ^= uint32_t{at[1]} << 8;
  if (left >= 1) h = (h ^ at[0]) * m;
  h = (h ^ (h >> 13)) * m;
  h ^= h >> 15;
  return static_cast<int32_t>((h & INT32_MAX) % static_cast<uint32_t>(partitions));
}

}  // namespace millrace::generator
