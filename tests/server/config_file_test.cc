#include "server/config_file.hh"

#include <random>

#include "server/config_sample.hh"
#include "support.hh"

namespace millrace::server {
namespace {

std::string shown(const file_settings& file) {
  std::string all;
  for (const setting& one : file.settings) all += one.place + " " + one.key + "=" + one.text + "\n";
  return all + joined(file.errors);
}

}  // namespace

TEST_CASE("file: a table, a dotted key and a quoted key are the same") {
  struct row {
    const char* name;
    const char* text;
    const char* want;
  };
  const row rows[] = {
      {"empty", "", ""},
      {"comment", "# nothing\n", ""},
      {"dotted", "log.retention.ms = 5\n", "f:1 log.retention.ms=5\n"},
      {"table", "[log.retention]\nms = 5\n", "f:2 log.retention.ms=5\n"},
      {"inline table", "log = { retention = { ms = 5 } }\n", "f:1 log.retention.ms=5\n"},
      {"quoted", "\"log.retention.ms\" = 5\n", "f:1 log.retention.ms=5\n"},
      {"table and rest", "[log]\nretention.ms = 5\ndirs = \"d\"\n", "f:3 log.dirs=d\nf:2 log.retention.ms=5\n"},
      {"truth", "a = true\n", "f:1 a=true\n"},
      {"negative", "a = -1\n", "f:1 a=-1\n"},
      {"underscores", "a = 1_000\n", "f:1 a=1000\n"},
      {"list", "a = [\"x\", 2, true]\n", "f:1 a=x,2,true\n"},
      {"no entries", "a = []\n", "f:1 a=\n"},
      {"fraction", "\na = 1.5\n", "f:2: a: must be a text, a whole number, true, false, or a list of these\n"},
      {"date", "a = 2026-01-01\n", "f:1: a: must be a text, a whole number, true, false, or a list of these\n"},
      {"list of lists", "a = [[1]]\n", "f:1: a: must be a text, a whole number, true, false, or a list of these\n"},
      {"letters in quotes", "# \u00fc\na = \"\u00fc # \u00fc\"  # \u00fc\nb = '\u00fc'\n",
       "f:2 a=\u00fc # \u00fc\nf:3 b=\u00fc\n"},
      {"letters over lines", "a = \"\"\"\u00fc\n\u00fc\"\"\"\"\"\nb = '''\n\\\u00fc'''\n",
       "f:1 a=\u00fc\n\u00fc\"\"\nf:3 b=\\\u00fc\n"},
      {"letters after a line's end", "a = \"\"\"\\\n  \u00fc\"\"\"\n", "f:1 a=\u00fc\n"},
      {"the sign for letters", "\"~\" = '~7e ~ ~fc'\n", "f:1 ~=~7e ~ ~fc\n"},
      {"byte order mark", "\ufeffa = 1\n", "f:1 a=1\n"},
      {"twice by quoting", "\"a.b\" = 1\n[a]\nb = 2\n", "f:3 a.b=2\nf:1: a.b: given twice, also at f:3\n"},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    CHECK(shown(read_config_text(r.text, "f")) == r.want);
  }
}

TEST_CASE("file: what is not TOML is one line with its place") {
  const char* const texts[] = {"a = 1\nb =\n", "a = 1\n[b\n", "a = 1\nb = 1 1\n", "a = 1\na = 2\n", "a = 1\nb = \"\n",
                               "a = 1\n[\nc = 2\n", "a = 1\n[#",
                               // Letters that the parser takes for impossible there.
                               "a = 1\n\u00fc = 2\n", "# \u00fc\nb\u047a = 1\n", "a = 1\nb = \u00fc\n",
                               "a = '''\n'''\u00fc\n", "a = \"x\\\"\"\n\u00fc", "a = 1\nb = 2\"\"\"x\u01f6\n"};
  for (const char* text : texts) {
    CAPTURE(text);
    const file_settings file = read_config_text(text, "f.toml");
    CHECK(file.settings.empty());
    REQUIRE(file.errors.size() == 1);
    CHECK(file.errors[0].starts_with("f.toml:2: "));
    CHECK(file.errors[0].find('\n') == std::string::npos);
  }
}

TEST_CASE("file: one that is missing, a directory, or too large is refused by its name") {
  CHECK(joined(read_config_file("/nonexistent/m.toml").errors) == "/nonexistent/m.toml: No such file or directory\n");
  CHECK(joined(read_config_file("/").errors) == "/: Is a directory\n");
  const temporary_file large(std::string(config_file_bytes_max + 1, '#'));
  CHECK(contains(joined(read_config_file(large.path()).errors), "over 1 MiB"));
  const temporary_file fits(std::string(config_file_bytes_max, '#'));
  CHECK(read_config_file(fits.path()).errors.empty());
}

TEST_CASE("file: damaged bytes give settings or errors, never anything else") {
  std::mt19937 random(4711);
  std::string whole = sample_config();
  for (size_t at = 0; (at = whole.find("\n#", at)) != std::string::npos;) {
    if (whole[at + 2] != ' ') whole.erase(at + 1, 1);
    ++at;
  }
  REQUIRE(read_config_text(whole, "f").settings.size() == config_rows().size());
  for (int run = 0; run < 2000; ++run) {
    std::string text = whole.substr(0, random() % 2000 + 1);
    for (int edits = 0; edits < 4; ++edits) text[random() % text.size()] = static_cast<char>(random());
    const file_settings file = read_config_text(text, "f");
    for (const setting& one : file.settings) CHECK(!one.place.empty());
    CHECK((file.errors.empty() || joined(file.errors).starts_with("f:")));
  }
}

}  // namespace millrace::server
