#include "streams/connect/reading_order.hpp"

#include "tests/support/catch.hpp"

using namespace penstock;

namespace {

using names = std::vector<std::string>;
using groups = std::vector<names>;

// Files that were written in this order, in the order in which they are read: logs by name.
groups ordered(const names& written) {
  std::vector<log_file> files;
  for (const auto& each : written)
    files.push_back({each, 1 + static_cast<std::int64_t>(files.size())});
  groups all;
  for (const auto& log : logs_of(files)) {
    auto& one = all.emplace_back();
    for (const auto index : log) one.push_back(files[index].path);
  }
  return all;
}

}  // namespace

TEST_CASE("rotated files come before what took their place", "[tail]") {
  const names logrotate{"/l/a.log.10.gz", "/l/a.log.2.gz", "/l/a.log.1", "/l/a.log"};
  CHECK(ordered(logrotate) == groups{logrotate});
  const names dated{"/l/a.log-20260430.gz", "/l/a.log-20260501", "/l/a.log"};
  CHECK(ordered(dated) == groups{dated});
  const names inside{"/l/a-2026-05-16.log", "/l/a-2026-05-17.log.gz", "/l/a.log"};
  CHECK(ordered(inside) == groups{inside});
  const names hourly{"server.log.2026-05-17-09", "server.log.2026-05-17-10", "server.log"};
  CHECK(ordered(hourly) == groups{hourly});
  const names sink{"o.log.20260301T120000.250Z", "o.log.20260301T120000.500Z.gz", "o.log"};
  CHECK(ordered(sink) == groups{sink});
}

TEST_CASE("copies that were made in any order are in the order of rotation", "[tail]") {
  CHECK(ordered({"/l/a.log", "/l/a.log.1", "/l/a.log.10", "/l/a.log.2"}) ==
        groups{names{"/l/a.log.10", "/l/a.log.2", "/l/a.log.1", "/l/a.log"}});
  CHECK(ordered({"a.2.log", "a.log", "a.1.log"}) == groups{names{"a.2.log", "a.1.log", "a.log"}});
  CHECK(ordered({"a.log", "a.log-20260501", "a.log-20260430"}) ==
        groups{names{"a.log-20260430", "a.log-20260501", "a.log"}});
}

TEST_CASE("numbers that rise with time are told from those that fall", "[tail]") {
  const names rising{"a.log.8", "a.log.9", "a.log.10", "a.log"};
  CHECK(ordered(rising) == groups{rising});
  // One that was compressed later than the next was written.
  CHECK(ordered({"a.log.2", "a.log.1.gz", "a.log.3", "a.log.4", "a.log"}) ==
        groups{names{"a.log.1.gz", "a.log.2", "a.log.3", "a.log.4", "a.log"}});
  CHECK(ordered({"a.log.1", "a.log.2"}) == groups{names{"a.log.1", "a.log.2"}});
}

TEST_CASE("what is no rotation of another file is a log of its own", "[tail]") {
  for (const names& apart : {names{"/l/a.log", "/l/b.log"},
                             {"/l/a.log", "/m/a.log.1"},
                             {"worker-1.log", "worker-2.log"},
                             {"host-10.0.0.1.log", "host-10.0.0.2.log"},
                             {"host-192.168.100.12.log", "host.log"},
                             {"10.0.0.1", "10.0.0.2"},
                             {"app-123456.log", "app-123457.log"},
                             {"1", "2"},
                             {".1", ".2"},
                             {"a1", "a2"},
                             {"-", "."}}) {
    INFO(apart.front());
    CHECK(ordered(apart).size() == 2);
  }
  CHECK(ordered({}).empty());
}
