#include "streams/record/serde.hpp"

#include <cmath>

#include "streams/base/random.hpp"
#include "streams/record/type_name.hpp"
#include "streams/record/value_format.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/format_page.hpp"

namespace penstock::test {
namespace {

enum class color : std::uint8_t { red, green };

struct part {
  std::string name;
  std::int16_t size = -1;
  friend bool operator==(const part&, const part&) = default;
};
PENSTOCK_FIELDS(part, name, size);

struct all_types {
  bool flag = true;
  std::int64_t number = 0;
  double ratio = 0;
  std::string text;
  std::optional<std::uint32_t> maybe;
  std::vector<part> parts;
  std::map<std::string, std::int32_t> by_name;
  std::pair<std::string, std::uint8_t> both;
  std::tuple<bool, std::string> few;
  timestamp when{};
  duration wait{};
  color paint = color::red;
  part inner;
  std::vector<bool> flags;
  std::optional<part> maybe_part;
  std::vector<std::optional<std::string>> names;
  friend bool operator==(const all_types&, const all_types&) = default;
};
PENSTOCK_FIELDS(all_types, flag, number, ratio, text, maybe, parts, by_name, both, few, when, wait,
                paint, inner, flags, maybe_part, names);

all_types sample() {
  all_types x;
  x.flag = false;
  x.number = -5'000'000'000;
  x.ratio = 0.1;
  x.text = std::string(200, 'x') + "\n\"\\ \xc3\xa9";
  x.maybe = 7;
  x.parts = {{"a", 1}, {"", -32768}};
  x.by_name = {{"one", 1}, {"two", -2}};
  x.both = {"left", 255};
  x.few = {true, "right"};
  x.when = from_millis(1'600'000'000'123);
  x.wait = 90s;
  x.paint = color::green;
  x.inner = {"inner", 3};
  x.flags = {true, false, true};
  x.maybe_part = part{"maybe", 9};
  x.names = {"x", std::nullopt, ""};
  return x;
}

template <class T>
bytes binary(const T& value) {
  bytes to;
  serde<T>::encode(value, to);
  return to;
}

template <class T>
std::optional<T> decoded(bytes_view from, T into = {}) {
  if (!serde<T>::decode(from, into, 0)) return std::nullopt;
  return into;
}

struct hit_v1 {
  std::string path;
  std::uint64_t hits = 0;
};
PENSTOCK_FIELDS(hit_v1, path, hits);

TEST_CASE("every kind of value comes back from its bytes", "[record][serde]") {
  const all_types x = sample();
  CHECK(decoded<all_types>(binary(x)) == x);
  CHECK(decoded<all_types>(binary(all_types{})) == all_types{});
  // What was in the object before does not shine through.
  CHECK(decoded<all_types>(binary(all_types{}), x) == all_types{});
  CHECK(decoded<all_types>("", x) == all_types{});
}

TEST_CASE("the worked example of the page is what is written", "[record][serde]") {
  bytes all = binary<std::int16_t>(300);
  all += binary(1.5);
  all += binary(std::string{"/a"});
  all += binary(timestamp{std::chrono::sys_days{std::chrono::year{2024} / 1 / 1}});
  all += binary(std::vector<std::string>{"/a", "b"});
  all += binary(std::vector<std::uint16_t>{1, 2, 3});
  all += binary(std::optional<std::uint8_t>{7});
  all += binary(std::optional<std::uint8_t>{});
  all += binary(std::tuple<std::uint16_t, std::string>{5, "hi"});
  all += binary(hit_v1{"/a", 3});
  CHECK(all == hex_of_page("docs/formats/values.md"));
}

struct hit_v2 {  // hits renamed, two members added
  std::string path;
  std::uint64_t times = 0;
  std::string owner = "nobody";
  std::optional<part> detail;
};
PENSTOCK_FIELDS(hit_v2, path, times, owner, detail);

struct hit_v3 {  // path dropped
  std::uint64_t times = 0;
  std::string owner = "nobody";
};
PENSTOCK_TAGGED_FIELDS(hit_v3, (2, times), (3, owner));

TEST_CASE("structs may grow, rename and drop members", "[record][serde]") {
  const auto newer = decoded<hit_v2>(binary(hit_v1{"/a", 3}));
  REQUIRE(newer);
  CHECK(newer->times == 3);
  CHECK(newer->owner == "nobody");
  const auto older = decoded<hit_v1>(binary(hit_v2{"/b", 4, "me", part{"x", 1}}));
  REQUIRE(older);
  CHECK(older->path == "/b");
  CHECK(older->hits == 4);
  CHECK(decoded<hit_v3>(binary(hit_v2{"/b", 4, "me", {}}))->owner == "me");
  CHECK(decoded<hit_v2>(binary(hit_v3{4, "me"}))->path.empty());
}

TEST_CASE("names of types say which formats can read each other", "[record][serde]") {
  const auto name = []<class T>(T) { return "binary:" + serde<T>::name(); };
  CHECK(name(hit_v1{}) == "binary:struct{path:string,hits:u64}");
  CHECK(name(hit_v3{}) == "binary:struct{2=times:u64,owner:string}");
  CHECK(can_read(name(hit_v2{}), name(hit_v1{})));
  CHECK(can_read(name(hit_v1{}), name(hit_v2{})));
  CHECK(can_read(name(hit_v3{}), name(hit_v2{})));
  CHECK(can_read("binary:struct{a:optional<u64>}", "binary:struct{a:u64}"));
  CHECK_FALSE(can_read("binary:struct{a:u32}", "binary:struct{a:u64}"));
  CHECK_FALSE(can_read("binary:u64", "binary:i64"));
  CHECK_FALSE(can_read("binary:list<u64>", "binary:list<string>"));
  CHECK_FALSE(can_read("text", "json"));
  CHECK(can_read("text", "text"));
  CHECK_FALSE(can_read("binary:u64", "binary:nonsense"));
}

TEST_CASE("the name of a type parses, and nonsense does not", "[record][serde]") {
  CHECK(parse_type(serde<all_types>::name()));
  for (const char* bad : {"", "u63", "list<>", "list<u64", "map<u64>", "struct{}", "struct{a}",
                          "struct{a:u64", "struct{=a:u64}", "u64 ", "tuple<>", "struct{a:u64,}"}) {
    INFO(bad);
    CHECK_FALSE(parse_type(bad));
  }
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "list<";
  CHECK_FALSE(parse_type(deep + "u8" + std::string(1000, '>')));
}

TEST_CASE("bytes that are cut off, or made up, decode or fail but never do harm",
          "[record][serde]") {
  const bytes whole = binary(sample());
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    all_types into;
    (void)serde<all_types>::decode(bytes_view{whole}.substr(0, cut), into, 0);
  }
  random chance{42};
  for (int round = 0; round < 3000; ++round) {
    bytes bent = whole;
    for (int flips = 0; flips < 4; ++flips) {
      bent[chance.below(bent.size())] = static_cast<char>(chance.below(256));
    }
    all_types into = sample();
    (void)serde<all_types>::decode(bent, into, 0);
  }
}

TEST_CASE("a count that promises more than there is does not decode", "[record][serde]") {
  bytes lie;
  detail::put_varint(std::uint64_t{1} << 60, lie);
  CHECK_FALSE(decoded<std::vector<std::uint64_t>>(lie));
  CHECK_FALSE(decoded<std::vector<std::string>>(lie + '\0'));
  CHECK_FALSE(decoded<bool>("\x02"));
  CHECK_FALSE(decoded<std::uint32_t>("123"));
  CHECK_FALSE(decoded<std::vector<std::uint8_t>>(std::string(1, '\0') + "x"));
}

struct nest {
  std::vector<nest> inside;
};
PENSTOCK_FIELDS(nest, inside);

TEST_CASE("values that nest too deep do not decode", "[record][serde]") {
  bytes deep = binary(nest{});
  for (int i = 0; i < 200; ++i) {
    bytes list;
    detail::put_varint(1, list);
    detail::put_sized(deep, list);
    deep.clear();
    detail::put_varint(1, deep);
    detail::put_sized(list, deep);
  }
  CHECK_FALSE(decoded<nest>(deep));
  CHECK(serde<nest>::name().size() < 500);
}

TEST_CASE("a borrowed string is written like an owned one, and points into the bytes",
          "[record][serde]") {
  const bytes from = "abc";
  std::string_view view;
  REQUIRE(serde<std::string_view>::decode(from, view, 0));
  CHECK(view.data() == from.data());
  CHECK(serde<std::string_view>::name() == serde<std::string>::name());
  static_assert(
      std::same_as<owned_t<std::pair<std::string_view, int>>, std::pair<std::string, int>>);
}

TEST_CASE("JSON keeps every kind of value", "[record][serde]") {
  const value_format<all_types> json{format::json};
  bytes scratch;
  const all_types x = sample();
  all_types back;
  REQUIRE(json.decode(json.encode(x, scratch), back));
  CHECK(back == x);
  CHECK_THAT(scratch, contains("\"when\":\"2020-09-13T12:26:40.123Z\"") &&
                          contains("\"by_name\":{\"one\":1,\"two\":-2}") &&
                          contains("\"both\":[\"left\",255]"));
}

TEST_CASE("JSON readers ignore what they do not know and refuse what does not fit",
          "[record][serde]") {
  const value_format<hit_v1> json{format::json};
  hit_v1 into{"old", 9};
  CHECK(json.decode(R"({"path":"/x","more":[1,{"a":null}]})", into));
  CHECK(into.path == "/x");
  CHECK(into.hits == 0);
  for (const char* bad : {"", "{", "[]", "7", R"({"hits":"7"})", R"({"hits":-1})",
                          R"({"hits":1.5})", R"({"path":7})", R"({"path":"a"} x)"}) {
    INFO(bad);
    CHECK_FALSE(json.decode(bad, into));
  }
  CHECK_FALSE(json.decode(std::string(100'000, '['), into));
  const value_format<std::int8_t> small{format::json};
  std::int8_t n = 0;
  CHECK(small.decode("-128", n));
  CHECK_FALSE(small.decode("128", n));
}

TEST_CASE("JSON escapes what must be escaped and replaces what is not UTF-8", "[record][serde]") {
  bytes out;
  detail::append_json(std::string_view{"a\x01\"\\\n\xff\xc3\xa9\xed\xa0\x80"}, out);
  CHECK(out == "\"a\\u0001\\\"\\\\\\n\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
  out.clear();
  detail::append_json(std::nan(""), out);
  CHECK(out == "null");
}

template <class T>
std::string text_of(const T& value) {
  bytes to;
  encode_text(value, to);
  return to;
}

template <class T>
std::optional<T> from_text(std::string_view text) {
  T value{};
  if (!decode_text(text, value)) return std::nullopt;
  return value;
}

TEST_CASE("text is what people type", "[record][serde]") {
  CHECK(text_of(std::uint64_t{18446744073709551615u}) == "18446744073709551615");
  CHECK(text_of(-7) == "-7");
  CHECK(text_of(0.1) == "0.1");
  CHECK(text_of(true) == "true");
  CHECK(text_of(from_millis(0)) == "1970-01-01T00:00:00.000Z");
  CHECK(text_of(duration{1500}) == "1500");
  CHECK(from_text<std::int8_t>("-128") == -128);
  CHECK_FALSE(from_text<std::int8_t>("128"));
  CHECK_FALSE(from_text<std::uint8_t>("-1"));
  CHECK_FALSE(from_text<int>("1 "));
  CHECK_FALSE(from_text<int>(""));
  CHECK_FALSE(from_text<bool>("yes"));
  CHECK(from_text<double>("1e3") == 1000.0);
}

TEST_CASE("times in text are ISO 8601 or milliseconds", "[record][serde]") {
  const timestamp t = from_millis(1'600'000'000'123);
  CHECK(from_text<timestamp>(text_of(t)) == t);
  CHECK(from_text<timestamp>("1600000000123") == t);
  CHECK(from_text<timestamp>("2020-09-13T12:26:40Z") == from_millis(1'600'000'000'000));
  CHECK(from_text<timestamp>("2020-09-13T12:26:40.1239Z") == t);
  for (const char* bad : {"2020-02-30T00:00:00Z", "2020-09-13T24:00:00Z", "2020-09-13T12:26:40",
                          "2020-9-13T12:26:40Z", "2020-09-13 12:26:40Z", "2020-09-13T12:26:40.Z"}) {
    INFO(bad);
    CHECK_FALSE(from_text<timestamp>(bad));
  }
  CHECK(text_of(max_timestamp) == "9223372036854775807");
}

}  // namespace
}  // namespace penstock::test
