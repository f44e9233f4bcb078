#pragma once

#include "api/http/node_view.hh"

namespace millrace::server {

/// What the kernel says of this process now: some quick system calls, none of which waits for a disk.
api::http::process_numbers read_process_numbers();

}  // namespace millrace::server
