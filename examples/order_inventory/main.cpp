// Decoupling: orders are taken while the inventory job is stopped, and counted when it runs again.
//
//   order_inventory place FIRST LAST [--on DIR]   takes orders FIRST to LAST
//   order_inventory stock [--on DIR]              prints what is in stock
//   order_inventory [flags of a job]              runs the inventory job
#include <penstock/client.hpp>
#include <penstock/penstock.hpp>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

using namespace penstock;

struct order {
  std::uint64_t id = 0;
  std::int64_t quantity = 0;
};
PENSTOCK_FIELDS(order, id, quantity);

const topic<std::string, std::int64_t> deliveries{"deliveries", format::text};  // key: the item
const topic<std::string, order> orders{"orders", format::json};                 // key: the item
const topic<std::string, std::int64_t> stock{"stock", format::text};

topology build() {
  topology t{"inventory"};
  t.from(orders)
      .map("taken", [](const order& o) { return -o.quantity; })
      .merge("movements", t.from(deliveries))
      .sum("in-stock")
      .to(stock);
  return t;
}

namespace {

constexpr std::array items{"bolt", "nut", "rivet", "screw", "washer"};
constexpr std::int64_t delivered = 10'000;  // of each, before the first order

[[noreturn]] void die(const error& why) {
  std::fprintf(stderr, "order_inventory: %s\n", why.to_string().c_str());
  std::exit(1);
}
template <class T>
T must(result<T> r) {
  if (!r) die(r.error());
  return std::move(*r);
}
void must(const result<void>& r) {
  if (!r) die(r.error());
}

bool read_number(std::string_view text, std::uint64_t& into) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), into);
  return failure == std::errc{} && end == text.data() + text.size();
}

int place(const std::string& directory, std::uint64_t first, std::uint64_t last) {
  auto node = must(local_node::open(directory));
  must(node.create(deliveries));
  must(node.create(orders));
  if (first <= 1) {
    auto arriving = must(node.writer(deliveries));
    for (const char* item : items) must(arriving.send(item, delivered));
    must(arriving.flush());
  }
  auto out = must(node.writer(orders));
  for (auto id = first; id <= last; ++id)
    must(out.send(items[id % items.size()], order{id, 1 + static_cast<std::int64_t>(id % 3)}));
  must(out.flush());
  std::printf("orders %llu to %llu are taken\n", static_cast<unsigned long long>(first),
              static_cast<unsigned long long>(last));
  return 0;
}

int show(const std::string& directory) {
  auto node = must(local_node::open(directory));
  must(node.create(stock));
  auto in = node.reader(stock);
  std::map<std::string, std::int64_t> newest;
  do {
    for (const auto& each : must(in.poll(1s))) newest[each.key] = each.value;
  } while (!in.at_end());
  for (const auto& [item, n] : newest)
    std::printf("%-6s %lld\n", item.c_str(), static_cast<long long>(n));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string word = argc > 1 ? argv[1] : "";
  if (word != "place" && word != "stock") return run(build(), argc, argv);
  std::string directory = "./penstock-data";
  flags own;
  own.text("--on", directory, "DIR", "data directory");
  if (const auto status = own.take(argc, argv)) return *status;
  if (word == "stock" && argc == 2) return show(directory);
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  if (word == "place" && argc == 4 && read_number(argv[2], first) && read_number(argv[3], last) &&
      first <= last)
    return place(directory, first, last);
  std::fputs(
      "usage: order_inventory place FIRST LAST [--on DIR]    (numbers of orders)\n"
      "       order_inventory stock [--on DIR]\n",
      stderr);
  return 2;
}
