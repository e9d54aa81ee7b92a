#include "streams/connect/back_off.hpp"

#include "tests/support/catch.hpp"

namespace penstock {
namespace {

TEST_CASE("waits double up to the most, and chance takes up to half", "[connect]") {
  back_off waits{100ms, 1s, random{7}};
  for (const duration whole : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
    const auto wait = waits.next();
    CHECK(wait >= whole / 2);
    CHECK(wait <= whole);
  }
  waits.reset();
  CHECK(waits.next() <= 100ms);
}

TEST_CASE("a server that asks for more gets it, within reason", "[connect]") {
  back_off waits{100ms, 1s, random{7}};
  CHECK(waits.next(5s) == 5s);
  CHECK(waits.next(duration{0}) >= 100ms);
  CHECK(waits.next(24h) == back_off::asked_max);
}

TEST_CASE("senseless waits are made sensible", "[connect]") {
  back_off waits{0ms, -5ms, random{7}};
  for (int i = 0; i < 100; ++i) CHECK(waits.next() <= 1ms);
  back_off forever{1h, duration::max(), random{7}};
  for (int i = 0; i < 100; ++i) CHECK(forever.next() >= 30min);
}

}  // namespace
}  // namespace penstock
