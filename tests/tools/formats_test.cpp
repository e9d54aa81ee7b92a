#include "tools/penstock/formats.hpp"

#include <map>
#include <tuple>

#include "streams/record/value_format.hpp"
#include "tests/support/catch.hpp"
#include "tools/penstock/output.hpp"
#include "tools/penstock/record_format.hpp"
#include "tools/penstock/topics.hpp"

namespace {

struct place {
  std::string city;
  std::optional<std::uint32_t> zip;
};
PENSTOCK_FIELDS(place, city, zip);

struct purchase {
  std::string item;
  std::int32_t count = 0;
  double price = 0;
  bool paid = false;
  penstock::timestamp at{};
  std::vector<std::string> tags;
  std::map<std::string, std::uint64_t> totals;
  place to;
};
PENSTOCK_FIELDS(purchase, item, count, price, paid, at, tags, totals, to);

}  // namespace

using namespace penstock;
using namespace penstock::tool;
using test::contains;

namespace {

template <class T>
bytes encoded_as_binary(const T& value) {
  bytes out;
  serde<T>::encode(value, out);
  return out;
}

// What the tool shows of a value that a program wrote, and that it makes the same bytes of it.
template <class T>
std::string shown(const T& value) {
  const rendering as{value_format<T>{format::binary}.name()};
  const auto written = encoded_as_binary(value);
  bytes text;
  as.to_text(written, text);
  bytes back;
  const auto parsed = as.from_text(text, back);
  INFO(text);
  REQUIRE(parsed.has_value());
  CHECK(back == written);
  return text;
}

std::string as_json(const std::string& format, bytes_view value) {
  bytes out;
  rendering{format}.to_json(value, out);
  return out;
}

}  // namespace

TEST_CASE("the columns of a table stand below each other whatever is in them", "[tool]") {
  penstock::tool::table rows{{"NAME", "COUNT"}};
  rows.add({"Zoë…", "1"});
  rows.add({"a long one", "22"});
  penstock::bytes text;
  rows.print(text);
  CHECK(text == "NAME        COUNT\nZoë…            1\na long one     22\n");
}

