// What becomes of records whatever a server answers.
#include "streams/connect/delivery.hpp"

#include <algorithm>
#include <set>

#include "tests/support/catch.hpp"

namespace penstock {
namespace {

using test::contains;

using namespace std::chrono_literals;

record_view text_record(offset_t offset, bytes_view text) {
  record_view r;
  r.offset = offset;
  r.time = from_millis(1000);
  r.value = text;
  return r;
}

delivery make(batch limits = {}, http_body as = ndjson{}) {
  return delivery{std::move(as), false, limits, retry{.first = 100ms, .most = 1s}, random{3}};
}

void add(delivery& to, offset_t from, offset_t behind, delivery::time now = 0s) {
  for (auto o = from; o < behind; ++o) to.add(text_record(o, std::to_string(o)), now);
}

http_answer status(int code) {
  return {code, "", std::nullopt, ""};
}

// The numbers in a body of NDJSON.
std::vector<int> numbers(const std::string& body) {
  std::vector<int> out;
  for (auto at = body.find(":\""); at != body.npos; at = body.find(":\"", at + 1))
    out.push_back(std::atoi(body.c_str() + at + 2));
  return out;
}

TEST_CASE("a request waits until it is full, old enough, or hurried", "[connect]") {
  auto d = make({.records = 3, .bytes = 1000, .age = 1s});
  CHECK_FALSE(d.next(0s, true));
  CHECK_FALSE(d.due());
  add(d, 10, 12, 5s);
  CHECK_FALSE(d.next(5s, false));
  CHECK(d.due() == 6s);
  SECTION("full") {
    add(d, 12, 14, 5s);
    CHECK(numbers(*d.next(5s, false)) == std::vector<int>{10, 11, 12});
  }
  SECTION("old") {
    CHECK(numbers(*d.next(6s, false)) == std::vector<int>{10, 11});
  }
  SECTION("hurried") {
    CHECK(numbers(*d.next(5s, true)) == std::vector<int>{10, 11});
  }
  CHECK(d.under_way());
  CHECK_FALSE(d.next(100s, true));
}

TEST_CASE("a body stays below its bytes, but for a record that is larger alone", "[connect]") {
  auto d = make({.records = 100, .bytes = 60, .age = 1s});
  d.add(text_record(0, std::string(200, 'x')), 0s);
  add(d, 1, 10);
  CHECK(d.next(0s, false)->size() > 200);
  d.on_answer(status(200), 0s);
  CHECK(d.settled() == 1);
  const auto second = d.next(0s, false);
  REQUIRE(second);
  CHECK(second->size() <= 60);
}

TEST_CASE("what is taken is settled", "[connect]") {
  auto d = make();
  CHECK(d.settled() == -1);
  add(d, 7, 10);
  REQUIRE(d.next(0s, true));
  const auto done = d.on_answer(status(204), 0s);
  CHECK(done.delivered == 3);
  CHECK(done.bytes == 3);
  CHECK_FALSE(done.failure);
  CHECK(d.settled() == 10);
  CHECK(d.held_records() == 0);
  CHECK(d.held_bytes() == 0);
}

TEST_CASE("what fails for a passing reason is sent again after a wait", "[connect]") {
  auto d = make();
  add(d, 0, 3);
  for (const int code : {500, 502, 503, 429, 408, 404, 401, 302}) {
    const auto now = d.due().value_or(0s) + 1s;
    REQUIRE(d.next(now, true));
    const auto failed = d.on_answer(status(code), now);
    CHECK(failed.failure);
    CHECK(failed.delivered == 0);
    CHECK(failed.refused.empty());
    CHECK_FALSE(d.next(now, true));
    CHECK(*d.due() > now);
  }
  const auto now = *d.due();
  REQUIRE(d.next(now, true));
  CHECK(d.on_answer(error{errc::timed_out, "no answer"}, now).failure == errc::timed_out);
  CHECK(d.settled() == -1);
  CHECK(numbers(*d.next(*d.due(), true)) == std::vector<int>{0, 1, 2});
}

TEST_CASE("a server's Retry-After is kept to", "[connect]") {
  auto d = make();
  add(d, 0, 1);
  REQUIRE(d.next(0s, true));
  d.on_answer(http_answer{503, "", 20s, ""}, 0s);
  CHECK(*d.due() == 20s);
  const timestamp now = from_millis(784'111'776'000);  // 1994-11-06T08:49:36Z
  CHECK(parse_retry_after("120", now) == 120s);
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now) == 1s);
  CHECK(parse_retry_after("Sun, 06 Nov 1993 08:49:37 GMT", now) == 0s);
  for (const char* text : {"", "-1", "soon", "Sun, 06 Xxx 1994 08:49:37 GMT", "99999999999"})
    CHECK_FALSE(parse_retry_after(text, now));
}

TEST_CASE("of a request that the server refuses, only what is at fault is put aside", "[connect]") {
  for (const std::set<int>& bad :
       {std::set<int>{}, {0}, {9}, {4}, {4, 5}, {0, 9}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}) {
    auto d = make();
    add(d, 0, 10);
    std::vector<int> taken, refused;
    for (int request = 0; d.held_records() > 0; ++request) {
      REQUIRE(request < 60);
      const auto body = d.next(0s, true);
      REQUIRE(body);
      const auto sent = numbers(*body);
      const bool fine =
          std::none_of(sent.begin(), sent.end(), [&](int n) { return bad.contains(n); });
      const auto done = d.on_answer(status(fine ? 200 : 400), 0s);
      if (fine) taken.insert(taken.end(), sent.begin(), sent.end());
      for (const auto& each : done.refused) {
        refused.push_back(static_cast<int>(each.what.offset));
        CHECK_THAT(each.reason, contains("400"));
        CHECK(each.what.value == std::to_string(each.what.offset));
      }
    }
    CHECK(std::is_sorted(taken.begin(), taken.end()));
    CHECK(refused == std::vector<int>(bad.begin(), bad.end()));
    CHECK(taken.size() + refused.size() == 10);
    CHECK(d.settled() == 10);
  }
}

TEST_CASE("of a bulk request, only failed items are sent again", "[connect]") {
  auto d = make({}, elastic_bulk{"i"});
  add(d, 0, 5);
  REQUIRE(d.next(0s, true));
  const auto some = d.on_answer(http_answer{200, "", std::nullopt,
                                            R"({"errors":true,"items":[{"create":{"status":201}},
                      {"create":{"status":429,"error":{"type":"full","reason":"q"}}},
                      {"create":{"status":409}},
                      {"create":{"status":400,"error":{"type":"mapping","reason":"no"}}},
                      {"create":{"status":503}}]})"},
                                0s);
  CHECK(some.delivered == 2);
  REQUIRE(some.refused.size() == 1);
  CHECK(some.refused[0].what.offset == 3);
  CHECK_THAT(some.refused[0].reason, contains("mapping: no"));
  CHECK_THAT(some.failure.message(), contains("2 of 5"));
  CHECK(d.settled() == 1);
  add(d, 5, 7);
  const auto rest = d.next(*d.due(), true);
  REQUIRE(rest);
  CHECK(rest->find("\"message\":\"1\"") != rest->npos);
  CHECK(rest->find("\"message\":\"4\"") != rest->npos);
  CHECK(rest->find("\"message\":\"5\"") == rest->npos);
  d.on_answer(http_answer{200, "", std::nullopt, R"({"errors":false})"}, 0s);
  CHECK(d.settled() == 5);
  const auto next = d.next(0s, true);
  REQUIRE(next);
  CHECK(next->find("\"message\":\"5\"") != next->npos);
}

