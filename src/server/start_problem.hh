#pragma once

#include <string>

#include "base/result.hh"

/// Why a start failed, in words for the operator.

namespace millrace::server {

/// Of a step on the data directory: "the disk is full", "Permission denied". Empty where only the
/// error's own name says something.
std::string reason_of(base::error why);
/// Of the cores, which need io_uring, memory and their processors.
std::string cores_problem(base::error why);

}  // namespace millrace::server
