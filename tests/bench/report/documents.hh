#pragma once

#include <nlohmann/json.hpp>
#include <string>

/// Documents of runs for the tests of the report: small, sound, and with real histograms.

namespace millrace::bench::test {

/// A produce run with three intervals and every part that such a run has.
nlohmann::json produce_run(const std::string& label);

/// A mixed run with all parts of the format.
nlohmann::json full_run(const std::string& label);

/// A consume run at the tail, in a process of its own, of a server whose disk it may not see; its last interval is short.
nlohmann::json tail_run(const std::string& label);

/// A run with only those fields that a document must have.
nlohmann::json bare_run(const std::string& label);

}  // namespace millrace::bench::test