TEST_CASE("scalars that programs write are shown and typed in plainly", "[tools][formats]") {
  CHECK(shown(std::uint8_t{200}) == "200");
  CHECK(shown(std::int16_t{-5}) == "-5");
  CHECK(shown(std::int32_t{-70'000}) == "-70000");
  CHECK(shown(std::uint64_t{18'446'744'073'709'551'615ull}) == "18446744073709551615");
  CHECK(shown(std::int64_t{-9'223'372'036'854'775'807}) == "-9223372036854775807");
  CHECK(shown(0.1) == "0.1");
  CHECK(shown(2.5f) == "2.5");
  CHECK(shown(true) == "true");
  CHECK(shown(std::string{"plain \t text"}) == "plain \t text");
  CHECK(shown(from_millis(1'772'366'400'250)) == "2026-03-01T12:00:00.250Z");
  CHECK(shown(duration{1500}) == "1500");
}

TEST_CASE("composed values that programs write are shown and typed in as JSON",
          "[tools][formats]") {
  CHECK(shown(std::vector<std::uint32_t>{1, 2, 3}) == "[1,2,3]");
  CHECK(shown(std::vector<std::string>{"a", "b\"c"}) == R"(["a","b\"c"])");
  CHECK(shown(std::map<std::string, std::uint64_t>{{"x", 1}, {"y", 2}}) == R"({"x":1,"y":2})");
  CHECK(shown(std::tuple<std::string, std::int32_t>{"a", -1}) == R"(["a",-1])");
  CHECK(shown(std::vector<std::optional<std::uint32_t>>{1, std::nullopt}) == "[1,null]");
  purchase one{"pear", 3, 0.25, true, from_millis(0), {"ripe"}, {{"all", 9}}, {"Ulm", 89073}};
  CHECK(shown(one) ==
        R"({"item":"pear","count":3,"price":0.25,"paid":true,"at":"1970-01-01T00:00:00.000Z",)"
        R"("tags":["ripe"],"totals":{"all":9},"to":{"city":"Ulm","zip":89073}})");
  one.to.zip.reset();
  CHECK_THAT(shown(one), contains(R"("to":{"city":"Ulm"}})"));
}

TEST_CASE("bytes that are no such value are shown escaped, and as base64 in JSON",
          "[tools][formats]") {
  bytes text;
  rendering{"binary:u64"}.to_text("ab\x01\\", text);
  CHECK(text == R"(ab\x01\\)");
  CHECK(as_json("binary:u64", "ab") == R"({"base64":"YWI="})");
  CHECK(as_json("somebody's own", "abc") == R"({"base64":"YWJj"})");
}

TEST_CASE("every truncation and every flipped bit of a value is shown somehow",
          "[tools][formats]") {
  const purchase one{"pear", 3, 0.25, true, from_millis(0), {"ripe"}, {{"all", 9}}, {"Ulm", 1}};
  const rendering as{value_format<purchase>{format::binary}.name()};
  const auto written = encoded_as_binary(one);
  bytes out;
  for (std::size_t size = 0; size < written.size(); ++size) {
    as.to_text(bytes_view{written}.substr(0, size), out);
    as.to_json(bytes_view{written}.substr(0, size), out);
  }
  for (std::size_t bit = 0; bit < written.size() * 8; ++bit) {
    auto damaged = written;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    as.to_text(damaged, out);
    as.to_json(damaged, out);
  }
  CHECK(out.size() > written.size());
}

TEST_CASE("what somebody types must be of the topic's format", "[tools][formats]") {
  const auto refused = [](const std::string& format, const std::string& typed) {
    bytes out;
    const auto parsed = rendering{format}.from_text(typed, out);
    INFO(format << " " << typed);
    REQUIRE_FALSE(parsed.has_value());
    return parsed.error();
  };
  CHECK(refused("binary:u8", "256").code() == errc::bad_record);
  CHECK(refused("binary:i8", "-129").code() == errc::bad_record);
  CHECK(refused("binary:u64", "-1").code() == errc::bad_record);
  CHECK(refused("binary:u64", "").code() == errc::bad_record);
  CHECK(refused("binary:u64", "1 ").code() == errc::bad_record);
  CHECK(refused("binary:bool", "yes").code() == errc::bad_record);
  CHECK(refused("binary:f64", "1,5").code() == errc::bad_record);
  CHECK(refused("binary:timestamp", "today").code() == errc::bad_record);
  CHECK(refused("binary:list<u8>", "[1,2,300]").code() == errc::bad_record);
  CHECK(refused("binary:struct{a:u8}", R"({"a":1,"b":2})").code() == errc::bad_record);
  CHECK(refused("binary:tuple<u8,u8>", "[1]").code() == errc::bad_record);
  CHECK(refused("json", "{").code() == errc::bad_record);
  CHECK(refused("somebody's own", "x").code() == errc::type_mismatch);
}

TEST_CASE("names of formats are checked to their end", "[tools][formats]") {
  for (const auto* good : {"text", "json", "binary:u64", "binary:string", "binary:list<list<u8>>",
                           "binary:map<string,struct{a:u8,7=b:optional<f32>}>"}) {
    CHECK(check_format(good).has_value());
  }
  for (const auto* wrong : {"", "Text", "binary:", "binary:u63", "binary:u64x", "binary:list<u8",
                            "binary:map<u8>", "binary:struct{a}", "binary:optional<>", "avro"}) {
    INFO(wrong);
    CHECK_FALSE(check_format(wrong).has_value());
  }
  std::string deep = "binary:";
  for (int i = 0; i < 1000; ++i) deep += "list<";
  CHECK_FALSE(check_format(deep).has_value());
}

TEST_CASE("times are read as people write them", "[tools]") {
  const auto millis = [](const std::string& text) {
    const auto time = parse_time("--time", text);
    return time ? to_millis(*time) : -1;
  };
  CHECK(millis("0") == 0);
  CHECK(millis("1772366400000") == 1'772'366'400'000);
  CHECK(millis("2026-03-01") == 1'772'323'200'000);
  CHECK(millis("2026-03-01T12:00Z") == 1'772'366'400'000);
  CHECK(millis("2026-03-01 12:00:00") == 1'772'366'400'000);
  CHECK(millis("2026-03-01T12:00:00.250Z") == 1'772'366'400'250);
  CHECK(millis("2026-03-01T13:30:00+01:30") == 1'772'366'400'000);
  CHECK(millis("2026-03-01T07:00:00-0500") == 1'772'366'400'000);
  for (const auto* wrong : {"", "-5", "2026-13-01", "2026-02-30", "2026-03-01T25:00Z",
                            "2026-03-01T12", "2026-03-01T12:00:00.", "2026-03-01T12:00X"}) {
    INFO(wrong);
    CHECK(millis(wrong) == -1);
  }
}

TEST_CASE("the nearest known name is offered when it is near", "[tools]") {
  const std::vector<std::string> known{"orders", "customers", "word-counts"};
  CHECK(nearest("ordres", known) == "orders");
  CHECK(nearest("order", known) == "orders");
  CHECK(nearest("word", known) == "word-counts");
  CHECK(nearest("xyz", known).empty());
  CHECK(nearest("a", known).empty());
}

TEST_CASE("escapes in formats are resolved, and wrong ones named", "[tools]") {
  const auto text = unescape("--format", R"(a\tb\n\\\x41)");
  REQUIRE(text.has_value());
  CHECK(*text == "a\tb\n\\A");
  for (const auto* wrong : {"\\", "\\q", "\\x4", "\\xzz"}) {
    INFO(wrong);
    CHECK_FALSE(unescape("--format", wrong).has_value());
  }
}

TEST_CASE("tables put numbers to the right and words to the left", "[tools]") {
  table rows{{"NAME", "SIZE"}};
  rows.add({"a", "5"});
  rows.add({"longer", "1234"});
  bytes out;
  rows.print(out);
  CHECK(out ==
        "NAME    SIZE\n"
        "a          5\n"
        "longer  1234\n");
}
