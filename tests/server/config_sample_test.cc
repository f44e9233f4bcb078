#include "server/config_sample.hh"

#include <fstream>
#include <sstream>

#include "server/config_file.hh"
#include "support.hh"

namespace millrace::server {
namespace {

std::string file_text(const std::string& name) {
  std::ifstream file(std::string(CONFIGS_DIRECTORY) + "/" + name);
  REQUIRE(file);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("configs/millrace.toml: is what the table says (build/tests/server/print_config makes it)") {
  CHECK(file_text("millrace.toml") == sample_config());
}

TEST_CASE("configs/millrace.toml: with every # taken away it changes nothing") {
  std::istringstream lines(file_text("millrace.toml"));
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    CHECK(line.size() <= 100);
    text += line.starts_with('#') && !line.starts_with("# ") ? line.substr(1) + "\n" : "\n";
  }
  const temporary_file file(text);
  const loaded_config loaded = load_config({.file = file.path(), .environment = {}, .flags = {}, .sets = {}});
  CHECK(joined(loaded.errors) == "");
  CHECK(joined(loaded.warnings) == "");
  const loaded_config plain = load_sets({});
  for (const row& row : config_rows()) {
    CAPTURE(row.name);
    CHECK(origin_of(loaded, row.name).from == origin::file);
    CHECK(value_text(row, loaded.values) == value_text(row, plain.values));
  }
}

TEST_CASE("configs: the samples for a laptop and for bare metal are accepted and change something") {
  for (const char* name : {"laptop.toml", "bare-metal.toml"}) {
    CAPTURE(name);
    const std::string path = std::string(CONFIGS_DIRECTORY) + "/" + name;
    CHECK(read_config_file(path).settings.size() > 2);
    const loaded_config loaded = load_config({.file = path, .environment = {}, .flags = {}, .sets = {}});
    CHECK(joined(loaded.errors) == "");
    CHECK(joined(loaded.warnings) == "");
  }
}

}  // namespace millrace::server
