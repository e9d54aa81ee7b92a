#include "streams/base/nearest.hpp"

#include <algorithm>

namespace penstock {

namespace {

std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest(const std::string& wanted, const std::vector<std::string>& known) {
  std::string best;
  // Something of it must be left: any letter is one step from any other.
  const auto far = std::max(std::min<std::size_t>(3, wanted.size()), 1 + wanted.size() / 3);
  std::size_t best_distance = wanted.empty() ? 0 : far;
  for (const auto& name : known) {
    // A name cut short counts as near, whatever its length.
    const bool begins = wanted.size() >= 3 && name.starts_with(wanted);
    const auto away = begins ? 1 : distance(wanted, name);
    if (away < best_distance) {
      best = name;
      best_distance = away;
    }
  }
  return best;
}

}  // namespace penstock
