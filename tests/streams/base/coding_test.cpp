#include "streams/base/coding.hpp"

#include <limits>

#include "streams/base/crc32c.hpp"
#include "tests/support/catch.hpp"

namespace penstock {

TEST_CASE("fixed numbers are big-endian", "[base][coding]") {
  bytes out;
  put_be<std::int32_t>(out, 0x01020304);
  put_be<std::int16_t>(out, -2);
  put_be<double>(out, 1.5);
  CHECK(out == bytes("\x01\x02\x03\x04\xff\xfe\x3f\xf8\0\0\0\0\0\0", 14));
  byte_reader in{out};
  CHECK(in.be<std::int32_t>() == 0x01020304);
  CHECK(in.be<std::int16_t>() == -2);
  CHECK(in.be<double>() == 1.5);
  CHECK(in.at_end());
}

TEST_CASE("varints are zig-zag and come back from every length", "[base][coding]") {
  bytes out;
  put_varint(out, -1);
  put_varint(out, 1);
  put_varint(out, 150);
  CHECK(out == bytes("\x01\x02\xac\x02"));
  for (int bit = 0; bit < 64; ++bit) {
    for (std::int64_t value :
         {std::int64_t(std::uint64_t{1} << bit), std::int64_t((std::uint64_t{1} << bit) - 1),
          -std::int64_t((std::uint64_t{1} << bit) - 1)}) {
      bytes one;
      put_varint(one, value);
      CHECK(one.size() == varint_size(value));
      byte_reader in{one};
      CHECK(in.varint() == value);
      CHECK(in.at_end());
      for (std::size_t cut = 0; cut < one.size(); ++cut) {
        byte_reader torn{bytes_view{one}.substr(0, cut)};
        torn.varint();
        CHECK_FALSE(torn.ok());
      }
    }
  }
}

TEST_CASE("a varint of more than 64 bits is refused", "[base][coding]") {
  byte_reader ten{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"};
  ten.uvarint();
  CHECK_FALSE(ten.ok());
  byte_reader eleven{bytes_view{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11}};
  eleven.uvarint();
  CHECK_FALSE(eleven.ok());
  bytes wide;
  put_varint(wide, std::int64_t{1} << 31);
  byte_reader narrow{wide};
  narrow.varint32();
  CHECK_FALSE(narrow.ok());
}

TEST_CASE("reading past the end is remembered", "[base][coding]") {
  byte_reader in{"abc"};
  CHECK(in.take(2) == "ab");
  CHECK(in.be<std::int32_t>() == 0);
  CHECK_FALSE(in.ok());
  CHECK(in.left() == 0);
  CHECK(in.take(1).empty());
  CHECK(in.uvarint() == 0);
  CHECK(byte_reader{bytes_view{}}.at_end());
  byte_reader huge{"abc"};
  huge.take(std::numeric_limits<std::uint64_t>::max());
  CHECK_FALSE(huge.ok());
}

TEST_CASE("crc32c gives the vectors of RFC 3720", "[base][crc]") {
  CHECK(crc32c("123456789") == 0xE3069283u);
  CHECK(crc32c(bytes(32, '\0')) == 0x8A9136AAu);
  CHECK(crc32c(bytes(32, '\xff')) == 0x62A8AB43u);
  CHECK(crc32c("") == 0u);
  CHECK(crc32c("6789", crc32c("12345")) == 0xE3069283u);
}

}  // namespace penstock
