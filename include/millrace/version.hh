#pragma once

#include <string_view>

namespace millrace::client {

/// Of this library, as "0.1.0".
std::string_view version() noexcept;

}  // namespace millrace::client
