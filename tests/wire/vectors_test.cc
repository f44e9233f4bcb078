#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "any_message.hh"
#include "wire/kafka/api_table.hh"
#include "wire/kafka/header.hh"

/// Frames of stock clients (tests/vectors/kafka, caught by tests/e2e/capture.py): what is read of one encodes to its bytes,
/// so that no field is passed over.

namespace millrace::wire::kafka {

namespace {

using octets = std::vector<uint8_t>;

octets file_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<std::filesystem::path> vectors() {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(VECTORS "/kafka")) found.push_back(entry.path());
  std::ranges::sort(found);
  return found;
}

const any_message* request_of(int16_t key) {
  for (const any_message& message : all_messages()) {
    if (message.api_key == key && std::string_view(message.name).ends_with("_request")) return &message;
  }
  return nullptr;
}

/// librdkafka sends bytes behind its Metadata requests; Kafka passes them over, and so do we.
bool may_have_more(const std::string& name) { return name.starts_with("03-v") && name.find("rdkafka") != std::string::npos; }

octets header_bytes(const request_header& header) {
  const int16_t version = request_header_version(header.request_api_key, header.request_api_version);
  octets memory(size_of(header, version));
  writer out(memory);
  encode(out, header, version);
  return memory;
}

}  // namespace

TEST_CASE("vectors: a frame of a stock client is read whole and encodes to the same bytes") {
  size_t seen = 0;
  for (const std::filesystem::path& path : vectors()) {
    const std::string name = path.filename().string();
    CAPTURE(name);
    const octets frame = file_bytes(path);
    reader in{base::bytes(frame)};
    const auto header = decode_request_header(in);
    REQUIRE(header.ok());
    CHECK(std::stoi(name) == header->request_api_key);
    CHECK(std::stoi(name.substr(name.find('v') + 1)) == header->request_api_version);
    const any_message* message = request_of(header->request_api_key);
    REQUIRE(message != nullptr);
    const auto body = message->rewrite(in.rest(), header->request_api_version);
    if (header->request_api_version < message->min_version) {  // of a client that takes us for an older Kafka
      CHECK(body.error().code == base::errc::unsupported);
      continue;
    }
    REQUIRE(body.ok());
    octets again = header_bytes(*header);
    again.insert(again.end(), body->begin(), body->end());
    REQUIRE(again.size() <= frame.size());
    CHECK(again == octets(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(again.size())));
    if (!may_have_more(name)) CHECK(again.size() == frame.size());
    ++seen;
  }
  CHECK(seen > 200);
}

}  // namespace millrace::wire::kafka
