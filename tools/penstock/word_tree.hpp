// The words of the command line as a tree: what completions and the man page are made from, so that
// they cannot know other words than the parser does.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "streams/base/bytes.hpp"

namespace penstock::tool {

struct option_info {
  std::vector<std::string> names;  // "--offset", "-o"
  std::string value;               // what stands behind it; empty for a flag
  bool is_path = false;            // the value is a file or folder
  std::vector<std::string> choices;
  std::string description;
};

struct word_info {
  std::vector<std::string> path;  // "topic", "create"; empty: the program itself
  std::string description;
  std::string footer;
  std::vector<option_info> options;
  std::vector<std::string> arguments;  // positional
  std::vector<word_info> words;
};

/// Everything that is not hidden, in the order in which it was declared.
word_info words_of(const CLI::App& app);

enum class shell { bash, zsh, fish };

/// Appends a script that completes words and options.
void append_completions(const word_info& root, shell for_shell, bytes& to);

/// Appends the page, in the macros of man(7).
void append_man_page(const word_info& root, const std::string& version, bytes& to);

}  // namespace penstock::tool
