// How a test replaces what a user's function does, so that a pipeline can be tried without the
// outside world that the function asks: answers are looked up in the test's file, in JSON. The DSL
// gives a step its mock where the types can be written as JSON; `--test` (launch/testing) uses it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "streams/base/bytes.hpp"
#include "streams/base/result.hpp"

namespace penstock {

class operator_base;
class task_context;

/// What a test says instead of the function.
class mock_answers {
 public:
  virtual ~mock_answers() = default;

  /// The JSON of what the function would give for a record whose key and value are this JSON
  /// ("null" for types that have none); an error where it would fail.
  virtual result<bytes> answer(bytes_view key, bytes_view value) const = 0;
};

struct step_mock {
  /// What an answer is, for messages: "one value", "true or false", "a list"; empty when the step
  /// gives nothing, and a mock only prints what the function would have been called with.
  std::string gives;

  /// Whether the JSON is such an answer.
  std::function<bool(bytes_view json)> fits;

  /// The operator that stands in for the step's own; `answers` may be null when `gives` is empty.
  std::function<std::unique_ptr<operator_base>(task_context&, std::shared_ptr<const mock_answers>)>
      make;
};

}  // namespace penstock
