#pragma once

#include <string_view>

/// The page without its data, as embed.py put it together from page.html, style.css and the scripts.

namespace millrace::bench {

extern const std::string_view page_before_data;
extern const std::string_view page_after_data;

}  // namespace millrace::bench
