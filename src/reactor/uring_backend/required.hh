#pragma once

#include "reactor/uring_backend/compat.hh"

/// What the backend needs of a kernel, once for those who make rings and those who ask what a
/// machine offers.

namespace millrace::reactor::uring {

/// How every ring is made, sizes apart. A kernel before 6.1 refuses them.
inline constexpr unsigned setup_flags =
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL;

/// The name of something needed that a ring made so does not offer; null where nothing is missing.
const char* missing(io_uring& ring);

}  // namespace millrace::reactor::uring
