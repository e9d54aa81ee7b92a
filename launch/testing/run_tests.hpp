// `--test FILE`: runs the tests of files against a plan, in memory and on virtual time, and prints
// what came of them.
#pragma once

#include <string>
#include <vector>

#include "launch/testing/comparison.hpp"
#include "launch/testing/test_file.hpp"

namespace penstock::testing {

/// One expectation that did not hold.
struct test_failure {
  place at;
  std::string what;
  std::vector<diff_line> lines;
};

/// Runs one test; empty when everything is as expected.
std::vector<test_failure> run_test(const plan& p, const test_case& test);

/// Runs every test of the files and prints one line for each, and what differs, to standard output
/// (with `as_json` one JSON document). Returns the process's exit status: 0, 1 when a test failed,
/// 2 when a file is wrong, which is said on standard error before any test has run.
int run_test_files(const plan& p, const std::vector<std::string>& paths, bool as_json);

}  // namespace penstock::testing