TEST_CASE("whatever a server answers, nothing is lost or held for ever", "[connect]") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    random chance{seed};
    auto d = make({.records = 1 + chance.below(7), .bytes = 1 + chance.below(200), .age = 1s});
    std::set<int> bad;
    for (int i = 0; i < 30; ++i)
      if (chance.chance(1, 10)) bad.insert(i);
    std::vector<int> taken, refused;
    int added = 0;
    delivery::time now{0};
    for (int step = 0; added < 30 || d.held_records() > 0; ++step) {
      REQUIRE(step < 3000);
      now += 100ms;
      while (added < 30 && chance.chance(1, 2)) {
        add(d, added, added + 1, now);
        ++added;
      }
      const auto before = d.settled();
      const auto body = d.next(now, chance.chance(1, 2));
      if (!body) continue;
      const auto sent = numbers(*body);
      const bool fine =
          std::none_of(sent.begin(), sent.end(), [&](int n) { return bad.contains(n); });
      const int code = chance.chance(1, 4) ? 503 : fine ? 200 : 422;
      const auto done = d.on_answer(status(code), now);
      if (code == 200) taken.insert(taken.end(), sent.begin(), sent.end());
      for (const auto& each : done.refused) refused.push_back(static_cast<int>(each.what.offset));
      CHECK(d.settled() >= before);
    }
    CHECK(std::is_sorted(taken.begin(), taken.end()));
    CHECK(taken.size() + refused.size() == 30);
    CHECK(refused == std::vector<int>(bad.begin(), bad.end()));
    CHECK(d.held_bytes() == 0);
    CHECK(d.settled() == 30);
  }
}

}  // namespace
}  // namespace penstock
