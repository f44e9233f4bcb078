#include "server/options.hh"

#include "support.hh"

namespace millrace::server {
namespace {

std::string shown(const std::vector<setting>& all) {
  std::string text;
  for (const setting& one : all) text += one.place + " " + one.key + "=" + one.text + "\n";
  return text;
}

}  // namespace

TEST_CASE("options: flags that stand for settings become settings") {
  struct row {
    std::vector<const char*> arguments;
    const char* want;
  };
  const row rows[] = {
      {{}, ""},
      {{"--data-dir", "d"}, "--data-dir log.dirs=d\n"},
      {{"--data-dir=d"}, "--data-dir log.dirs=d\n"},
      {{"--kafka", "127.0.0.1:9"}, "--kafka listeners=PLAINTEXT://127.0.0.1:9\n"},
      {{"--http", "off"}, "--http http=off\n"},
      {{"--kafka", "[::1]:9"}, "--kafka listeners=PLAINTEXT://[::1]:9\n"},
      {{"--kafka", "IN://a:9"}, "--kafka listeners=IN://a:9\n"},
      {{"--cores", "0-3,6"}, "--cores cores=0-3,6\n"},
      {{"--memory", "1GiB"}, "--memory memory=1GiB\n"},
      {{"--set", "a=1", "--set", "b=x=y,z"}, "--set a=1\n--set b=x=y,z\n"},
      {{"--set=log.retention.ms=-1"}, "--set log.retention.ms=-1\n"},
      {{"--set", "a="}, "--set a=\n"},
  };
  for (const row& r : rows) {
    CAPTURE(r.want);
    const parsed_options parsed = parse_options(r.arguments);
    REQUIRE(!parsed.exit_code);
    CHECK(shown(parsed.value.flags) + shown(parsed.value.sets) == r.want);
  }
}

TEST_CASE("options: the others are told apart") {
  const char* const all[] = {"--config", "c.toml", "--probe", "--recover-by-scan", "--version"};
  const options value = parse_options(all).value;
  CHECK(value.config_file == "c.toml");
  CHECK(value.probe);
  CHECK(value.recover_by_scan);
  CHECK(value.version);
  const options none = parse_options({}).value;
  CHECK(!none.probe);
  CHECK(!none.recover_by_scan);
  CHECK(!none.version);
  CHECK(none.config_file.empty());
}

TEST_CASE("options: help names every flag and ends well") {
  const char* const help[] = {"--help"};
  const parsed_options parsed = parse_options(help);
  CHECK(parsed.exit_code == 0);
  for (const char* flag : {"--config", "--data-dir", "--kafka", "--http", "--cores", "--memory", "--set", "--probe",
                           "--version", "--recover-by-scan"}) {
    CAPTURE(flag);
    CHECK(contains(parsed.text, flag));
  }
}

TEST_CASE("options: mistakes are one line and a code that is not 0") {
  const std::vector<std::vector<const char*>> mistakes = {
      {"--nonsense"}, {"word"}, {"--cores"}, {"--set"}, {"--set", "a"}, {"--set", "=1"}, {"--set", "a=1", "b=2"}};
  for (const auto& arguments : mistakes) {
    CAPTURE(arguments.front());
    const parsed_options parsed = parse_options(arguments);
    CHECK(parsed.exit_code == 2);
    CHECK(!parsed.text.empty());
    CHECK(parsed.text.find('\n') == std::string::npos);
  }
}

TEST_CASE("options: a flag given to the configuration wins over the file and loses to --set") {
  const temporary_file file("log.dirs = \"from-file\"\n");
  const char* const words[] = {"--data-dir", "from-flag"};
  const options value = parse_options(words).value;
  const config_sources sources{.file = file.path(), .environment = {}, .flags = value.flags, .sets = {}};
  CHECK(load_config(sources).values.log_dirs == "from-flag");
  config_sources more = sources;
  more.sets = {set("log.dirs", "from-set")};
  CHECK(load_config(more).values.log_dirs == "from-set");
}

}  // namespace millrace::server
