#include "streams/logs/lookup_table.hpp"

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>

#include "tests/support/catch.hpp"
#include "tests/support/paths.hpp"

using namespace penstock;
using test::contains;

namespace {

struct host {
  std::string address;
  std::string name;
  std::optional<std::uint16_t> port;
};
PENSTOCK_FIELDS(host, address, name, port);

struct status {
  std::uint16_t code = 0;
  std::string text;
};
PENSTOCK_FIELDS(status, code, text);

std::string problem(const std::string& text) {
  return logs::lookup_text(text, &host::address).problem();
}

}  // namespace

TEST_CASE("rows are found by their key, whatever the order of the columns", "[logs][lookup]") {
  const auto hosts = logs::lookup_text(
      "\xef\xbb\xbfport,name,more,address\r\n80,\"web, first\",x,10.0.0.1\r\n\r\n,db,,10.0.0.2",
      &host::address);
  REQUIRE(hosts.problem().empty());
  CHECK(hosts.size() == 2);
  REQUIRE(hosts.find("10.0.0.1") != nullptr);
  CHECK(hosts.find("10.0.0.1")->name == "web, first");
  CHECK(hosts.find(std::string{"10.0.0.1"})->port == 80);
  CHECK_FALSE(hosts.find(std::string_view{"10.0.0.2"})->port.has_value());
  CHECK(hosts.find("10.0.0.3") == nullptr);
  const auto codes = logs::lookup_text("code;text\n200;OK\n404;Not Found\n", &status::code, {';'});
  REQUIRE(codes.problem().empty());
  CHECK(codes.find(404)->text == "Not Found");
}

TEST_CASE("a mistake in a table names its line and column", "[logs][lookup]") {
  CHECK(problem("") == "the table is empty: its first line must name the columns");
  CHECK(problem("address,name\n") ==
        "the table, line 1: no column is called \"port\" (there are: address, name)");
  CHECK(problem("address,name,port,name\n") ==
        "the table, line 1: column 4 is called \"name\", as column 2 is");
  CHECK(problem("address,name,port\na,b,80\n\na2,b,x\n") ==
        "the table, line 4, column 3 (\"port\"): \"port\" is \"x\", which is no u16");
  CHECK(problem("address,name,port\na,b\n") ==
        "the table, line 2: 2 columns where the first line names 3");
  CHECK(problem("address,name,port\na,b,1\na,c,2\n") ==
        "the table, line 3, column 1 (\"address\"): the same key as in line 2");
  CHECK_THAT(problem("address,name,port\na,\"b,1\n"), contains("the table, line 2: "));
  const auto broken = logs::lookup_text("x\n", &host::address);
  CHECK(broken.find("a") == nullptr);
  CHECK(broken.size() == 0);
}

TEST_CASE("a table is read from a file", "[logs][lookup]") {
  const test::scratch_dir folder;
  const std::string path = folder.file("hosts.csv");
  std::ofstream{path} << "address,name,port\n10.0.0.1,web,80\n";
  const auto hosts = logs::lookup_file(path, &host::address);
  CHECK(hosts.problem().empty());
  CHECK(hosts.find("10.0.0.1")->name == "web");
  CHECK_THAT(logs::lookup_file(folder.file("none.csv"), &host::address).problem(),
             contains("none.csv"));
  std::ofstream{path} << "address,name,port\na,b,c\n";
  CHECK_THAT(logs::lookup_file(path, &host::address).problem(),
             contains("hosts.csv, line 2, column 3"));
}
