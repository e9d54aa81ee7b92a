#include "launch/testing/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "streams/record/written_time.hpp"

namespace penstock::testing {

namespace {

using nlohmann::json;

constexpr std::size_t aligned_max = 4'000'000;  // cells of the table that aligns two lists
constexpr std::size_t lines_max = 60;           // of a difference

bool looks_like_time(const std::string& text) {
  return text.size() >= 16 && text[4] == '-' && text[7] == '-' && text[13] == ':';
}

bool same_text(const std::string& wanted, const std::string& found) {
  if (wanted == found) return true;
  if (!looks_like_time(wanted) || !looks_like_time(found)) return false;
  const auto a = written_time(wanted);
  return a && a == written_time(found);
}

// A member of an element that need not be named, and is then not looked at.
template <class Same>
bool same_if_wanted(const json& wanted, const json& found, const char* name, Same&& same) {
  const auto w = wanted.find(name);
  if (w == wanted.end()) return true;
  const auto f = found.find(name);
  return same(*w, f == found.end() ? json{} : *f);
}

bool same_item(listed kind, bool subset, const json& wanted, const json& found) {
  if (kind == listed::printed) {
    const auto& line = found.get_ref<const std::string&>();
    const auto& text = wanted.get_ref<const std::string&>();
    return subset ? line.find(text) != std::string::npos : line == text;
  }
  const auto equal = [&](const json& w, const json& f) { return same_value(w, f, subset); };
  const auto some_fields = [](const json& w, const json& f) { return same_value(w, f, true); };
  const auto some_text = [](const json& w, const json& f) {
    return w.is_string() && f.is_string() &&
           f.get_ref<const std::string&>().find(w.get_ref<const std::string&>()) !=
               std::string::npos;
  };
  bool same =
      same_if_wanted(wanted, found, "key", equal) && same_if_wanted(wanted, found, "value", equal);
  if (kind == listed::records) {
    return same && same_if_wanted(wanted, found, "at", equal) &&
           same_if_wanted(wanted, found, "headers", some_fields);
  }
  same = same && same_if_wanted(wanted, found, "reason", some_text);
  for (const char* name : {"step", "topic", "partition", "offset"}) {
    same = same && same_if_wanted(wanted, found, name, equal);
  }
  return same;
}

/// Which found element each wanted one got, -1 for none: as many as can be, each once.
std::vector<int> assign(std::size_t wanted, std::size_t found,
                        const std::function<bool(std::size_t, std::size_t)>& fits) {
  std::vector<int> taken_by(found, -1);
  std::vector<char> tried;
  std::function<bool(std::size_t)> place_one = [&](std::size_t w) {
    for (std::size_t f = 0; f < found; ++f) {
      if (tried[f] != 0 || !fits(w, f)) continue;
      tried[f] = 1;
      if (taken_by[f] < 0 || place_one(static_cast<std::size_t>(taken_by[f]))) {
        taken_by[f] = static_cast<int>(w);
        return true;
      }
    }
    return false;
  };
  std::vector<int> got(wanted, -1);
  for (std::size_t w = 0; w < wanted; ++w) {
    // The usual case first: the same place, or the first that is free.
    for (std::size_t n = 0; n <= found && got[w] < 0; ++n) {
      const std::size_t f = n == 0 ? w : n - 1;
      if (f < found && taken_by[f] < 0 && fits(w, f)) {
        taken_by[f] = static_cast<int>(w);
        got[w] = static_cast<int>(f);
      }
    }
    if (got[w] >= 0) continue;
    tried.assign(found, 0);
    place_one(w);
  }
  std::fill(got.begin(), got.end(), -1);
  for (std::size_t f = 0; f < found; ++f) {
    if (taken_by[f] >= 0) got[static_cast<std::size_t>(taken_by[f])] = static_cast<int>(f);
  }
  return got;
}

using side = diff_line::side;

void cut(std::vector<diff_line>& lines) {
  if (lines.size() <= lines_max) return;
  const auto more = lines.size() - lines_max;
  lines.resize(lines_max);
  lines.push_back({side::both, fmt::format("… and {} more", more)});
}

/// What one has to take out and put in, by the longest common part.
std::vector<diff_line> aligned(std::size_t wanted, std::size_t found,
                               const std::function<bool(std::size_t, std::size_t)>& same,
                               const std::function<std::string(std::size_t)>& wanted_text,
                               const std::function<std::string(std::size_t)>& found_text) {
  std::size_t start = 0;
  while (start < wanted && start < found && same(start, start)) ++start;
  const std::size_t w = wanted - start;
  const std::size_t f = found - start;
  std::vector<diff_line> lines;
  if (start > 3) lines.push_back({side::both, fmt::format("… {} as expected", start - 3)});
  for (std::size_t i = start > 3 ? start - 3 : 0; i < start; ++i)
    lines.push_back({side::both, found_text(i)});
  const bool too_many = (w + 1) * (f + 1) > aligned_max;
  std::vector<std::uint32_t> common(too_many ? 0 : (w + 1) * (f + 1), 0);
  const auto at = [&](std::size_t i, std::size_t j) -> std::uint32_t& {
    return common[i * (f + 1) + j];
  };
  for (std::size_t i = w; !too_many && i-- > 0;) {
    for (std::size_t j = f; j-- > 0;) {
      at(i, j) =
          same(start + i, start + j) ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
    }
  }
  std::size_t i = 0;
  std::size_t j = 0;
  while ((i < w || j < f) && lines.size() <= lines_max + 1) {
    if (i < w && j < f && same(start + i, start + j)) {
      lines.push_back({side::both, found_text(start + j++)});
      ++i;
    } else if (i < w && (j == f || too_many || at(i + 1, j) >= at(i, j + 1))) {
      lines.push_back({side::expected, wanted_text(start + i++)});
    } else {
      lines.push_back({side::found, found_text(start + j++)});
    }
  }
  if (i < w || j < f) {
    lines.push_back(
        {side::both, fmt::format("… and {} more expected, {} more found", w - i, f - j)});
  }
  return lines;
}

}  // namespace

bool same_value(const json& wanted, const json& found, bool subset) {
  if (wanted.is_string() && found.is_string()) {
    return same_text(wanted.get_ref<const std::string&>(), found.get_ref<const std::string&>());
  }
  if (wanted.is_structured() && found.is_string()) {
    const auto inside = json::parse(found.get_ref<const std::string&>(), nullptr, false);
    return !inside.is_discarded() && inside.is_structured() && same_value(wanted, inside, subset);
  }
  if (wanted.is_array() && found.is_array()) {
    return std::equal(wanted.begin(), wanted.end(), found.begin(), found.end(),
                      [&](const json& w, const json& f) { return same_value(w, f, subset); });
  }
  if (wanted.is_object() && found.is_object()) {
    if (!subset && wanted.size() != found.size()) return false;
    for (auto one = wanted.begin(); one != wanted.end(); ++one) {
      const auto there = found.find(one.key());
      if (there == found.end() || !same_value(one.value(), *there, subset)) return false;
    }
    return true;
  }
  return wanted == found;
}

std::string written(listed kind, const json& item) {
  const auto dump = [](const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
  };
  if (kind == listed::printed) return dump(item);
  std::string all = "{";
  for (const char* name :
       {"key", "value", "at", "headers", "reason", "step", "topic", "partition", "offset"}) {
    const auto found = item.find(name);
    if (found == item.end()) continue;
    if (all.size() > 1) all += ", ";
    all += fmt::format("{}: {}", name, dump(*found));
  }
  return all + "}";
}

std::vector<diff_line> difference(listed kind, list_order order,
                                  const std::vector<expected_item>& wanted,
                                  const std::vector<json>& found) {
  const bool subset = order == list_order::contains;
  const auto same = [&](std::size_t w, std::size_t f) {
    return same_item(kind, subset, wanted[w].what, found[f]);
  };
  // Only what some expectation looks at is shown, so that both sides look alike.
  const auto found_text = [&](std::size_t f) {
    json shown = found[f];
    for (const char* name : {"at", "headers", "topic", "partition", "offset"}) {
      if (!shown.is_object()) break;
      const bool used = std::any_of(wanted.begin(), wanted.end(),
                                    [&](const auto& one) { return one.what.contains(name); });
      if (!used) shown.erase(name);
    }
    if (shown.is_object() && shown.contains("key") && shown["key"].is_null()) shown.erase("key");
    return written(kind, shown);
  };
  const auto wanted_text = [&](std::size_t w) { return written(kind, wanted[w].what); };

  if (order == list_order::in_order) {
    bool fine = wanted.size() == found.size();
    for (std::size_t i = 0; fine && i < wanted.size(); ++i) fine = same(i, i);
    if (fine) return {};
    return aligned(wanted.size(), found.size(), same, wanted_text, found_text);
  }
  const auto got = assign(wanted.size(), found.size(), same);
  std::vector<diff_line> lines;
  std::vector<char> used(found.size(), 0);
  for (std::size_t w = 0; w < wanted.size(); ++w) {
    if (got[w] < 0) {
      lines.push_back({side::expected, wanted_text(w)});
    } else {
      used[static_cast<std::size_t>(got[w])] = 1;
    }
  }
  if (subset && lines.empty()) return {};
  for (std::size_t f = 0; f < found.size(); ++f) {
    if (used[f] == 0) lines.push_back({side::found, found_text(f)});
  }
  cut(lines);
  return lines;
}

}  // namespace penstock::testing
