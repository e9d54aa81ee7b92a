// Batches that an independent implementation built: see the head of the file they are in.
#include <fstream>
#include <map>
#include <sstream>

#include "streams/record/batch.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/paths.hpp"

namespace penstock {
namespace {

bytes unhex(const std::string& text) {
  bytes out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    out.push_back(static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return out;
}

std::map<std::string, bytes> golden_batches() {
  std::ifstream in{test::source_dir() + "/tests/golden/record_batches.txt"};
  std::map<std::string, bytes> batches;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream words{line};
    std::string name, hex;
    words >> name >> hex;
    batches[name] = unhex(hex);
  }
  return batches;
}

std::vector<record> expected_records(const bytes& padding) {
  bytes v(300, 'v');
  return {
      {0,
       from_millis(1'600'000'000'000),
       "alpha",
       "one" + padding,
       {{"trace", bytes("\0\1", 2)}, {"none", std::nullopt}}},
      {1, from_millis(1'600'000'000'250), std::nullopt, padding, {}},
      {2, from_millis(1'599'999'999'999), "", std::nullopt, {}},
      {3, from_millis(1'600'000'600'000), bytes(70, 'k'), v + padding, {}},
  };
}

}  // namespace

TEST_CASE("batches of another implementation are read to the last byte", "[record][golden]") {
  auto batches = golden_batches();
  REQUIRE(batches.size() == 7);
  for (const auto& [name, data] : batches) {
    CAPTURE(name);
    auto batch = batch_view::parse(data).value();
    REQUIRE(batch.size() == data.size());
    CHECK(batch.validate());
    bytes padding;
    if (batch.compression() != codec::none) {
      CHECK(name_of(batch.compression()) == name);
      for (int i = 0; i < 5; ++i) padding += " lorem ipsum dolor";
    }
    batch_cursor cursor;
    REQUIRE(cursor.open(batch));
    record_view r;
    for (const record& expected : expected_records(padding)) {
      REQUIRE(cursor.next(r).value());
      CHECK(own(r) == expected);
    }
    CHECK_FALSE(cursor.next(r).value());
  }
}

TEST_CASE("our builder makes the same bytes as another implementation", "[record][golden]") {
  auto batches = golden_batches();
  for (const auto& [name, data] : batches) {
    auto theirs = batch_view::parse(data).value();
    if (theirs.compression() != codec::none) continue;
    CAPTURE(name);
    batch_options options;
    options.producer_id = theirs.producer_id();
    options.producer_epoch = theirs.producer_epoch();
    options.base_sequence = theirs.base_sequence();
    options.transactional = theirs.is_transactional();
    batch_builder builder{options};
    for (const record& r : expected_records("")) {
      std::vector<header_view> headers;
      for (const record_header& h : r.headers) {
        headers.push_back({h.name, h.value ? std::optional<bytes_view>{*h.value} : std::nullopt});
      }
      builder.add(r.time, r.key, r.value, headers);
    }
    CHECK(builder.finish() == data);
  }
  auto idempotent = batch_view::parse(batches.at("idempotent")).value();
  CHECK(idempotent.producer_id() == 4'000'000'000);
  CHECK(idempotent.producer_epoch() == 7);
  CHECK(idempotent.last_sequence() == 1);
}

}  // namespace penstock
