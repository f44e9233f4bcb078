#include "base/assert.hh"

#include <cstdio>
#include <cstdlib>

namespace millrace::base {

void assertion_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "%s:%d: ASSERT(%s) does not hold\n", file, line, expression);
  std::fflush(stderr);
  std::abort();
}

}  // namespace millrace::base
