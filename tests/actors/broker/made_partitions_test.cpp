#include "actors/broker/made_partitions.hpp"

#include <fmt/format.h>

#include "streams/base/crc32c.hpp"
#include "tests/support/catch.hpp"

namespace penstock {
namespace {

made_partitions some() {
  topic_id first, second;
  for (std::size_t i = 0; i < first.bytes.size(); ++i)
    first.bytes[i] = static_cast<std::uint8_t>(i * 17);
  second.bytes[15] = 1;
  return made_partitions{{{first, {"orders", 3}}, {second, {"words-counts-changelog", 12}}}};
}

}  // namespace

TEST_CASE("the list of made partitions is as docs/formats/log-folder.md shows it", "[node]") {
  const bytes text =
      "penstock partitions 1\n"
      "00000000000000000000000000000001 12 words-counts-changelog\n"
      "00112233445566778899aabbccddeeff 3 orders\n"
      "crc e48aca26\n";
  CHECK(encode(some()) == text);
  CHECK(decode_made_partitions(text, "x").value() == some());
  CHECK(some().has(some().all().rbegin()->first, 2));
  CHECK_FALSE(some().has(some().all().rbegin()->first, 3));
}

TEST_CASE("a damaged list of made partitions is told from a newer one", "[node]") {
  const bytes text = encode(some());
  for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
    bytes flipped = text;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    REQUIRE(decode_made_partitions(flipped, "x").error() == errc::corrupt);
  }
  for (std::size_t cut = 0; cut < text.size(); ++cut)
    REQUIRE(decode_made_partitions(text.substr(0, cut), "x").error() == errc::corrupt);
  const bytes newer = "penstock partitions 2\nwhatever\n";
  CHECK(decode_made_partitions(newer + fmt::format("crc {:08x}\n", crc32c(newer)), "x").error() ==
        errc::unsupported_version);
}

}  // namespace penstock
