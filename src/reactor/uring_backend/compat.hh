#pragma once

#include <liburing.h>

/// What kernels offer that the headers of liburing 2.3 do not name. A number here is part of the
/// kernel's interface; whether the kernel at hand knows it is asked at run time
/// (io_uring_get_probe_ring).

namespace millrace::reactor::uring {

inline constexpr int op_ftruncate = 55;  ///< IORING_OP_FTRUNCATE, Linux 6.9

}  // namespace millrace::reactor::uring
