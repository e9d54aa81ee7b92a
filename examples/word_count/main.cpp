// Counts the words of topic `log-lines` into topic `word-counts`.
#include <penstock/penstock.hpp>

#include <algorithm>
#include <string>
#include <vector>

using namespace penstock;

const topic<no_key, std::string> lines{"log-lines", format::text};
const topic<std::string, std::uint64_t> counts{"word-counts"};

// What `tr -s ' ' '\n'` makes of a line: the longest runs without a space, whatever is in them.
std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < line.size();) {
    const auto end = std::min(line.find(' ', at), line.size());
    if (end > at) words.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

topology build() {
  topology t{"word-count"};
  t.from(lines)
      .flat_map("split", words_of)
      .key_by("by-word", [](const std::string& word) { return word; })
      .count("counts")
      .to(counts);
  return t;
}

int main(int argc, char** argv) {
  return run(build(), argc, argv);
}
