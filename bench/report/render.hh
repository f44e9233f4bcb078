#pragma once

#include <span>
#include <string>

#include "base/result.hh"

/// Makes the report of one or more runs: one HTML file that needs nothing else, neither a server nor a network. The
/// documents stand in it as they were given, so that it is also where they are kept.

namespace millrace::bench {

/// Each document is the JSON of one run, in the order in which they shall be shown. Errors: `detail` is the number of the
/// document, from 0, and explain says the rest; invalid_argument for no documents.
base::result<std::string> render_report(std::span<const std::string> documents);

/// An error of render_report in one line without an end, such as "b.json: host.cpus is not a whole number that is not
/// negative". `names` are those of the documents, in their order.
std::string explain(const base::error& why, std::span<const std::string> names);

}  // namespace millrace::bench
