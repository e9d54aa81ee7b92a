// The words that look at one record at a time.
#include "tests/dsl/support.hpp"

namespace penstock::test {
namespace {

struct order {
  std::string id;
  std::string customer;
  double amount = 0;

  bool large() const { return amount >= 100; }
};
PENSTOCK_FIELDS(order, id, customer, amount);

const topic<std::string, order> orders{"orders"};
const topic<std::string, std::string> texts{"texts"};
const topic<no_key, std::string> lines{"lines", format::text};
const topic<no_key, std::string> out{"out", format::text};
const topic<no_key, std::uint64_t> numbers{"numbers"};
const topic<std::string, double> amounts{"amounts"};

TEST_CASE("map takes functions of the value, of key and value, and pointers to members", "[dsl]") {
  topology t{"map"};
  t.from(orders).map("amount", &order::amount).to(amounts);
  const topic<std::string, std::string> labels{"labels"};
  t.from(orders)
      .map("label", [](const std::string& key, const order& o) { return key + "/" + o.customer; })
      .to(labels);
  test_driver d{t};
  d.feed(orders, "o1", {"o1", "ada", 12.5});
  CHECK(d.drain(amounts) == std::vector<std::pair<std::string, double>>{{"o1", 12.5}});
  CHECK(d.drain(labels) == std::vector<std::pair<std::string, std::string>>{{"o1", "o1/ada"}});
}

TEST_CASE("map_values, filter and peek keep the key", "[dsl]") {
  int seen = 0;
  topology t{"values"};
  t.from(orders)
      .filter("large", &order::large)
      .peek("look", [&](const order&) { ++seen; })
      .map_values("double", [](const order& o) { return o.amount * 2; })
      .to(amounts);
  test_driver d{t};
  d.feed(orders, "a", {"a", "x", 99});
  d.feed(orders, "b", {"b", "x", 100});
  CHECK(d.drain(amounts) == std::vector<std::pair<std::string, double>>{{"b", 200}});
  CHECK(seen == 1);
}

TEST_CASE("flat_map passes elements on in order, borrowed ones too", "[dsl]") {
  topology t{"flat"};
  t.from(lines).flat_map("split", [](const std::string& line) { return words{line}; }).to(out);
  test_driver d{t};
  d.feed(lines, "  to be\tor ");
  d.feed(lines, "");
  CHECK(d.drain(out) == std::vector<std::string>{"to", "be", "or"});
}

TEST_CASE("branch sends each record one way, and what nobody takes to the rest", "[dsl]") {
  topology t{"branch"};
  const topic<no_key, std::uint64_t> even{"even"}, large{"large"}, others{"others"};
  auto [evens, larges, rests] =
      t.from(numbers).branch("by-kind", when("evens", [](std::uint64_t n) { return n % 2 == 0; }),
                             when("larges", [](std::uint64_t n) { return n > 10; }), rest("rests"));
  evens.to(even);
  larges.to(large);
  rests.to(others);
  test_driver d{t};
  for (std::uint64_t n : {2u, 12u, 13u, 3u}) d.feed(numbers, n);
  CHECK(d.drain(even) == std::vector<std::uint64_t>{2, 12});
  CHECK(d.drain(large) == std::vector<std::uint64_t>{13});
  CHECK(d.drain(others) == std::vector<std::uint64_t>{3});
}

TEST_CASE("branch without a rest drops what no predicate takes", "[dsl]") {
  topology t{"branch"};
  const topic<no_key, std::uint64_t> small{"small"};
  auto [smalls] =
      t.from(numbers).branch("by-size", when("smalls", [](std::uint64_t n) { return n < 3; }));
  smalls.to(small);
  test_driver d{t};
  for (std::uint64_t n : {1u, 5u, 2u}) d.feed(numbers, n);
  CHECK(d.drain(small) == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("merge joins two streams of one type", "[dsl]") {
  topology t{"merge"};
  const topic<no_key, std::string> more{"more", format::text};
  t.from(lines).merge("both", t.from(more)).to(out);
  test_driver d{t};
  d.feed(lines, "a");
  d.feed(more, "b");
  d.feed(lines, "c");
  CHECK(d.drain(out) == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("sample keeps a key as a whole and gives the same choice every time", "[dsl]") {
  const auto run = [] {
    topology t{"sample"};
    const topic<std::string, std::string> kept{"kept"};
    t.from(texts).sample("tenth", one_in{10}).to(kept);
    test_driver d{t};
    for (int i = 0; i < 2000; ++i) d.feed(texts, "key-" + std::to_string(i % 1000), "v");
    return sorted(d.drain(kept));
  };
  const auto first = run();
  CHECK(first == run());
  CHECK(first.size() % 2 == 0);  // each kept key comes twice
  CHECK(first.size() > 120);
  CHECK(first.size() < 280);
}

TEST_CASE("sample of a stream without keys goes by position", "[dsl]") {
  topology t{"sample"};
  t.from(lines).sample("half", one_in{2}).to(out);
  test_driver d{t};
  for (int i = 0; i < 1000; ++i) d.feed(lines, "x");
  const auto kept = d.drain(out).size();
  CHECK(kept > 400);
  CHECK(kept < 600);
}

TEST_CASE("for_each and print hand records to the user", "[dsl]") {
  std::vector<std::string> seen;
  topology t{"effects"};
  t.from(orders).for_each("collect", [&](const std::string& key, const order& o) {
    seen.push_back(key + "=" + o.customer);
  });
  t.from(orders).print("orders-seen");
  t.from(lines).print("lines-seen");
  test_driver d{t};
  d.feed(orders, "o1", {"o1", "ada", 2});
  d.feed(lines, "hello");
  CHECK(seen == std::vector<std::string>{"o1=ada"});
  CHECK(d.printed() == std::vector<std::string>{
                           "orders-seen: o1\t{\"id\":\"o1\",\"customer\":\"ada\",\"amount\":2}",
                           "lines-seen: hello"});
}

TEST_CASE("key_by in front of stateless steps moves no data", "[dsl]") {
  topology t{"rekey"};
  t.from(orders).key_by("by-customer", &order::customer).map("amount", &order::amount).to(amounts);
  CHECK(t.plan().sub_topologies().size() == 1);
  test_driver d{t};
  d.feed(orders, "o1", {"o1", "ada", 3});
  CHECK(d.drain(amounts) == std::vector<std::pair<std::string, double>>{{"ada", 3}});
}

TEST_CASE("a topic that is asked for twice is one source", "[dsl]") {
  topology t{"twice"};
  const topic<no_key, std::string> other{"other", format::text};
  t.from(lines).to(out);
  t.from(lines).to(other);
  CHECK(t.plan().problems().empty());
  CHECK(t.plan().sub_topologies().front().sources.size() == 1);
  test_driver d{t};
  d.feed(lines, "x");
  CHECK(d.drain(out).size() == 1);
  CHECK(d.drain(other).size() == 1);
}

}  // namespace
}  // namespace penstock::test
