// Lines of access logs for the benchmarks that read them. Everything follows from fixed seeds.
#pragma once

#include <string>
#include <vector>

#include "streams/base/random.hpp"

namespace penstock::bench {

using lines_of = std::vector<std::string>;

/// The time of day of the i-th second, an address, and a word of `least` letters and fewer than
/// `more` others: what made lines consist of.
std::string clock_of(std::size_t i);
std::string address(random& chance);
std::string word(random& chance, std::size_t least, std::size_t more);

/// As long as the lines of a public web site: about 230 bytes. One in twenty fails.
lines_of access_log(std::size_t count);

}  // namespace penstock::bench
