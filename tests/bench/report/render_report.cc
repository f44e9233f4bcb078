/// render_report FILE.html RUN.json...: the report of these runs, or one line that says why there is none.

#include "report/render.hh"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <vector>

int main(int count, char** arguments) {
  if (count < 3) {
    fmt::print(stderr, "usage: render_report FILE.html RUN.json...\n");
    return 1;
  }
  const std::vector<std::string> names(arguments + 2, arguments + count);
  std::vector<std::string> documents;
  for (const std::string& name : names) {
    std::ifstream file(name);
    documents.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  const auto page = millrace::bench::render_report(documents);
  if (!page) {
    fmt::print(stderr, "error: {}\n", millrace::bench::explain(page.error(), names));
    return 1;
  }
  std::ofstream file(arguments[1]);
  file << *page;
  return file.flush() ? 0 : 1;
}
