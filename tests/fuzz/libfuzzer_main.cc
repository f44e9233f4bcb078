#include "fuzz.hh"

/// libFuzzer's entry; FUZZ_TARGET names the target.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const millrace::fuzz::target* const target = millrace::fuzz::find_target(FUZZ_TARGET);
  target->run({data, size});
  return 0;
}
