// Stands in for a step with a user's function while a pipeline is tested: gives what the test says.
// Made through `step::mock`; never part of a running job.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "streams/operators/ends.hpp"
#include "streams/operators/stateless.hpp"
#include "streams/plan/mock.hpp"
#include "streams/record/serde_json.hpp"

namespace penstock::detail {

enum class mock_shape : std::uint8_t { value, range, filter };

/// A type whose JSON a test can write down and this program can make a value of.
template <class T>
concept mockable =
    has_json<owned_t<T>> && std::default_initializable<owned_t<T>> && std::constructible_from < T,
        const owned_t<T>
& > ;

template <class T>
void append_json_or_null(const T& value, bytes& to) {
  if constexpr (has_json<T>) {
    encode_json(value, to);
  } else {
    to += "null";
  }
}

/// `Given` is what an answer holds, `VOut` what leaves the step.
template <class K, class V, class VOut, class Given, mock_shape shape>
class mock_operator final : public typed_operator<K, V, K, VOut> {
 public:
  mock_operator(task_context& task, std::shared_ptr<const mock_answers> answers)
      : typed_operator<K, V, K, VOut>(task), answers_(std::move(answers)) {}

  void on_record(const K& key, const V& value, record_context& context) override {
    key_.clear();
    value_.clear();
    append_json_or_null(key, key_);
    append_json_or_null(value, value_);
    const auto answer = answers_->answer(key_, value_);
    Given given{};
    if (!answer) {
      this->task_.bad_record(this->self_, context, answer.error().message());
    } else if (!decode_json(*answer, given)) {
      this->task_.bad_record(this->self_, context, "the mock's answer is of another type");
    } else if constexpr (shape == mock_shape::filter) {
      if (given) this->out_(key, value, context);
    } else if constexpr (shape == mock_shape::range) {
      for (const auto& one : given) this->out_(key, VOut(one), context);
    } else {
      this->out_(key, VOut(given), context);
    }
  }

 private:
  std::shared_ptr<const mock_answers> answers_;
  bytes key_;
  bytes value_;
};

template <class K, class V, class VOut, class Given, mock_shape shape>
std::shared_ptr<const step_mock> make_mock(const char* gives) {
  auto mock = std::make_shared<step_mock>();
  mock->gives = gives;
  mock->fits = [](bytes_view json) {
    Given given{};
    return decode_json(json, given);
  };
  mock->make = [](task_context& task, std::shared_ptr<const mock_answers> answers) {
    auto op = std::make_unique<mock_operator<K, V, VOut, Given, shape>>(task, std::move(answers));
    task.input<K, V>().add(*op);
    return std::unique_ptr<operator_base>{std::move(op)};
  };
  return mock;
}

/// Of a step that gives a T.
template <class K, class V, class T>
std::shared_ptr<const step_mock> mock_of_value() {
  if constexpr (mockable<T>) {
    return make_mock<K, V, T, owned_t<T>, mock_shape::value>("one value");
  } else {
    return nullptr;
  }
}

/// Of a step that gives a range of T.
template <class K, class V, class T>
std::shared_ptr<const step_mock> mock_of_range() {
  if constexpr (mockable<T>) {
    return make_mock<K, V, T, std::vector<owned_t<T>>, mock_shape::range>("a list");
  } else {
    return nullptr;
  }
}

template <class K, class V>
std::shared_ptr<const step_mock> mock_of_filter() {
  return make_mock<K, V, V, bool, mock_shape::filter>("true or false");
}

/// Of a step that calls the outside world and gives nothing: prints the record instead.
template <class K, class V>
std::shared_ptr<const step_mock> mock_that_prints() {
  if constexpr ((has_json<K> || !key_type<K>)&&has_json<V>) {
    auto mock = std::make_shared<step_mock>();
    mock->make = [](task_context& task, const std::shared_ptr<const mock_answers>&) {
      auto op = std::make_unique<print_operator<K, V>>(task);
      task.input<K, V>().add(*op);
      return std::unique_ptr<operator_base>{std::move(op)};
    };
    return mock;
  } else {
    return nullptr;
  }
}

}  // namespace penstock::detail
