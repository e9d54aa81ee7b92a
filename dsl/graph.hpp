// The steps of a topology while it is being written down, shared by the handles (streams, tables,
// windowed results) that add to it. Not for users.
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

#include "streams/operators/functions.hpp"
#include "streams/plan/plan.hpp"
#include "streams/plan/task_context.hpp"
#include "streams/record/value_format.hpp"

namespace penstock::detail {

struct graph {
  std::string name;
  std::vector<step> steps;
  bad_record_policy on_bad;
  std::vector<std::string> problems;
  std::vector<std::pair<step_id, std::type_index>> sources;  // for topics that are read again

  step_id add(step s) {
    s.id = static_cast<step_id>(steps.size());
    steps.push_back(std::move(s));
    return steps.back().id;
  }
};

/// What a handle knows of where it stands.
struct graph_end {
  std::shared_ptr<detail::graph> graph;
  step_id id = 0;
};

/// A new step behind `from`.
inline step step_behind(const graph_end& from, step_kind kind, std::string verb, std::string name) {
  step s;
  s.name = std::move(name);
  s.kind = kind;
  s.verb = std::move(verb);
  s.inputs = {from.id};
  return s;
}

/// A `step::make` for an operator whose one input is an emitter<K, V>; `args` are copied into each
/// operator.
template <class Operator, class K, class V, class... Args>
auto maker(Args... args) {
  return [args...](task_context& task) -> std::unique_ptr<operator_base> {
    auto op = std::make_unique<Operator>(task, args...);
    task.input<K, V>().add(*op);
    return op;
  };
}

template <class T>
std::string binary_name() {
  if constexpr (std::same_as<T, no_key>) {
    return {};
  } else {
    return "binary:" + serde<typename optional_inner<T>::type>::name();
  }
}

/// A function object that was built from text, such as a parser from a pattern, and says what is
/// wrong with it: `problem()`, empty when nothing is. A wrong one is a problem of the topology, not
/// an error at the first record.
template <class F>
concept says_problem = requires(const F& f) {
  { f.problem() } -> std::convertible_to<std::string>;
};

/// Adds to the graph's problems when the function of a step says that it has one.
template <class F>
void check_function(graph& g, const std::string& step, const F& f) {
  if constexpr (says_problem<F>) {
    const std::string why = f.problem();
    if (!why.empty()) g.problems.push_back("step \"" + step + "\": " + why);
  }
}

/// How people and other programs like to read a T.
template <class T>
auto readable_format() {
  if constexpr (std::same_as<T, no_key> || textual<T>) {
    return format::text;
  } else if constexpr (json_encodable<T>) {
    return format::json;
  } else {
    return format::binary;
  }
}

/// 1500 ms as "1500ms", 90 s as "90s", 120 s as "2min".
std::string show_duration(duration d);

/// Adds to the graph's problems unless the duration is as it must be.
void check_duration(graph& g, const std::string& step, std::string_view what, duration d,
                    duration least);

}  // namespace penstock::detail
