#pragma once

#include <liburing.h>

/// What kernels offer that the headers of liburing 2.3 do not name. A number here is part of the
/// kernel's interface; whether the kernel at hand knows it is asked at run time
/// (io_uring_get_probe_ring).

namespace millrace::reactor::uring {

inline constexpr int op_ftruncate = 55;  ///< IORING_OP_FTRUNCATE, Linux 6.9
/// IORING_SEND_ZC_REPORT_USAGE, Linux 6.2: the notice of a zero-copy send says whether it copied.
inline constexpr unsigned send_zero_copy_report = 1u << 3;
inline constexpr unsigned zero_copy_copied = 1u << 31;  ///< IORING_NOTIF_USAGE_ZC_COPIED, in it

}  // namespace millrace::reactor::uring
