#include "streams/record/compression.hpp"

#include <lz4frame.h>
#include <snappy.h>

#include "streams/base/random.hpp"
#include "tests/support/catch.hpp"

namespace penstock {
namespace {

constexpr std::array real_codecs{codec::gzip, codec::snappy, codec::lz4, codec::zstd};

bytes text_of(std::size_t size, std::uint64_t seed) {
  random chance{seed};
  bytes text;
  while (text.size() < size) text += chance.chance(1, 3) ? "lorem " : std::to_string(chance.next());
  text.resize(size);
  return text;
}

result<bytes> unpack(codec c, bytes_view packed, std::size_t max = 1 << 24) {
  bytes buffer;
  PENSTOCK_ASSIGN(std::size_t length, decompress(c, packed, buffer, max));
  buffer.resize(length);
  return buffer;
}

}  // namespace

TEST_CASE("every codec gives back what it got", "[record][compression]") {
  for (codec c : real_codecs) {
    for (std::size_t size : {0u, 1u, 100u, 32768u, 32769u, 1'000'000u}) {
      CAPTURE(name_of(c), size);
      bytes text = text_of(size, size);
      bytes packed = "before";
      compress(c, -1, text, packed);
      REQUIRE(packed.starts_with("before"));
      CHECK(unpack(c, bytes_view{packed}.substr(6)).value() == text);
      CHECK(unpack(c, bytes_view{packed}.substr(6), size).value() == text);
      if (size > 0)
        CHECK(unpack(c, bytes_view{packed}.substr(6), size - 1).error() == errc::corrupt);
    }
  }
}

TEST_CASE("a level is passed on to the library", "[record][compression]") {
  bytes text = text_of(200'000, 1);
  for (codec c : {codec::gzip, codec::lz4, codec::zstd}) {
    bytes quick, small;
    compress(c, 1, text, quick);
    compress(c, 9, text, small);
    CHECK(small.size() != quick.size());
    CHECK(unpack(c, small).value() == text);
  }
}

TEST_CASE("cut or damaged bytes never unpack to something longer than allowed",
          "[record][compression]") {
  random chance{7};
  for (codec c : real_codecs) {
    CAPTURE(name_of(c));
    bytes text = text_of(3000, 2);
    bytes packed;
    compress(c, -1, text, packed);
    for (std::size_t cut = 0; cut < packed.size(); ++cut) {
      auto torn = unpack(c, bytes_view{packed}.substr(0, cut), 5000);
      if (torn) REQUIRE(text.starts_with(*torn));
      if (c != codec::snappy) REQUIRE_FALSE(torn);  // whole xerial blocks may be missing
    }
    for (int i = 0; i < 5000; ++i) {
      bytes broken = packed;
      broken[chance.below(broken.size())] = static_cast<char>(chance.next());
      auto unpacked = unpack(c, broken, 5000);
      if (unpacked) REQUIRE(unpacked->size() <= 5000);
    }
  }
}

TEST_CASE("snappy is read raw and in xerial framing", "[record][compression]") {
  bytes text = text_of(100'000, 3);
  bytes raw(snappy::MaxCompressedLength(text.size()), '\0');
  std::size_t length = 0;
  snappy::RawCompress(text.data(), text.size(), raw.data(), &length);
  raw.resize(length);
  CHECK(unpack(codec::snappy, raw).value() == text);
  bytes framed;
  compress(codec::snappy, -1, text, framed);
  CHECK(framed.starts_with(bytes_view{"\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16}));
}

TEST_CASE("a snappy block that claims more than it can hold allocates nothing",
          "[record][compression]") {
  bytes buffer;
  CHECK(
      decompress(codec::snappy, bytes_view{"\xff\xff\xff\x3f\x00", 5}, buffer, 1u << 31).error() ==
      errc::corrupt);
  CHECK(buffer.empty());
}

TEST_CASE("an LZ4 frame with linked blocks and a content size is read", "[record][compression]") {
  bytes text = text_of(300'000, 4);
  LZ4F_preferences_t linked{};
  linked.frameInfo.blockMode = LZ4F_blockLinked;
  linked.frameInfo.contentSize = text.size();
  linked.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
  bytes packed(LZ4F_compressFrameBound(text.size(), &linked), '\0');
  packed.resize(
      LZ4F_compressFrame(packed.data(), packed.size(), text.data(), text.size(), &linked));
  CHECK(unpack(codec::lz4, packed).value() == text);
}

}  // namespace penstock
