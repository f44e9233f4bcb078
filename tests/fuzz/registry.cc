#include "fuzz.hh"

namespace millrace::fuzz {

namespace {
constexpr target all[] = {
    {"kafka", kafka_frame, 20000},   {"door", door_stream, 1000},   {"batch", record_batch, 20000},
    {"recovery", recovery_image, 1500}, {"files", small_files, 20000},
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
