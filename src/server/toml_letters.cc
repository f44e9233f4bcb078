#include "server/toml_letters.hh"

namespace millrace::server {

namespace {

/// Walks a text from string to string.
class letters {
 public:
  explicit letters(std::string_view text) : text_(text) {
    if (here("\xef\xbb\xbf")) at_ = 3;  // a byte order mark is none of it
  }

  size_t stray_line() {
    while (at_ < text_.size() && !stray_) {
      const char c = text_[at_];
      if (c == '#') {
        skip_line();
      } else if (c == '"' || c == '\'') {
        skip_string(c);
      } else {
        step();
      }
    }
    return stray_ ? line_ : 0;
  }

 private:
  bool here(std::string_view what) const { return text_.substr(at_).starts_with(what); }

  /// One byte that must be ASCII.
  void step() {
    if (static_cast<unsigned char>(text_[at_]) > 0x7f) {
      stray_ = true;
    } else {
      pass();
    }
  }
  void pass() {
    if (text_[at_++] == '\n') ++line_;
  }
  void skip_line() {
    while (at_ < text_.size() && text_[at_] != '\n') ++at_;
  }

  void skip_string(char quote) {
    const std::string_view triple = quote == '"' ? "\"\"\"" : "'''";
    const bool lines = here(triple);
    at_ += lines ? triple.size() : 1;
    while (at_ < text_.size() && !stray_) {
      if (lines ? here(triple) : text_[at_] == quote || text_[at_] == '\n') break;
      if (quote == '"' && text_[at_] == '\\') {
        skip_escape();
      } else {
        pass();
      }
    }
    if (stray_ || at_ >= text_.size() || (!lines && text_[at_] == '\n')) return;
    at_ += lines ? triple.size() : 1;
    // A string of several lines may end with two quotes of its own.
    for (int own = 0; lines && own < 2 && at_ < text_.size() && text_[at_] == quote; ++own) ++at_;
  }

  /// A backslash, what it skips, and the letter after.
  void skip_escape() {
    ++at_;
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r' || text_[at_] == '\n'))
      pass();
    if (at_ < text_.size()) step();
  }

  const std::string_view text_;
  size_t at_ = 0;
  size_t line_ = 1;
  bool stray_ = false;
};

}  // namespace

size_t line_with_stray_letter(std::string_view text) { return letters(text).stray_line(); }

}  // namespace millrace::server
