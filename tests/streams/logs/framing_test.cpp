#include "streams/logs/framing.hpp"

#include <string>
#include <vector>

#include "streams/base/random.hpp"
#include "tests/support/catch.hpp"

namespace penstock::logs {
namespace {

using mode = syslog_framer::mode;

struct reader {
  explicit reader(std::size_t most = 4096, mode how = mode::automatic) : framer(most, how) {}
  reader& add(bytes_view data) {
    framer.add(data, [this](std::string_view m) { got.emplace_back(m); });
    return *this;
  }
  reader& finish() {
    framer.finish([this](std::string_view m) { got.emplace_back(m); });
    return *this;
  }
  syslog_framer framer;
  std::vector<std::string> got;
};

using texts = std::vector<std::string>;

TEST_CASE("syslog messages end at newlines, with or without a carriage return", "[logs]") {
  reader r;
  r.add("<13>one\n<13>two\r\n\n\r\n<13>thr").add("ee\n<13>last");
  CHECK(r.got == texts{"<13>one", "<13>two", "<13>three"});
  CHECK(r.framer.pending_bytes() == 8);
  r.finish();
  CHECK(r.got.back() == "<13>last");
  CHECK(r.framer.cut() == 0);
}

TEST_CASE("syslog messages with octet counting may contain newlines", "[logs]") {
  reader r;
  r.add("10 <13>a\nb\ncc8 <13>next7 <13>").add("two\n9 <13>abcd\n");
  CHECK(r.got == texts{"<13>a\nb\ncc", "<13>next", "<13>two", "<13>abcd"});
  CHECK(r.framer.error());
}

TEST_CASE("octet counting and newlines may alternate in one stream", "[logs]") {
  reader r;
  r.add("<13>line\n8 <13>four<13>line\n7 <13>abc");
  CHECK(r.got == texts{"<13>line", "<13>four", "<13>line", "<13>abc"});
}

TEST_CASE("a line that starts with digits is no count", "[logs]") {
  reader r;
  r.add("2015-05-17 hello\n5 apples\n12345678901 x\n007 <13>bond\n42\n 9\n");
  CHECK(r.got ==
        texts{"2015-05-17 hello", "5 apples", "12345678901 x", "007 <13>bond", "42", " 9"});
}

TEST_CASE("however a syslog stream is cut into reads, its messages are the same", "[logs]") {
  const std::string stream =
      "<13>one\r\n10 <13>a\nb\ncc\n5 apples\n8 <13>next<1>x\n123456789012 <\n16 <13>0123456789ab"
      "\n\n<2>end\n";
  reader whole;
  whole.add(stream);
  REQUIRE(whole.got.size() == 8);
  random chance{7};
  for (int round = 0; round < 200; ++round) {
    reader pieces;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t size = 1 + chance.next() % 9;
      pieces.add(bytes_view{stream}.substr(at, size));
      at += size;
    }
    CHECK(pieces.got == whole.got);
  }
}

TEST_CASE("a syslog message beyond the cap is cut, and the next is whole", "[logs]") {
  const std::string big(2'000, 'x');
  reader r{500};
  r.add("<13>" + big + "\n<13>next\n2004 <13>" + big + "8 <13>last");
  REQUIRE(r.got.size() == 4);
  CHECK(r.got[0] == "<13>" + big.substr(0, 496));
  CHECK(r.got[1] == "<13>next");
  CHECK(r.got[2] == "<13>" + big.substr(0, 496));
  CHECK(r.got[3] == "<13>last");
  CHECK(r.framer.cut() == 2);
}

TEST_CASE("a stream without an end holds no more than the cap", "[logs]") {
  reader r{1000};
  const std::string part(300, 'y');
  for (int i = 0; i < 1'000; ++i) {
    r.add(part);
    REQUIRE(r.framer.pending_bytes() <= 1'000);
  }
  CHECK(r.got.size() == 1);
  CHECK(r.framer.cut() == 1);
}

TEST_CASE("a message of exactly the cap is not cut", "[logs]") {
  const std::string exact(480, 'z');
  reader r{480};
  r.add(exact + "\r\n" + exact + "\n").add("480 <" + exact.substr(1)).add(exact).add("\r\n");
  r.add(exact + "\r").add("\n");
  CHECK(r.got == texts{exact, exact, "<" + exact.substr(1), exact, exact});
  CHECK(r.framer.cut() == 0);
}

TEST_CASE("a counted message that the connection's end interrupts is given as cut", "[logs]") {
  reader r;
  r.add("100 <13>half").finish();
  CHECK(r.got == texts{"<13>half"});
  CHECK(r.framer.cut() == 1);
}

TEST_CASE("where every message must have a count, anything else is an error", "[logs]") {
  reader r{4096, mode::octets};
  r.add("3 abc<13>no count\n");
  CHECK(r.got == texts{"abc"});
  REQUIRE(!r.framer.error());
  CHECK_THAT(r.framer.error().error().message(), test::contains("'<'"));
  r.add("3 abc").finish();
  CHECK(r.got.size() == 1);
}

TEST_CASE("framing by newlines alone leaves counts in the message", "[logs]") {
  reader r{4096, mode::newline};
  r.add("8 <13>four\n").add("x").add("\n");
  CHECK(r.got == texts{"8 <13>four", "x"});
}

}  // namespace
}  // namespace penstock::logs
