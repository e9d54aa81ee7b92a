#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

#include "tools/penstock/word_tree.hpp"

namespace penstock::tool {

namespace {

void each_word(const word_info& at, const std::function<void(const word_info&)>& f) {
  f(at);
  for (const auto& word : at.words) each_word(word, f);
}

std::string path_of(const word_info& word) {
  return fmt::format("{}", fmt::join(word.path, " "));
}

// The first sentence, for a line beside the word; no character that quotes.
std::string brief(const std::string& description) {
  std::string text = description.substr(0, description.find_first_of(";\n"));
  std::erase_if(text, [](char c) { return c == '\'' || c == '"' || c == '\\' || c == '`'; });
  return text;
}

/// What all scripts need of the tree.
struct inventory {
  explicit inventory(const word_info& root) {
    each_word(root, [&](const word_info& word) {
      if (!word.path.empty()) paths.push_back(path_of(word));
      for (const auto& option : word.options) {
        if (option.value.empty()) continue;
        for (const auto& name : option.names) {
          if (std::find(valued.begin(), valued.end(), name) != valued.end()) continue;
          valued.push_back(name);
          if (option.is_path) files.push_back(name);
        }
      }
    });
  }
  std::vector<std::string> paths;   // "topic", "topic create"
  std::vector<std::string> valued;  // options that take a value
  std::vector<std::string> files;   // those whose value is a file
};

/// Every option that may stand behind a word: its own, and those of the words before it.
std::vector<option_info> options_at(const word_info& root, const word_info& word) {
  auto all = word.options;
  if (!word.path.empty()) {
    for (const auto& one : root.options) {
      const auto same = [&](const option_info& other) { return other.names == one.names; };
      if (std::none_of(all.begin(), all.end(), same)) all.push_back(one);
    }
  }
  return all;
}

std::string alternatives(const std::vector<std::string>& all, const char* quote = "") {
  std::string text;
  for (const auto& one : all)
    text += fmt::format("{}{}{}{}", text.empty() ? "" : "|", quote, one, quote);
  return text;
}

void append_bash(const word_info& root, bytes& to) {
  const inventory all{root};
  const auto out = std::back_inserter(to);
  fmt::format_to(out,
                 "# bash completion for penstock; made by: penstock completions bash\n"
                 "_penstock() {{\n"
                 "  local now=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}\n"
                 "  local at= word i words=\n"
                 "  for ((i = 1; i < COMP_CWORD; ++i)); do\n"
                 "    word=${{COMP_WORDS[i]}}\n"
                 "    case $word in {}) ((++i)); continue ;; esac\n"
                 "    case \"${{at:+$at }}$word\" in {}) at=\"${{at:+$at }}$word\" ;; esac\n"
                 "  done\n"
                 "  case $before in\n"
                 "    {}) COMPREPLY=($(compgen -f -- \"$now\")); return ;;\n"
                 "    {}) COMPREPLY=(); return ;;\n"
                 "  esac\n"
                 "  case $at in\n",
                 alternatives(all.valued), alternatives(all.paths, "\""), alternatives(all.files),
                 alternatives(all.valued));
  each_word(root, [&](const word_info& word) {
    std::vector<std::string> offered;
    for (const auto& sub : word.words) offered.push_back(sub.path.back());
    for (const auto& option : options_at(root, word))
      offered.insert(offered.end(), option.names.begin(), option.names.end());
    fmt::format_to(out, "    \"{}\") words=\"{}\" ;;\n", path_of(word), fmt::join(offered, " "));
  });
  to +=
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$now\"))\n"
      "}\n"
      "complete -F _penstock penstock\n";
}

void append_zsh(const word_info& root, bytes& to) {
  const inventory all{root};
  const auto out = std::back_inserter(to);
  const auto entry = [](const std::string& name, const std::string& description) {
    std::string text = brief(description);
    std::string escaped;
    for (const char c : text) escaped += c == ':' ? std::string{"\\:"} : std::string(1, c);
    return fmt::format(" '{}:{}'", name, escaped);
  };
  fmt::format_to(out,
                 "#compdef penstock\n"
                 "# zsh completion for penstock; made by: penstock completions zsh\n"
                 "_penstock() {{\n"
                 "  local at= word i\n"
                 "  local -a offered options\n"
                 "  for ((i = 2; i < CURRENT; ++i)); do\n"
                 "    word=$words[i]\n"
                 "    case $word in {}) ((++i)); continue ;; esac\n"
                 "    case \"${{at:+$at }}$word\" in {}) at=\"${{at:+$at }}$word\" ;; esac\n"
                 "  done\n"
                 "  case $words[CURRENT-1] in\n"
                 "    {}) _files; return ;;\n"
                 "    {}) return 1 ;;\n"
                 "  esac\n"
                 "  case $at in\n",
                 alternatives(all.valued), alternatives(all.paths, "\""), alternatives(all.files),
                 alternatives(all.valued));
  each_word(root, [&](const word_info& word) {
    fmt::format_to(out, "    \"{}\")\n      offered=(", path_of(word));
    for (const auto& sub : word.words) to += entry(sub.path.back(), sub.description);
    to += ")\n      options=(";
    for (const auto& option : options_at(root, word)) {
      for (const auto& name : option.names) to += entry(name, option.description);
    }
    to += ") ;;\n";
  });
  to +=
      "  esac\n"
      "  (( $#offered )) && _describe -t words word offered\n"
      "  _describe -o -t options option options\n"
      "}\n"
      "if [[ $funcstack[1] == _penstock ]]; then _penstock \"$@\"; else compdef _penstock "
      "penstock; fi\n";
}

void append_fish(const word_info& root, bytes& to) {
  const inventory all{root};
  const auto out = std::back_inserter(to);
  std::string paths;
  for (const auto& one : all.paths) paths += fmt::format(" '{}'", one);
  fmt::format_to(out,
                 "# fish completion for penstock; made by: penstock completions fish\n"
                 "function __penstock_at\n"
                 "    set -l at\n"
                 "    set -l skip 0\n"
                 "    for word in (commandline -opc)[2..-1]\n"
                 "        if test $skip = 1\n"
                 "            set skip 0\n"
                 "            continue\n"
                 "        end\n"
                 "        if contains -- $word {}\n"
                 "            set skip 1\n"
                 "        else if contains -- (string join ' ' -- $at $word){}\n"
                 "            set at $at $word\n"
                 "        end\n"
                 "    end\n"
                 "    test \"$at\" = \"$argv[1]\"\n"
                 "end\n"
                 "complete -c penstock -f\n",
                 fmt::join(all.valued, " "), paths);
  each_word(root, [&](const word_info& word) {
    const auto here = fmt::format("complete -c penstock -n '__penstock_at \"{}\"'", path_of(word));
    for (const auto& sub : word.words)
      fmt::format_to(out, "{} -a {} -d '{}'\n", here, sub.path.back(), brief(sub.description));
    for (const auto& option : options_at(root, word)) {
      to += here;
      for (const auto& name : option.names) {
        to += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (!option.value.empty()) to += option.is_path ? " -r -F" : " -x";
      fmt::format_to(out, " -d '{}'\n", brief(option.description));
    }
  });
}

}  // namespace

void append_completions(const word_info& root, shell for_shell, bytes& to) {
  switch (for_shell) {
    case shell::bash:
      return append_bash(root, to);
    case shell::zsh:
      return append_zsh(root, to);
    case shell::fish:
      return append_fish(root, to);
  }
}

}  // namespace penstock::tool
