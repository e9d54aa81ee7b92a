#include "dsl/flags.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>

#include "streams/base/nearest.hpp"
#include "streams/base/program_name.hpp"
#include "streams/record/written_time.hpp"

namespace penstock {

namespace {

constexpr int usage_error = 2;
constexpr std::size_t help_column = 30;

}  // namespace

flags& flags::add(one made) {
  all_.push_back(std::move(made));
  return *this;
}

const flags::one* flags::find(std::string_view name) const {
  const auto found =
      std::find_if(all_.begin(), all_.end(), [&](const one& each) { return each.name == name; });
  return found == all_.end() ? nullptr : &*found;
}

flags& flags::text(std::string name, std::string& into, std::string value, std::string what) {
  return add({std::move(name), std::move(value), std::move(what), [&into](std::string_view given) {
                into = given;
                return std::string{};
              }});
}

flags& flags::choice(std::string name, std::string& into, std::vector<std::string> choices,
                     std::string what) {
  auto value = fmt::format("{}", fmt::join(choices, "|"));
  return add({std::move(name), std::move(value), std::move(what),
              [&into, choices = std::move(choices)](std::string_view given) -> std::string {
                into = given;
                if (std::find(choices.begin(), choices.end(), into) != choices.end()) return {};
                const auto meant = nearest(into, choices);
                return meant.empty() ? fmt::format("must be one of {}", fmt::join(choices, ", "))
                                     : fmt::format("is not known: did you mean {}?", meant);
              }});
}

flags& flags::time(std::string name, duration& into, std::string what) {
  return add(
      {std::move(name), "TIME", std::move(what), [&into](std::string_view given) -> std::string {
         const auto time = written_duration(given);
         if (!time) return "is no length of time: write 500ms, 30s, 1min, 2h or 1d";
         into = *time;
         return {};
       }});
}

flags& flags::on(std::string name, bool& into, std::string what) {
  return add({std::move(name), {}, std::move(what), [&into](std::string_view) {
                into = true;
                return std::string{};
              }});
}

flags& flags::json(bool& into, std::string what) {
  on("--json", into, std::move(what));
  all_.back().of_run = true;
  return *this;
}

bool flags::given(std::string_view name) const {
  return std::find(given_.begin(), given_.end(), name) != given_.end();
}

bool flags::has_json() const {
  return std::any_of(all_.begin(), all_.end(), [](const one& each) { return each.of_run; });
}

std::optional<int> flags::take(int& argc, char** argv) {
  const auto refuse = [&](std::string_view flag, std::string_view why) {
    fmt::print(stderr, "{}: {} {} (--help lists everything)\n", program_name(argc, argv), flag,
               why);
    return usage_error;
  };
  int kept = std::min(argc, 1);
  int at = kept;
  for (; at < argc && std::string_view{argv[at]} != "--"; ++at) {
    const std::string_view word = argv[at];
    const auto sign = std::min(word.find('='), word.size());
    const one* flag = find(word.substr(0, sign));
    if (flag == nullptr) {
      argv[kept++] = argv[at];
      continue;
    }
    if (!flag->value.empty() && given(flag->name)) return refuse(flag->name, "may be given once");
    given_.push_back(flag->name);
    if (flag->of_run) argv[kept++] = argv[at];
    std::string_view value;
    if (sign < word.size()) {
      if (flag->value.empty()) return refuse(flag->name, "takes no value");
      value = word.substr(sign + 1);
    } else if (!flag->value.empty()) {
      // A flag is no value; what begins like one can be given behind a sign.
      if (at + 1 >= argc || std::string_view{argv[at + 1]}.starts_with("--"))
        return refuse(flag->name, "needs " + flag->value);
      value = argv[++at];
    }
    if (const auto why = flag->set(value); !why.empty())
      return refuse(fmt::format("{} {}", flag->name, value), why);
  }
  while (at < argc) argv[kept++] = argv[at++];
  argc = kept;
  argv[argc] = nullptr;
  return std::nullopt;
}

std::string flags::help() const {
  std::string all;
  for (const one& each : all_) {
    auto line = fmt::format("  {}{}{}", each.name, each.value.empty() ? "" : " ", each.value);
    line += line.size() < help_column ? std::string(help_column - line.size(), ' ')
                                      : "\n" + std::string(help_column, ' ');
    all += line + each.what + "\n";
  }
  return all;
}

}  // namespace penstock
