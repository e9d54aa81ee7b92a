// A file of tests for one pipeline, read and checked against the plan: every name in it is known,
// every record is in the format of its topic. docs/guide/testing.md describes the file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "dsl/test_driver.hpp"
#include "launch/testing/comparison.hpp"
#include "launch/testing/topic_ends.hpp"

namespace penstock::testing {

struct fed_record {
  std::optional<bytes> key;
  std::optional<bytes> value;
  std::optional<timestamp> time;
  std::vector<record_header> headers;
};

/// Records into a topic, or lines for a source, which may make events of them.
struct feed_step {
  std::string topic;
  std::string source;  // empty: straight into the topic
  std::vector<fed_record> records;
};
struct advance_to_step {
  timestamp to;
};
struct advance_by_step {
  duration by;
};
enum class plain_step : std::uint8_t { close_windows, restart, commit };

/// A list that the pipeline wrote since it was last looked at.
struct expected_list {
  place at;
  listed kind = listed::records;
  std::string topic;  // of records
  std::optional<std::uint64_t> count;
  std::optional<list_order> order;
  std::vector<expected_item> items;
};
struct expected_counter {
  place at;
  std::string name;
  std::uint64_t value = 0;
};
struct expect_step {
  std::vector<expected_list> lists;
  std::vector<expected_counter> counters;
};

struct test_step {
  place at;
  std::variant<feed_step, advance_to_step, advance_by_step, plain_step, expect_step> what;
};

struct mocked_step {
  step_id step = 0;
  std::shared_ptr<const mock_answers> answers;
};

struct test_case {
  place at;
  std::string name;
  test_options options;
  std::vector<mocked_step> mocks;
  std::vector<test_step> steps;
  std::optional<expected_item> stops;  // the job must stop with a reason that contains this text
};

struct test_file {
  std::string path;
  std::vector<test_case> tests;
};

/// The tests of a file. `not_found` and `io_error` for a file that cannot be read;
/// `invalid_argument` with file, line, column and remedy for one that is wrong.
result<test_file> read_test_file(const std::string& path, const plan& p);

}  // namespace penstock::testing
