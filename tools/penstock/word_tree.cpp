#include "tools/penstock/word_tree.hpp"

#include <algorithm>

namespace penstock::tool {

namespace {

bool is_hidden(const CLI::Option& option) {
  return option.get_group().empty();
}

option_info describe(const CLI::Option& option) {
  option_info made;
  for (const auto& name : option.get_lnames()) made.names.push_back("--" + name);
  for (const auto& name : option.get_snames()) made.names.push_back("-" + name);
  made.description = option.get_description();
  if (option.get_items_expected_max() == 0) return made;
  // The type's name without what its checks added: "TEXT:{bash,zsh}", "UINT:INT in [1 - 1024]".
  const auto type = option.get_type_name();
  made.value = type.substr(0, type.find(':'));
  if (const auto open = type.find(":{"); open != std::string::npos && type.ends_with('}')) {
    for (std::size_t at = open + 2; at < type.size();) {
      const auto end = type.find_first_of(",}", at);
      made.choices.push_back(type.substr(at, end - at));
      at = end + 1;
    }
  }
  const auto& names = made.names;
  made.is_path = std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return name == "--file" || name == "--config" || name == "--on";
  });
  return made;
}

// Options of the word, and of the groups that only gather some of them.
void take_options(const CLI::App& app, word_info& into) {
  for (const auto* option : app.get_options()) {
    if (is_hidden(*option)) continue;
    if (option->nonpositional()) {
      into.options.push_back(describe(*option));
    } else {
      auto name = option->get_name(true);
      std::transform(name.begin(), name.end(), name.begin(),
                     [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
      if (option->get_items_expected_max() > 1) name += "...";
      into.arguments.push_back(option->get_required() ? name : "[" + name + "]");
    }
  }
}

void take(const CLI::App& app, word_info& into) {
  take_options(app, into);
  for (const auto* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (sub->get_name().empty()) {
      take_options(*sub, into);
      continue;
    }
    if (sub->get_group().empty()) continue;
    word_info word;
    word.path = into.path;
    word.path.push_back(sub->get_name());
    word.description = sub->get_description();
    word.footer = sub->get_footer();
    take(*sub, word);
    into.words.push_back(std::move(word));
  }
}

}  // namespace

word_info words_of(const CLI::App& app) {
  word_info root;
  root.description = app.get_description();
  root.footer = app.get_footer();
  take(app, root);
  return root;
}

}  // namespace penstock::tool
