// The words that keep a state per key.
#include "tests/dsl/support.hpp"

namespace penstock::test {
namespace {

struct sale {
  std::string shop;
  std::int32_t pieces = 0;
  double price = 0;
};
PENSTOCK_FIELDS(sale, shop, pieces, price);

const topic<no_key, sale> sales{"sales"};
const topic<std::string, std::int64_t> longs{"longs"};
const topic<std::string, std::uint64_t> counts{"counts"};
const topic<std::string, double> doubles{"doubles"};

void feed_three(test_driver& d) {
  d.feed(sales, {"paris", 3, 1.5});
  d.feed(sales, {"paris", -5, 2.5});
  d.feed(sales, {"rome", 7, 4});
}

TEST_CASE("sum, min, max, average and count fold per key", "[dsl]") {
  topology t{"folds"};
  const auto keyed = t.from(sales).key_by("by-shop", &sale::shop);
  keyed.sum("pieces", &sale::pieces).to(longs);
  keyed.min("cheapest", &sale::price);
  keyed.max("dearest", &sale::price);
  keyed.average("usual", &sale::price).to(doubles);
  keyed.count("sales-seen").to(counts);
  test_driver d{t};
  feed_three(d);
  CHECK(newest(d.drain(longs)) == std::map<std::string, std::int64_t>{{"paris", -2}, {"rome", 7}});
  CHECK(newest(d.drain(doubles)) == std::map<std::string, double>{{"paris", 2}, {"rome", 4}});
  CHECK(newest(d.drain(counts)) == std::map<std::string, std::uint64_t>{{"paris", 2}, {"rome", 1}});
  CHECK(d.state("cheapest").get<double>("paris") == 1.5);
  CHECK(d.state("dearest").get<double>("paris") == 2.5);
  CHECK(d.state("dearest").get<double>("rome") == 4);
  CHECK(d.state("usual").get<average_state>("paris")->count == 2);
  CHECK_FALSE(d.state("usual").get<average_state>("berlin"));
}

TEST_CASE("folds take the values themselves when no function is given", "[dsl]") {
  const topic<std::string, std::int64_t> in{"in"};
  topology t{"identity"};
  t.from(in).sum("total").to(longs);
  t.from(in).max("most");
  test_driver d{t};
  d.feed(in, "a", 4);
  d.feed(in, "a", 5);
  CHECK(d.drain(longs) == std::vector<std::pair<std::string, std::int64_t>>{{"a", 9}});
  CHECK(d.state("most").get<std::int64_t>("a") == 5);
}

TEST_CASE("reduce and aggregate fold with functions of the user", "[dsl]") {
  const topic<std::string, std::string> in{"in"};
  topology t{"custom"};
  t.from(in).reduce("joined",
                    [](const std::string& held, const std::string& next) { return held + next; });
  t.from(in).aggregate("lengths", std::vector<std::uint64_t>{},
                       [](std::vector<std::uint64_t>& all, const std::string& key,
                          const std::string& value) { all.push_back(key.size() + value.size()); });
  test_driver d{t};
  d.feed(in, "k", "ab");
  d.feed(in, "k", "cde");
  CHECK(d.state("joined").get<std::string>("k") == "abcde");
  CHECK(d.state("lengths").get<std::vector<std::uint64_t>>("k") ==
        std::vector<std::uint64_t>{3, 4});
}

TEST_CASE("top_k keeps the greatest, greatest first", "[dsl]") {
  topology t{"top"};
  const topic<std::string, std::vector<double>> out{"out"};
  t.from(sales).key_by("by-shop", &sale::shop).top_k("dearest", 2, &sale::price).to(out);
  test_driver d{t};
  for (const double price : {1.0, 5.0, 3.0, 4.0}) d.feed(sales, {"rome", 1, price});
  CHECK(newest(d.drain(out)).at("rome") == std::vector<double>{5, 4});
}

TEST_CASE("distinct counts different values and refuses more than its limit", "[dsl]") {
  topology t{"distinct"};
  t.on_bad_record(skip);
  t.from(sales).key_by("by-shop", &sale::shop).distinct("prices", &sale::price, 3).to(counts);
  test_driver d{t};
  for (const double price : {1.0, 2.0, 1.0, 3.0, 2.0, 9.0}) d.feed(sales, {"rome", 1, price});
  CHECK(newest(d.drain(counts)).at("rome") == 3);
  REQUIRE(d.bad_records().size() == 1);
  CHECK(d.bad_records()[0].step == "prices");
  CHECK_THAT(d.bad_records()[0].reason, contains("more than 3 distinct values"));
}

TEST_CASE("a sum that does not fit is a bad record and leaves the sum as it was", "[dsl]") {
  const topic<std::string, std::int64_t> in{"in"};
  topology t{"overflow"};
  t.on_bad_record(skip);
  t.from(in).sum("total");
  test_driver d{t};
  d.feed(in, "a", std::numeric_limits<std::int64_t>::max());
  d.feed(in, "a", 1);
  CHECK(d.state("total").get<std::int64_t>("a") == std::numeric_limits<std::int64_t>::max());
  REQUIRE(d.bad_records().size() == 1);
  CHECK_THAT(d.bad_records()[0].reason, contains("does not fit in 64 bits"));
}

TEST_CASE("a table's changes flow on under another key", "[dsl]") {
  topology t{"chained"};
  t.from(sales)
      .key_by("by-shop", &sale::shop)
      .count("per-shop")
      .changes()
      .key_by("by-count", [](std::uint64_t n) { return n; })
      .count("shops-with");
  CHECK(t.plan().sub_topologies().size() == 3);
  test_driver d{t};
  feed_three(d);
  CHECK(d.state("shops-with").all<std::uint64_t, std::uint64_t>() ==
        std::map<std::uint64_t, std::uint64_t>{{1, 1}, {2, 1}});
}

TEST_CASE("a topic read as a table keeps the newest value, and nulls delete", "[dsl]") {
  const topic<std::string, std::string> customers{"customers"};
  const topic<std::string, std::string> copy{"copy"};
  topology t{"tables"};
  const auto table = t.table("customer-by-id", customers);
  table.to(copy);
  test_driver d{t};
  d.feed(customers, "1", "ada");
  d.feed(customers, "1", "ada lovelace");
  d.feed(customers, "2", "bob");
  CHECK(newest(d.drain(copy)) ==
        std::map<std::string, std::string>{{"1", "ada lovelace"}, {"2", "bob"}});
  d.feed_bytes("customers", "1", std::nullopt);
  const auto gone = d.drain_records("copy");
  REQUIRE(gone.size() == 1);
  CHECK(gone[0].key == "1");
  CHECK_FALSE(gone[0].value);
  CHECK(d.state("customer-by-id").all<std::string, std::string>() ==
        std::map<std::string, std::string>{{"2", "bob"}});
  d.restart();
  CHECK(d.state("customer-by-id").size() == 1);
}

TEST_CASE("dedupe lets a key pass once in a while", "[dsl]") {
  const topic<std::string, std::string> in{"in"}, out{"out"};
  topology t{"dedupe"};
  t.from(in).dedupe("once", 10s).to(out);
  test_driver d{t};
  for (const int second : {0, 3, 9, 10, 15, 21}) {
    d.feed(in, "k", std::to_string(second), at(second));
  }
  d.feed(in, "other", "x", at(21));
  std::vector<std::string> passed;
  for (const auto& [key, value] : d.drain(out)) passed.push_back(value);
  CHECK(passed == std::vector<std::string>{"0", "10", "21", "x"});
}

TEST_CASE("dedupe forgets keys that can no longer matter, and remembers across a crash", "[dsl]") {
  const topic<std::string, std::string> in{"in"}, out{"out"};
  topology t{"dedupe"};
  t.from(in).dedupe("once", 10s).to(out);
  test_driver d{t, {.partitions = 1}};
  d.feed(in, "a", "1", at(1));
  d.commit();
  d.restart();
  d.feed(in, "a", "2", at(5));
  CHECK(d.drain(out).size() == 1);
  for (int i = 0; i < 100; ++i) d.feed(in, "k" + std::to_string(i), "v", at(100 + i));
  CHECK(d.state("once").size() <= 21);
}

TEST_CASE("throttle lets a number of records per key and period pass", "[dsl]") {
  const topic<std::string, std::string> in{"in"}, out{"out"};
  topology t{"throttle"};
  t.from(in).throttle("limit", at_most{2, 10s}).to(out);
  test_driver d{t};
  for (const int second : {0, 1, 2, 9, 10, 11, 12}) {
    d.feed(in, "k", std::to_string(second), at(second));
  }
  std::vector<std::string> passed;
  for (const auto& [key, value] : d.drain(out)) passed.push_back(value);
  CHECK(passed == std::vector<std::string>{"0", "1", "10", "11"});
}

}  // namespace
}  // namespace penstock::test
