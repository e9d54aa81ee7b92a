// The `mocks` of a test file: what a step's function is said to give.
#pragma once

#include "launch/testing/test_file.hpp"

namespace penstock::testing {

/// One mock per step that `node` names; throws wrong_file.
std::vector<mocked_step> mocks_in(const YAML::Node& node, const plan& p);

/// The plan with the functions of these steps replaced.
plan with_mocks(const plan& p, const std::vector<mocked_step>& mocks);

}  // namespace penstock::testing
