#include "streams/base/random.hpp"
#include "streams/state/keyed_store.hpp"
#include "streams/state/window_store.hpp"
#include "tests/support/catch.hpp"

namespace penstock::test {
namespace {

using number_store = keyed_store<std::uint64_t>;
using number_windows = window_store<std::uint64_t>;

void put(number_store& s, bytes_view key, std::uint64_t value) {
  auto* const e = s.find_or_make(key, [] { return std::uint64_t{0}; }).first;
  e->second.state = value;
  s.changed(*e, from_millis(5));
}

using changes = std::vector<std::pair<bytes, std::optional<bytes>>>;

changes taken(store_base& s) {
  batch_builder to;
  s.take_changes("s:", to);
  changes all;
  if (to.empty()) return all;
  const bytes raw{to.finish()};
  batch_cursor cursor;
  cursor.open(batch_view::parse(raw).value()).value();
  record_view r;
  while (cursor.next(r).value()) {
    all.emplace_back(bytes{*r.key}, std::nullopt);
    if (r.value) all.back().second = bytes{*r.value};
  }
  return all;
}

bytes number(std::uint64_t n) {
  bytes to;
  serde<std::uint64_t>::encode(n, to);
  return to;
}

TEST_CASE("a store emits and saves a changed key once, with its newest value", "[state]") {
  number_store s;
  put(s, "a", 1);
  put(s, "b", 2);
  put(s, "a", 3);
  CHECK(s.has_changes());
  CHECK(s.change_bytes() > 0);
  std::vector<std::pair<bytes, std::uint64_t>> seen;
  s.flush([&](bytes_view key, std::uint64_t n, timestamp) { seen.emplace_back(key, n); },
          [](bytes_view) {});
  CHECK(seen == std::vector<std::pair<bytes, std::uint64_t>>{{"a", 3}, {"b", 2}});
  CHECK(taken(s) == changes{{"s:a", number(3)}, {"s:b", number(2)}});
  CHECK_FALSE(s.has_changes());
  CHECK(taken(s).empty());
}

TEST_CASE("a store says what memory it takes", "[state]") {
  number_store s;
  number_windows w;
  const auto empty = s.memory_bytes();
  for (int n = 0; n < 10'000; ++n) {
    const auto key = "key-" + std::to_string(n);
    put(s, key, 1);
    auto& in = w.at(from_millis(n % 10 * 1000));
    w.changed(in, *w.find_or_make(in, key, [] { return std::uint64_t{1}; }).first, from_millis(n));
  }
  for (const store_base* each : {static_cast<store_base*>(&s), static_cast<store_base*>(&w)}) {
    CHECK(each->memory_bytes() > empty + 10'000 * (8 + sizeof(std::uint64_t)));
    CHECK(each->memory_bytes() < empty + 10'000 * 200);
  }
}

TEST_CASE("an erased key leaves a tombstone, and may come back", "[state]") {
  number_store s;
  put(s, "a", 1);
  s.flush();
  taken(s);
  s.erase("a");
  s.erase("never there");
  CHECK_FALSE(s.get("a"));
  put(s, "a", 9);
  s.flush();
  CHECK(taken(s) == changes{{"s:a", std::nullopt}, {"s:a", number(9)}});
}

TEST_CASE("a store that grows and shrinks for long holds what a map would", "[state]") {
  number_store s;
  std::map<bytes, std::uint64_t> model, saved;
  random chance{7};
  for (int i = 0; i < 200'000; ++i) {
    // Keys of many lengths, the empty one too; most live for a short time.
    const bytes key(chance.below(40), static_cast<char>('a' + static_cast<char>(chance.below(26))));
    if (chance.chance(1, 2)) {
      put(s, key, chance.next());
      model[key] = *s.find(key);
    } else {
      s.erase(key);
      model.erase(key);
    }
    if (chance.chance(1, 1000)) {
      s.flush();
      for (const auto& [k, v] : taken(s)) {
        if (v) {
          saved[k.substr(2)] = 0;
          REQUIRE(serde<std::uint64_t>::decode(*v, saved[k.substr(2)], 0));
        } else {
          saved.erase(k.substr(2));
        }
      }
      REQUIRE(saved == model);
    }
  }
  std::map<bytes, std::uint64_t> held;
  s.each([&](bytes_view k, bytes_view v) {
    REQUIRE(serde<std::uint64_t>::decode(v, held[bytes{k}], 0));
  });
  CHECK(held == model);
}

TEST_CASE("windows keep keys apart by start, and a closed one leaves tombstones", "[state]") {
  number_windows s;
  const auto put_in = [&](std::int64_t start, bytes_view key, std::uint64_t n) {
    auto& w = s.at(from_millis(start));
    auto* const e = s.find_or_make(w, key, [] { return std::uint64_t{0}; }).first;
    e->second.state = n;
    s.changed(w, *e, from_millis(start + 1));
  };
  put_in(20, "b", 1);
  put_in(10, "b", 2);
  put_in(10, "a", 3);
  s.flush([](timestamp, bytes_view, std::uint64_t, timestamp) {});
  const auto key = [](bytes_view k, std::int64_t start) {
    bytes full{k};
    serde<std::int64_t>::encode(start, full);
    return full;
  };
  CHECK(taken(s).size() == 3);
  CHECK(s.get(key("b", 20)) == number(1));
  CHECK_FALSE(s.get(key("a", 20)));
  CHECK_FALSE(s.get("b"));

  CHECK(s.first()->start == from_millis(10));
  std::vector<bytes> closed;
  s.close_first([&](bytes_view k, const auto&) { closed.emplace_back(k); });
  CHECK(closed == std::vector<bytes>{"a", "b"});
  CHECK(s.first()->start == from_millis(20));
  CHECK(taken(s) ==
        changes{{"s:" + key("a", 10), std::nullopt}, {"s:" + key("b", 10), std::nullopt}});

  // A window that the changelog never knew leaves nothing.
  put_in(30, "c", 1);
  s.close_first([](bytes_view, const auto&) {});
  taken(s);
  s.close_first([](bytes_view, const auto&) {});
  CHECK(taken(s).empty());
  CHECK(s.first() == nullptr);
}

TEST_CASE("windows come back from their changelog", "[state]") {
  number_windows s;
  bytes key = "k";
  serde<std::int64_t>::encode(50, key);
  REQUIRE(s.restore(key, number(4)));
  CHECK(s.get(key) == number(4));
  CHECK(s.first()->start == from_millis(50));
  REQUIRE(s.restore(key, std::nullopt));
  CHECK(s.first() == nullptr);
  CHECK_FALSE(s.restore("short", number(4)));
  CHECK_FALSE(s.restore(key, "wrong"));
}

}  // namespace
}  // namespace penstock::test
