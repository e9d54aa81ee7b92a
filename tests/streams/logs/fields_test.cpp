#include "streams/logs/fields.hpp"

#include "streams/record/value_format.hpp"
#include "tests/support/catch.hpp"

namespace penstock::logs {
namespace {

TEST_CASE("fields keep their order and are found by name", "[logs]") {
  fields f{{"b", "1"}, {"a", "x y"}};
  CHECK(f["b"] == "1");
  CHECK(f["a"] == "x y");
  CHECK(f["c"].empty());
  CHECK(f.find("c") == nullptr);
  CHECK(f.get<std::int32_t>("b") == 1);
  CHECK(!f.get<std::int32_t>("a"));
  CHECK(!f.get<bool>("c"));
  f.set("c", "3");
  f.set("b", "2");
  CHECK(f == fields{{"b", "2"}, {"a", "x y"}, {"c", "3"}});
  CHECK(f.remove("a"));
  CHECK(!f.remove("a"));
  CHECK(f == fields{{"b", "2"}, {"c", "3"}});
}

TEST_CASE("a repeated name is found among few fields and many", "[logs]") {
  fields f;
  for (int i = 0; i < 40; ++i) {
    CHECK(f.repeated() == nullptr);
    fields with = f;
    if (i > 0) {
      with.add("n0", "");
      REQUIRE(with.repeated() != nullptr);
      CHECK(*with.repeated() == "n0");
    }
    f.add("n" + std::to_string(i), "");
  }
}

TEST_CASE("fields are stored in binary in their order", "[logs]") {
  const fields f{{"z", "last"}, {"a", std::string(300, 'x')}, {"", ""}};
  bytes raw;
  serde<fields>::encode(f, raw);
  fields back;
  REQUIRE(serde<fields>::decode(raw, back));
  CHECK(back == f);
  for (std::size_t size = 0; size < raw.size(); ++size) {
    CHECK(!serde<fields>::decode(bytes_view{raw}.substr(0, size), back));
  }
  std::map<std::string, std::string> same;  // what serde<map> can read too
  REQUIRE(serde<std::map<std::string, std::string>>::decode(raw, same));
  CHECK(same.size() == 3);
}

TEST_CASE("fields are an object in JSON", "[logs]") {
  bytes text;
  penstock::detail::encode_json(fields{{"b", "1"}, {"a", "say \"hi\""}}, text);
  CHECK(text == R"({"b":"1","a":"say \"hi\""})");
  fields back;
  REQUIRE(penstock::detail::decode_json(
      R"({"n":-1,"u":18446744073709551615,"d":0.5,"t":true,"e":null})", back));
  CHECK(back["n"] == "-1");
  CHECK(back["u"] == "18446744073709551615");
  CHECK(back["d"] == "0.5");
  CHECK(back["t"] == "true");
  CHECK(back.contains("e"));
  CHECK(!penstock::detail::decode_json(R"({"n":{}})", back));
  CHECK(!penstock::detail::decode_json("[]", back));
}

}  // namespace
}  // namespace penstock::logs
