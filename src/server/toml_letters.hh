#pragma once

#include <string>
#include <string_view>

/// A TOML text in ASCII alone and back. The parser takes letters beyond ASCII for impossible in places where a file can have
/// them (in a bare key, in a value without quotes), and then does anything; as ASCII they are an error there, and in quotes
/// what they are.

namespace millrace::server {

/// Each byte beyond ASCII, and '~', becomes "~" and two hexadecimal digits. A byte order mark at the begin goes.
std::string to_ascii(std::string_view text);
/// The text that became `ascii`, or a part of it. What is no part of one stays as it is.
std::string from_ascii(std::string_view ascii);

}  // namespace millrace::server
