#pragma once

#include <string>

/// The commented file that shows every setting with its default: configs/millrace.toml, which a
/// test holds to it.

namespace millrace::server {

std::string sample_config();

}  // namespace millrace::server
