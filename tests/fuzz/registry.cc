#include "fuzz.hh"

namespace millrace::fuzz {

namespace {
constexpr target all[] = {
    {"kafka", "kafka", kafka_frame, 200000}, {"door", "kafka", door_stream, 3000},
    {"batch", "batch", record_batch, 50000}, {"recovery", "recovery", recovery_image, 3000},
    {"files", "files", small_files, 100000}, {"http", "http", http_stream, 3000},
};
}  // namespace

std::span<const target> targets() { return all; }

const target* find_target(std::string_view name) {
  for (const target& t : all) {
    if (t.name == name) return &t;
  }
  return nullptr;
}

}  // namespace millrace::fuzz
