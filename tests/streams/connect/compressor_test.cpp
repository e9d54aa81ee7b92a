#include "streams/connect/compressor.hpp"

#include "streams/base/random.hpp"
#include "streams/record/compression.hpp"
#include "tests/support/catch.hpp"

namespace penstock {
namespace {

TEST_CASE("what was compressed in pieces is what was put in", "[connect]") {
  for (const auto with : {codec::gzip, codec::zstd}) {
    random chance{11};
    bytes whole, packed;
    file_compressor pack{with};
    for (int i = 0; i < 50; ++i) {
      bytes piece(chance.below(20'000), 'a');
      for (auto& c : piece) c = static_cast<char>('a' + chance.below(4));
      whole += piece;
      REQUIRE(pack.add(piece, packed));
    }
    REQUIRE(pack.finish(packed));
    CHECK(packed.size() < whole.size() / 2);
    bytes back;
    const auto size = decompress(with, packed, back, whole.size() + 1);
    REQUIRE(size);
    CHECK(bytes_view{back}.substr(0, *size) == whole);
  }
}

TEST_CASE("nothing compresses to an empty file of the format", "[connect]") {
  for (const auto with : {codec::gzip, codec::zstd}) {
    bytes packed, back;
    file_compressor pack{with};
    REQUIRE(pack.finish(packed));
    CHECK_FALSE(packed.empty());
    const auto size = decompress(with, packed, back, 10);
    REQUIRE(size);
    CHECK(*size == 0);
  }
}

}  // namespace
}  // namespace penstock
