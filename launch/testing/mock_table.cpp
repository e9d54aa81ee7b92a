#include "launch/testing/mock_table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace penstock::testing {

namespace {

using nlohmann::json;

std::string dumped(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Rows from top to bottom; the first that fits answers.
class table_answers final : public mock_answers {
 public:
  struct row {
    std::optional<json> key;
    std::optional<json> value;
    result<bytes> gives;
  };
  table_answers(std::string step, std::vector<row> rows)
      : step_(std::move(step)), rows_(std::move(rows)) {}

  result<bytes> answer(bytes_view key, bytes_view value) const override {
    const auto key_json = json::parse(key, nullptr, false);
    const auto value_json = json::parse(value, nullptr, false);
    for (const row& one : rows_) {
      if ((!one.key || same_value(*one.key, key_json, true)) &&
          (!one.value || same_value(*one.value, value_json, true)))
        return one.gives;
    }
    return {errc::bad_record,
            fmt::format("the mock of \"{}\" has no answer for key {}, value {}: add a row to its "
                        "table, or \"otherwise\"",
                        step_, dumped(key_json), dumped(value_json))};
  }

 private:
  std::string step_;
  std::vector<row> rows_;
};

/// `returns: VALUE` or `error: TEXT` of a map that has one of them.
result<bytes> answer_in(const yaml_map& from, const step& of) {
  if (from.has("returns") == from.has("error"))
    refuse(from.node(), "needs one of \"returns\" and \"error\"");
  if (from.has("error")) return {errc::bad_record, text_in(from.find("error"), "an error")};
  const auto node = from.find("returns");
  const bytes value = dumped(json_in(node));
  if (!of.mock->fits(value)) {
    refuse(node, fmt::format("{} is not what step \"{}\" ({}) can give: it gives {}{}", value,
                             of.name, of.verb, of.mock->gives,
                             of.formats.value.empty() ? "" : " of " + of.formats.value));
  }
  return value;
}

std::shared_ptr<const mock_answers> answers_in(const YAML::Node& node, const step& of) {
  const auto what = fmt::format("the mock of \"{}\"", of.name);
  if (of.mock->gives.empty()) {
    const yaml_map map{node, what, {"prints"}};
    if (text_in(map.need("prints"), "prints") != "true")
      refuse(map.find("prints"), "must be true: the records are printed instead");
    return nullptr;
  }
  const yaml_map map{node, what, {"returns", "error", "table", "otherwise"}};
  std::vector<table_answers::row> rows;
  if (!map.has("table")) {
    if (map.has("otherwise")) refuse(map.find("otherwise"), "\"otherwise\" goes with a \"table\"");
    rows.push_back({std::nullopt, std::nullopt, answer_in(map, of)});
    return std::make_shared<table_answers>(of.name, std::move(rows));
  }
  if (map.has("returns") || map.has("error"))
    refuse(node, "write what holds for the rest as \"otherwise\" beside \"table\"");
  for (const auto& one : list_in(map.find("table"), "a table")) {
    const yaml_map row{one, "a row of a mock's table", {"when", "when_key", "returns", "error"}};
    table_answers::row made{std::nullopt, std::nullopt, answer_in(row, of)};
    if (row.has("when")) made.value = json_in(row.find("when"));
    if (row.has("when_key")) made.key = json_in(row.find("when_key"));
    if (!made.value && !made.key) refuse(one, "a row needs \"when\" or \"when_key\"");
    rows.push_back(std::move(made));
  }
  if (map.has("otherwise")) {
    const yaml_map rest{map.find("otherwise"), "\"otherwise\"", {"returns", "error"}};
    rows.push_back({std::nullopt, std::nullopt, answer_in(rest, of)});
  }
  return std::make_shared<table_answers>(of.name, std::move(rows));
}

}  // namespace

std::vector<mocked_step> mocks_in(const YAML::Node& node, const plan& p) {
  if (!node.IsMap()) refuse(node, "mocks must be a map from steps to what they give");
  std::vector<mocked_step> all;
  for (const auto& one : node) {
    const auto name = text_in(one.first, "the name of a step");
    const auto& steps = p.steps();
    const auto found = std::find_if(steps.begin(), steps.end(),
                                    [&](const step& s) { return s.name == name && s.mock; });
    if (found == steps.end()) {
      std::vector<std::string> known;
      for (const step& s : steps) {
        if (s.mock) known.push_back(s.name);
        if (s.name == name) {
          refuse(one.first,
                 fmt::format("step \"{}\" ({}) has no function that a mock could stand in for: "
                             "map, map_values, try_map, flat_map, filter and for_each have, where "
                             "their types can be written as JSON",
                             name, s.verb));
        }
      }
      refuse(one.first, fmt::format("topology {} has no step \"{}\" that can be mocked: {}",
                                    p.name(), name, offer(name, known)));
    }
    if (std::any_of(all.begin(), all.end(), [&](const auto& m) { return m.step == found->id; }))
      refuse(one.first, fmt::format("\"{}\" is mocked twice", name));
    all.push_back({found->id, answers_in(one.second, *found)});
  }
  return all;
}

plan with_mocks(const plan& p, const std::vector<mocked_step>& mocks) {
  if (mocks.empty()) return p;
  auto steps = p.steps();
  for (const auto& one : mocks) {
    step& s = steps[static_cast<std::size_t>(one.step)];
    s.make = [mock = s.mock, answers = one.answers](task_context& task) {
      return mock->make(task, answers);
    };
  }
  return {p.name(), std::move(steps), p.on_bad_record()};
}

}  // namespace penstock::testing
