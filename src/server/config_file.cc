#include "server/config_file.hh"

namespace {
/// What the parser takes for impossible and a file can make happen ("[" at a line's end).
struct not_parsed {};
}  // namespace
#define TOML_ASSERT(expr) ((expr) ? static_cast<void>(0) : throw not_parsed{})
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <fmt/format.h>
#include <toml++/toml.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include "server/toml_letters.hh"

namespace millrace::server {
namespace {

/// Walks the tables of one file and keeps what it finds.
class flattener {
 public:
  flattener(std::string_view path, file_settings& into) : path_(path), into_(into) {}

  void take(const toml::table& table, const std::string& prefix) {
    for (const auto& [name, node] : table) {
      const std::string key = prefix + from_ascii(name.str());
      if (const toml::table* inner = node.as_table()) {
        take(*inner, key + ".");
      } else {
        take(node, key, name.source().begin.line);
      }
    }
  }

 private:
  void take(const toml::node& node, const std::string& key, uint32_t line) {
    const std::string place = fmt::format("{}:{}", path_, line);
    for (const setting& other : into_.settings) {
      if (other.key != key) continue;
      into_.errors.push_back(fmt::format("{}: {}: given twice, also at {}", place, key, other.place));
      return;
    }
    auto text = text_of(node);
    if (!text) {
      into_.errors.push_back(
          fmt::format("{}: {}: must be a text, a whole number, true, false, or a list of these", place, key));
      return;
    }
    into_.settings.push_back({.key = key, .text = std::move(*text), .from = origin::file, .place = place});
  }

  static std::optional<std::string> text_of(const toml::node& node) {
    if (const auto* list = node.as_array()) {
      std::string all;
      for (const toml::node& part : *list) {
        const auto text = plain_text_of(part);
        if (!text) return std::nullopt;
        if (!all.empty()) all += ',';
        all += *text;
      }
      return all;
    }
    return plain_text_of(node);
  }

  static std::optional<std::string> plain_text_of(const toml::node& node) {
    if (const auto* text = node.as_string()) return from_ascii(text->get());
    if (const auto* number = node.as_integer()) return fmt::format("{}", number->get());
    if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
    return std::nullopt;
  }

  const std::string_view path_;
  file_settings& into_;
};

/// `text` in ASCII.
file_settings read_parsed(std::string_view text, std::string_view path) {
  file_settings all;
  const toml::parse_result parsed = toml::parse(text, path);
  if (!parsed) {
    const toml::parse_error& why = parsed.error();
    all.errors.push_back(fmt::format("{}:{}: {}", path, why.source().begin.line, from_ascii(why.description())));
    return all;
  }
  flattener(path, all).take(parsed.table(), "");
  return all;
}

/// The first line that is not TOML together with those before it. For a text that the parser gave up on.
size_t line_not_parsed(std::string_view text) {
  size_t line = 1;
  for (size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n', end + 1), ++line) {
    try {
      (void)toml::parse(text.substr(0, end + 1));
    } catch (const not_parsed&) {
      break;
    }
  }
  return line;
}

}  // namespace

file_settings read_config_text(std::string_view text, std::string_view path) {
  const std::string ascii = to_ascii(text);
  try {
    return read_parsed(ascii, path);
  } catch (const not_parsed&) {
    return {.settings = {}, .errors = {fmt::format("{}:{}: this is not TOML", path, line_not_parsed(ascii))}};
  }
}

file_settings read_config_file(const std::string& path) {
  struct closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  const auto refuse = [&](std::string_view why) {
    return file_settings{.settings = {}, .errors = {fmt::format("{}: {}", path, why)}};
  };
  const std::unique_ptr<std::FILE, closer> file(std::fopen(path.c_str(), "re"));
  if (!file) return refuse(std::strerror(errno));
  std::string text(config_file_bytes_max + 1, '\0');
  errno = 0;
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get())) return refuse(std::strerror(errno));
  if (text.size() > config_file_bytes_max) return refuse("over 1 MiB: this is no configuration");
  return read_config_text(text, path);
}

}  // namespace millrace::server
