// Frames that the message classes of Kafka's own client wrote, every API in every version
// (tests/golden/kafka_frames; GoldenFrames.java says how a line reads): ours read them and write
// the same bytes again.
#include <fstream>
#include <map>

#include "kafka/protocol/apis.hpp"
#include "kafka/protocol/header.hpp"
#include "kafka/protocol/messages.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/hex.hpp"
#include "tests/support/paths.hpp"

using namespace penstock;
using namespace penstock::kafka;

namespace {

struct golden_frame {
  std::string kind;
  int version = 0;
  std::string variant;
  bytes header;
  bytes body;
};

std::vector<golden_frame> frames_of(const std::string& api) {
  std::ifstream in{test::source_dir() + "/tests/golden/kafka_frames/" + api + ".txt"};
  std::vector<golden_frame> found;
  golden_frame each;
  std::string header;
  std::string body;
  while (in >> each.kind >> each.version >> each.variant >> header >> body) {
    each.header = test::from_hex(header);
    each.body = body == "-" ? bytes{} : test::from_hex(body);
    found.push_back(each);
  }
  return found;
}

template <class Message>
void check_body(const golden_frame& frame) {
  auto read = decode<Message>(frame.body, frame.version);
  INFO((read ? std::string{} : read.error().to_string()));
  REQUIRE(read.has_value());
  bytes again;
  encode(*read, frame.version, again);
  REQUIRE(test::to_hex(again) == test::to_hex(frame.body));
}

void check_headers(const golden_frame& asked, const golden_frame& answered) {
  const bytes frame = asked.header + asked.body;
  auto header = parse_request_header(frame);
  if (!header) {
    REQUIRE(header.error() == errc::unsupported_version);  // known, not served
    return;
  }
  REQUIRE(header->correlation == 77);
  REQUIRE(header->client_id == "golden");
  REQUIRE(test::to_hex(header->body) == test::to_hex(asked.body));
  bytes response;
  put_response_header(response, *header);
  REQUIRE(test::to_hex(response) == test::to_hex(answered.header));
}

}  // namespace

TEST_CASE("frames that Kafka's own client wrote are read and written back byte for byte",
          "[kafka][protocol]") {
  std::size_t compared = 0;
  for_each_message([&]<class Message>() {
    if constexpr (requires { typename Message::response; }) {
      const std::string api = find_api(Message::api_key)->name;
      INFO(api << ": tests/kafka/golden_frames.py --write makes the frames of a new API");
      std::map<std::pair<int, std::string>, golden_frame> asked;
      for (const auto& frame : frames_of(api)) {
        INFO(frame.kind << " version " << frame.version << " " << frame.variant);
        ++compared;
        if (frame.kind == "request") {
          check_body<Message>(frame);
          asked[{frame.version, frame.variant}] = frame;
        } else {
          check_body<typename Message::response>(frame);
          check_headers(asked.at({frame.version, frame.variant}), frame);
        }
      }
      REQUIRE(asked.size() == 2 * static_cast<std::size_t>(Message::newest - Message::oldest + 1));
    }
  });
  CHECK(compared > 600);
}
