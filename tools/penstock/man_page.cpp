#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "tools/penstock/word_tree.hpp"

namespace penstock::tool {

namespace {

// Text as text: no backslash escapes, no requests at the start of a line, hyphens that can be
// copied.
std::string escaped(std::string_view text) {
  std::string all;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) all += "\\&";
    if (c == '\\') {
      all += "\\e";
    } else if (c == '-') {
      all += "\\-";
    } else {
      all += c;
    }
    line_start = c == '\n';
  }
  return all;
}

void append_options(const word_info& word, bytes& to) {
  for (const auto& option : word.options) {
    std::string names;
    for (const auto& name : option.names)
      names += fmt::format("{}\\fB{}\\fR", names.empty() ? "" : ", ", escaped(name));
    if (!option.value.empty()) names += fmt::format(" \\fI{}\\fR", escaped(option.value));
    to += fmt::format(".TP\n{}\n{}\n", names, escaped(option.description));
  }
}

// Lines of a footer as they stand.
void append_as_it_is(const std::string& text, bytes& to) {
  if (text.empty()) return;
  to += fmt::format(".PP\n.nf\n{}\n.fi\n", escaped(text));
}

void append_words(const word_info& at, bytes& to) {
  for (const auto& word : at.words) {
    if (word.words.empty()) {
      to += fmt::format(
          ".SS penstock {}{}{}\n{}.\n", escaped(fmt::format("{}", fmt::join(word.path, " "))),
          word.arguments.empty() ? "" : " ",
          escaped(fmt::format("{}", fmt::join(word.arguments, " "))), escaped(word.description));
      append_options(word, to);
      append_as_it_is(word.footer, to);
    }
    append_words(word, to);
  }
}

// The lines between a head such as "Examples:" and the next empty line.
std::string part_of(const std::string& footer, std::string_view head) {
  const auto at = footer.find(head);
  if (at == std::string::npos) return {};
  const auto begin = footer.find_first_not_of("\n ", at + head.size());
  if (begin == std::string::npos) return {};
  std::string text = footer.substr(begin, footer.find("\n\n", begin) - begin);
  std::string lines;
  for (std::size_t i = 0; i < text.size(); ++i) {
    lines += text[i];
    if (text[i] == '\n') i = std::min(text.find_first_not_of(' ', i + 1), text.size()) - 1;
  }
  return lines;
}

}  // namespace

void append_man_page(const word_info& root, const std::string& version, bytes& to) {
  to += fmt::format(
      ".\\\" made by: penstock man\n.TH PENSTOCK 1 \"\" \"Penstock {}\" \"User Commands\"\n",
      version);
  to += fmt::format(".SH NAME\npenstock \\- {}\n", escaped(root.description));
  to += ".SH SYNOPSIS\n.B penstock\n[\\fIOPTION\\fR]... \\fIWORD\\fR [\\fIARGUMENT\\fR]...\n";
  to +=
      ".SH DESCRIPTION\n"
      "Works on a data directory, or on a running node: topics, records, consumer groups, log\n"
      "files and jobs.  A directory that another process has is worked on through that process.\n"
      ".SH OPTIONS\nThese may stand anywhere on the line.\n";
  append_options(root, to);
  to += ".SH WORDS\n";
  append_words(root, to);
  to += ".SH EXIT STATUS\n" + escaped(part_of(root.footer, "Exit status:")) + "\n";
  to +=
      ".SH FILES\n.TP\n\\fI./penstock\\-data\\fR\nThe data directory when \\fB\\-\\-on\\fR is not "
      "given.\n";
  to += ".SH EXAMPLES\n.nf\n" + escaped(part_of(root.footer, "Examples:")) + "\n.fi\n";
}

}  // namespace penstock::tool
