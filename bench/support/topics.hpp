// Durable topics that a benchmark fills before it measures a job, and text to fill them with.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace penstock::bench {

/// Calls `f` with each line, without its newline.
template <class F>
void each_line(std::string_view text, F&& f) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    f(text.substr(0, end));
    text.remove_prefix(std::min(end, text.size() - 1) + 1);
  }
}

/// Writes the lines into the topic of that name in a new data directory.
void fill_topic(const std::string& directory, const std::string& topic, std::string_view text);

}  // namespace penstock::bench
