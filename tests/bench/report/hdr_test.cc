#include "report/hdr.hh"

#include <doctest/doctest.h>

#include <string>

using namespace millrace;
using bench::decode_hdr;
using bench::hdr_cell;

namespace {

/// Made by the Python library of HdrHistogram (hdrhistogram 0.10.8), which also said the cells.
struct vector_row {
  const char* name;
  const char* text;
  std::vector<hdr_cell> cells;
};

const vector_row vectors[] = {
    {"empty", "HISTFAAAAB14nJNpmSzMgADMUJoRyHQz2LGAwf4DRAAATjkESw==", {}},
    {"one value", "HISTFAAAACN4nJNpmSzMwMDAzAABMJoRyHQz2LGAwf4DRKDXgwkAXb8FJQ==", {{12351, 1}}},
    {"zeros", "HISTFAAAACN4nJNpmSzMwMDAxAABzFCaEch0M9ixgMH+A0SAhQ0AVyMEVw==", {{0, 2}, {1, 3}}},
    {"edges of groups",
     "HISTFAAAADV4nJNpmSzMwMAgwgABzFCaEch0M9ixgMH+A1SA6Sc/C9tvfg6xv/x8++sELt5mEgIA5J4Kww==",
     {{1, 1}, {1023, 2}, {1024, 3}, {2047, 4}, {2049, 11}, {4099, 7}, {1000447, 8}, {3599182594047, 9}}},
    {"two digits",
     "HISTFAAAAC14nJNpmSzMwMDAywABTFCaEURYzzrFYP8BInCckcmYieU3IxPbTW0mAJkpBzI=",
     {{100, 1}, {127, 1}, {128, 2}, {255, 1}, {257, 3}, {1002438655, 1}}},
    {"from 1000 on",
     "HISTFAAAACp4nJNpmSzMwMDAyQABzFDqBZDg/eEewWD/ASLCxNRsLLLxBSMTAJX7B3s=",
     {{511, 1}, {1023, 1}, {2500607, 10}, {59022245887, 1}}},
};

}  // namespace

TEST_CASE("hdr: reads what another library has written") {
  for (const vector_row& row : vectors) {
    CAPTURE(row.name);
    const auto cells = decode_hdr(row.text);
    REQUIRE(cells.ok());
    CHECK(*cells == row.cells);
  }
}

TEST_CASE("hdr: many values with large counts") {
  // By the same library: 1000 x 1.07^i for i = 0, 3 ... 138, recorded 1 + 7919 i mod 100000 times.
  const auto cells = decode_hdr(
      "HISTFAAAAOJ4nJNpmSzMwMCwgwECmKA0I4iwnnWKwf4DROAzO5P1nM9MjtuesQZeuMnh/eoMt+2RpUze92awRv7o5jCf9J/L9c11xuC20yyuC/ax2+/a"
      "yOU7pYsxeN1fZusTH9jcHz3mDN9jY3ttPbPjh0VsgV3TOH2XdPJY/3vI5D3jKmvkphMclmd2czsvm8IUfKCd1f3WL3bbL2+5fM8dYwx9sZPFsmktu+uc"
      "BVzh3yocJ7xhtl91n83/yCXOwHna1jvmMbtfmsgW/aaF07LtB7fzgwtMgb8Os3pP2c5hu24VNwDN3ldb");
  REQUIRE(cells.ok());
  CHECK(cells->size() == 47);
  CHECK(bench::count_of(*cells) == 2381364);
  CHECK(cells->back() == hdr_cell{11403263, 92823});
}

TEST_CASE("hdr: refuses what is not whole or not the format") {
  const std::string sound = vectors[3].text;
  const auto with = [&](size_t place, char c) {
    std::string text = sound;
    text[place] = c;
    return text;
  };
  struct row {
    const char* name;
    std::string text;
    base::errc why;
  };
  const row rows[] = {
      {"nothing", "", base::errc::truncated},
      {"not base64", with(20, '*'), base::errc::malformed},
      {"base64 cut", sound.substr(0, 50), base::errc::malformed},
      {"cut", sound.substr(0, 52), base::errc::truncated},
      {"more behind it", sound.substr(0, sound.size() - 2) + "AAAAAA", base::errc::malformed},
      {"another cookie", with(2, 'T'), base::errc::unsupported},
      {"one letter changed", with(70, 'A'), base::errc::corrupt},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    const auto cells = decode_hdr(r.text);
    REQUIRE(!cells.ok());
    CHECK(cells.error().code == r.why);
  }
}

TEST_CASE("hdr: each letter that is changed or missing is an error or changes nothing that it reads") {
  const std::string sound = vectors[3].text;
  for (size_t place = 0; place < sound.size(); ++place) {
    CAPTURE(place);
    std::string changed = sound;
    changed[place] = sound[place] == 'A' ? 'B' : 'A';
    if (const auto cells = decode_hdr(changed); cells.ok()) CHECK(*cells == vectors[3].cells);
    CHECK(!decode_hdr(sound.substr(0, place)).ok());
  }
}
