#pragma once

#include <liburing.h>

/// What kernels offer that the headers of liburing 2.3 do not name. A number here is part of the
/// kernel's interface; whether the kernel at hand knows it is asked at run time
/// (io_uring_get_probe_ring).

namespace millrace::reactor::uring {

inline constexpr int op_ftruncate = 55;  ///< IORING_OP_FTRUNCATE, Linux 6.9
/// IORING_SEND_ZC_REPORT_USAGE, Linux 6.2: in an entry's ioprio. A kernel that does not know it refuses the entry
/// with EINVAL.
inline constexpr uint16_t send_report_usage = 1u << 3;
/// IORING_NOTIF_USAGE_ZC_COPIED: in the result of the notification.
inline constexpr uint32_t notified_copied = 1u << 31;

}  // namespace millrace::reactor::uring
