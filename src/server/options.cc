#include "server/options.hh"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

namespace millrace::server {
namespace {

constexpr std::string_view footer =
    "Every setting stands in configs/millrace.toml with its meaning and its default. Weakest "
    "first: that default,\n"
    "the file, MILLRACE_* in the environment (MILLRACE_NUM_PARTITIONS=6), a flag, --set.";

/// A flag that is a setting under another name.
struct flag {
  const char* name;
  const char* metavar;
  const char* key;
  const char* about;
};
constexpr flag flags[] = {
    {"--data-dir", "DIR", "log.dirs", "the directory of the data (log.dirs)"},
    {"--kafka", "HOST:PORT", "listeners", "where Kafka clients connect (listeners)"},
    {"--http", "HOST:PORT", "http", "where HTTP answers: /metrics, /healthz; off: nowhere (http)"},
    {"--cores", "LIST", "cores", "CPUs as taskset writes them, one reactor each: 0-3,6"},
    {"--memory", "SIZE", "memory", "bound of the process's memory: 2GiB"},
};

/// HOST:PORT as the value of `listeners`; one that names its listener stays as it is.
std::string as_setting(const flag& one, const std::string& text) {
  const bool address = std::string_view(one.key) == "listeners" && text.find("://") == std::string::npos;
  return address ? "PLAINTEXT://" + text : text;
}

parsed_options refuse(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return {.value = {}, .exit_code = 2, .text = std::move(text)};
}

}  // namespace

parsed_options parse_options(std::span<const char* const> arguments) {
  options value;
  CLI::App app("Millrace: a message log broker for Kafka clients", "millraced");
  app.footer(std::string(footer));
  app.add_option("--config", value.config_file, "read settings from this TOML file")->type_name("FILE");
  std::string texts[std::size(flags)];
  CLI::Option* given[std::size(flags)];
  for (size_t i = 0; i < std::size(flags); ++i) {
    // Given twice, the last counts: scripts put their own behind what they wrap.
    given[i] = app.add_option(flags[i].name, texts[i], flags[i].about)->type_name(flags[i].metavar)->take_last();
  }
  std::vector<std::string> sets;
  app.add_option("--set", sets, "override any setting; may be repeated")->type_name("KEY=VALUE")->allow_extra_args(false);
  app.add_flag("--probe", value.probe, "say what this machine offers and what will be used, and exit");
  app.add_flag("--recover-by-scan", value.recover_by_scan,
               "start although a commit log is lost: keep what the segments prove, say what is not proved");
  app.add_flag("--version", value.version, "say the version and exit");

  std::vector<std::string> words(arguments.rbegin(),
                                 arguments.rend());  // CLI11 takes them from the back
  try {
    app.parse(std::move(words));
  } catch (const CLI::CallForHelp&) {
    return {.value = {}, .exit_code = 0, .text = app.help()};
  } catch (const CLI::ParseError& wrong) {
    return refuse(fmt::format("{} (millraced --help shows the flags)", wrong.what()));
  }

  for (size_t i = 0; i < std::size(flags); ++i) {
    if (given[i]->count() == 0) continue;
    value.flags.push_back(
        {.key = flags[i].key, .text = as_setting(flags[i], texts[i]), .from = origin::flag, .place = flags[i].name});
  }
  for (const std::string& one : sets) {
    const size_t equals = one.find('=');
    if (equals == std::string::npos || equals == 0) return refuse(fmt::format("--set {}: not key=value", one));
    value.sets.push_back(
        {.key = one.substr(0, equals), .text = one.substr(equals + 1), .from = origin::set, .place = "--set"});
  }
  return {.value = std::move(value), .exit_code = {}, .text = {}};
}

}  // namespace millrace::server
