// A job that only delivers: the records of a topic into a file or to a server, in ways that the
// command line names, so that tests can kill it and the server.
//
//   soak_sinks file PATH BYTES none|gzip|zstd [flags of jobs]
//   soak_sinks http URL ndjson|elastic|loki AT_END_MS [flags of jobs]
//   soak_sinks https URL ndjson|elastic|loki AT_END_MS CA_FILE [flags of jobs]
//
// With https, SINK_TOKEN in the environment is what the server is told.
#include <penstock/penstock.hpp>

#include <cstdio>
#include <string>
#include <vector>

using namespace penstock;

namespace {

const topic<no_key, std::string> lines{"sink-lines", format::text};

http_body body_named(const std::string& name) {
  if (name == "elastic") return elastic_bulk{"lines"};
  if (name == "loki") return loki_push{{{"job", "soak"}}};
  return ndjson{};
}

}  // namespace

int main(int argc, char** argv) {
  const std::string kind = argc > 1 ? argv[1] : "";
  const int first_flag = kind == "https" ? 6 : 5;
  if (argc < first_flag) {
    std::fputs(
        "usage: soak_sinks file PATH BYTES COMPRESS | http URL BODY AT_END_MS | https URL BODY "
        "AT_END_MS CA_FILE [flags]\n",
        stderr);
    return 2;
  }
  const std::string where = argv[2];
  topology t{"sinks"};
  t.on_bad_record(dead_letter{"sink-letters"});
  if (kind == "file") {
    const std::string with = argv[4];
    const auto compress = with == "gzip" ? codec::gzip : with == "zstd" ? codec::zstd : codec::none;
    t.from(lines).to_file("out", where,
                          rotate{.bytes = std::stoull(argv[3]), .compress = compress});
  } else if (kind == "https") {
    t.from(lines).to_http(
        "out", where, batch{.records = 100, .age = 50ms},
        retry{.first = 20ms, .most = 500ms, .timeout = 5s, .at_end = duration{std::stoll(argv[4])}},
        body_named(argv[3]),
        http_client{.headers = {{"Authorization", from_environment{"SINK_TOKEN", "Bearer "}},
                                {"X-Scope-OrgID", "soak"}},
                    .ca_file = argv[5]});
  } else {
    t.from(lines).to_http(
        "out", where, batch{.records = 100, .age = 50ms},
        retry{.first = 20ms, .most = 500ms, .timeout = 5s, .at_end = duration{std::stoll(argv[4])}},
        body_named(argv[3]));
  }
  std::vector<char*> rest{argv[0]};
  rest.insert(rest.end(), argv + first_flag, argv + argc);
  rest.push_back(nullptr);
  return run(t, static_cast<int>(rest.size()) - 1, rest.data());
}
