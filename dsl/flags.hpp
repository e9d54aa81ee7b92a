// The flags that a program has beside those of `run`. They are taken out of the command line before
// the topology is built, because it may depend on them; `run` gets what is left.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "streams/base/time.hpp"

namespace penstock {

/// ```
/// settings s;
/// flags own;
/// own.text("--input", s.input, "FILE", "the log to read")
///     .json(s.json, "end with one line of JSON");
/// if (const auto status = own.take(argc, argv)) return *status;
/// return run(build(s), argc, argv, own);
/// ```
/// What a flag goes into must live until `take` has returned, and holds the default until then.
/// `--name value` and `--name=value` are the same; of a flag that is given twice, the last counts.
class flags {
 public:
  /// `value` is what stands for it in the help: "FILE".
  flags& text(std::string name, std::string& into, std::string value, std::string what);

  /// One of these texts.
  flags& choice(std::string name, std::string& into, std::vector<std::string> choices,
                std::string what);

  /// "500ms", "30s", "1min", "2h", "1d".
  flags& time(std::string name, duration& into, std::string what);

  /// Without a value: there or not.
  flags& on(std::string name, bool& into, std::string what);

  /// `--json`, which is a flag of `run` too and is left there: with `--test` and `--describe` it
  /// means those, and otherwise what the program makes of `into`.
  flags& json(bool& into, std::string what);

  /// Takes these flags out of the command line, up to `--`. When one of them is wrong, says so on
  /// stderr and gives the status to end with.
  std::optional<int> take(int& argc, char** argv);

  /// True when `take` has found this flag.
  bool given(std::string_view name) const;

  /// True for a program that has `json`.
  bool has_json() const;

  /// A line or two for each flag, for `--help`.
  std::string help() const;

 private:
  struct one {
    std::string name;
    std::string value;  // empty: without
    std::string what;
    std::function<std::string(std::string_view)> set;  // gives what is wrong with the value
    bool of_run = false;                               // too: it is left on the command line
  };
  flags& add(one made);
  const one* find(std::string_view name) const;

  std::vector<one> all_;
  std::vector<std::string> given_;
};

}  // namespace penstock
