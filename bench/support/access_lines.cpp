#include "bench/support/access_lines.hpp"

#include <fmt/format.h>

namespace penstock::bench {

std::string clock_of(std::size_t i) {
  return fmt::format("{:02}:{:02}:{:02}", i / 3600 % 24, i / 60 % 60, i % 60);
}

std::string address(random& chance) {
  return fmt::format("{}.{}.{}.{}", 1 + chance.below(223), chance.below(256), chance.below(256),
                     chance.below(256));
}

std::string word(random& chance, std::size_t least, std::size_t more) {
  std::string made(least + chance.below(more), ' ');
  for (char& c : made) c = static_cast<char>('a' + static_cast<char>(chance.below(26)));
  return made;
}

lines_of access_log(std::size_t count) {
  random chance{3};
  lines_of made;
  for (std::size_t i = 0; i < count; ++i) {
    made.push_back(fmt::format(
        "{} - - [17/May/2015:{} +0000] \"GET /{}/{}/{}.png?a={} HTTP/1.1\" {} {} "
        "\"http://{}.example.com/{}/\" \"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) "
        "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.77 Safari/537.36\"",
        address(chance), clock_of(i), word(chance, 5, 10), word(chance, 5, 10), word(chance, 3, 8),
        chance.below(100), chance.chance(1, 20) ? 503 : 200, chance.below(200'000),
        word(chance, 5, 10), word(chance, 5, 20)));
  }
  return made;
}

}  // namespace penstock::bench
