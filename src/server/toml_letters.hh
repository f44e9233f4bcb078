#pragma once

#include <cstddef>
#include <string_view>

/// Where a TOML text may hold letters beyond ASCII: in comments and in strings, by the language (TOML 1.0, "Keys" and
/// "Comment"). Asked before the parser, which takes some of them elsewhere for impossible and then does anything.

namespace millrace::server {

/// The first line, counted from 1, with a byte beyond ASCII outside of comments and strings, or behind the whitespace that
/// a backslash in a string skips; 0 where there is none. Of a text that is no TOML: some such line, if there is one.
size_t line_with_stray_letter(std::string_view text);

}  // namespace millrace::server
