#include "streams/plan/connector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "streams/plan/http_url.hpp"

namespace penstock {

namespace {

constexpr std::int32_t partitions_max = 10'000;
constexpr std::size_t line_bytes_least = 1024;
constexpr std::size_t http_batch_bytes_most = std::size_t{64} << 20;
constexpr std::size_t line_bytes_most = std::size_t{64} << 20;

void check_partitions(const std::string& step, std::int32_t partitions,
                      std::vector<std::string>& problems) {
  if (partitions >= 1 && partitions <= partitions_max) return;
  problems.push_back(fmt::format("step \"{}\": {} partitions, but there must be 1 to {}", step,
                                 partitions, partitions_max));
}

void check_line_bytes(const std::string& step, std::size_t line_bytes_max,
                      std::vector<std::string>& problems) {
  if (line_bytes_max >= line_bytes_least && line_bytes_max <= line_bytes_most) return;
  problems.push_back(fmt::format("step \"{}\": lines of up to {} bytes, but it must be {} to {}",
                                 step, line_bytes_max, line_bytes_least, line_bytes_most));
}

void check_multiline(const std::string& step, const std::optional<logs::multiline>& how,
                     std::vector<std::string>& problems) {
  if (!how) return;
  if (auto made = logs::event_assembler::make(*how); !made)
    problems.push_back(fmt::format("step \"{}\": {}", step, made.error().message()));
}

void check(const std::string& step, const lines_source& from, std::vector<std::string>& problems) {
  check_partitions(step, from.partitions, problems);
  check_line_bytes(step, from.line_bytes_max, problems);
  check_multiline(step, from.multiline, problems);
}

void check(const std::string& step, const tail_source& from, std::vector<std::string>& problems) {
  check_partitions(step, from.partitions, problems);
  check_line_bytes(step, from.line_bytes_max, problems);
  check_multiline(step, from.multiline, problems);
  if (from.glob.empty() || from.glob.back() == '/')
    problems.push_back(
        fmt::format("step \"{}\": the pattern \"{}\" matches no file", step, from.glob));
  if (from.poll < 1ms || from.poll > 1h)
    problems.push_back(fmt::format("step \"{}\": it must look every 1 ms to 1 h", step));
}

void check_address(const std::string& step, const std::string& address, bool with_scheme,
                   std::vector<std::string>& problems) {
  const auto parsed = parse_address(address);
  if (!parsed) {
    problems.push_back(fmt::format("step \"{}\": {}", step, parsed.error().message()));
  } else if (with_scheme != (parsed->scheme == "udp" || parsed->scheme == "tcp") ||
             (!with_scheme && !parsed->scheme.empty())) {
    problems.push_back(
        fmt::format("step \"{}\": the address \"{}\" must be {}", step, address,
                    with_scheme ? "udp://HOST:PORT or tcp://HOST:PORT" : "HOST:PORT"));
  }
}

void check(const std::string& step, const syslog_source& from, std::vector<std::string>& problems) {
  check_partitions(step, from.partitions, problems);
  check_line_bytes(step, from.message_bytes_max, problems);
  check_multiline(step, from.multiline, problems);
  check_address(step, from.address, true, problems);
}

void check(const std::string& step, const http_source& from, std::vector<std::string>& problems) {
  check_partitions(step, from.partitions, problems);
  check_line_bytes(step, from.line_bytes_max, problems);
  check_line_bytes(step, from.body_bytes_max, problems);
  check_multiline(step, from.multiline, problems);
  check_address(step, from.address, false, problems);
}

void check(const std::string& step, const file_sink& to, std::vector<std::string>& problems) {
  check_partitions(step, to.partitions, problems);
  if (to.path.empty() || to.path.back() == '/') {
    problems.push_back(
        fmt::format("step \"{}\": \"{}\" is no path of a file to write", step, to.path));
  }
  const auto with = to.put_aside.compress;
  if (with != codec::none && with != codec::gzip && with != codec::zstd) {
    problems.push_back(
        fmt::format("step \"{}\": rotated files are compressed by gzip or zstd only", step));
  }
  if (to.put_aside.every.count() < 0) {
    problems.push_back(fmt::format("step \"{}\": the age of a file is negative", step));
  }
}

bool is_header_name(std::string_view name) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           others.find(c) != others.npos;
  });
}

bool same_name(std::string_view a, std::string_view b) {
  const auto low = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return low(x) == low(y); });
}

/// Empty when there is none. The value is not for anybody's eyes.
std::string problem_of(const http_header& header) {
  static constexpr std::array<std::string_view, 6> of_the_sink{
      "Host", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection", "Expect"};
  if (!is_header_name(header.name))
    return fmt::format("\"{}\" is no name of a header", header.name);
  if (std::any_of(of_the_sink.begin(), of_the_sink.end(),
                  [&](std::string_view each) { return same_name(each, header.name); }))
    return fmt::format("the header {} is the sink's own affair", header.name);
  if (const auto* text = std::get_if<std::string>(&header.value);
      text && (text->empty() || !is_header_value(*text)))
    return fmt::format("the value of the header {} is empty, or has control characters in it",
                       header.name);
  if (const auto* at = std::get_if<from_environment>(&header.value);
      at && (at->variable.empty() || !is_header_value(at->before)))
    return fmt::format("the value of the header {} names no environment variable", header.name);
  if (const auto* at = std::get_if<from_file>(&header.value);
      at && (at->path.empty() || !is_header_value(at->before)))
    return fmt::format("the value of the header {} names no file", header.name);
  return {};
}

void check(const std::string& step, const http_sink& to, std::vector<std::string>& problems) {
  const auto wrong = [&](const std::string& what) {
    problems.push_back(fmt::format("step \"{}\": {}", step, what));
  };
  check_partitions(step, to.partitions, problems);
  const auto url = parse_http_url(to.url);
  if (!url) wrong(url.error().message());
  if (url && !url->tls && !to.as.ca_file.empty())
    wrong(fmt::format("it has a ca_file, but \"{}\" is not https", to.url));
  for (const auto& each : to.as.headers)
    if (const auto bad = problem_of(each); !bad.empty()) wrong(bad);
  if (to.gather.records == 0 || to.gather.bytes == 0 || to.gather.bytes > http_batch_bytes_most) {
    wrong(
        fmt::format("batches of {} records and {} bytes, but there must be a record, and 1 to {} "
                    "bytes",
                    to.gather.records, to.gather.bytes, http_batch_bytes_most));
  }
  if (to.gather.age.count() < 0) wrong("the age of a batch is negative");
  if (to.tries.first.count() < 1 || to.tries.most < to.tries.first ||
      to.tries.timeout.count() < 1 || to.tries.at_end.count() < 0) {
    wrong("retry needs waits of 1 ms at least, `most` not below `first`, and a timeout");
  }
  if (const auto* bulk = std::get_if<elastic_bulk>(&to.body); bulk && bulk->index.empty()) {
    wrong("elastic_bulk names no index");
  }
  if (const auto* loki = std::get_if<loki_push>(&to.body); loki && loki->labels.empty()) {
    wrong("loki_push has no labels: Loki wants one at least");
  }
}

std::string place(const lines_source& from) {
  return from.path.empty() ? "standard input" : from.path;
}

std::string place(const tail_source& from) {
  return from.glob;
}

std::string place(const syslog_source& from) {
  return from.address;
}

std::string place(const http_source& from) {
  return "http://" + from.address;
}

std::string place(const file_sink& to) {
  return to.path;
}

std::string place(const http_sink& to) {
  return to.url;
}

bool ends(const lines_source&) {
  return true;
}

bool ends(const tail_source&) {
  return true;  // the files at hand do
}

bool ends(const syslog_source&) {
  return false;
}

bool ends(const http_source&) {
  return false;
}

bool remembers(const lines_source&) {
  return false;
}

bool remembers(const tail_source&) {
  return true;
}

bool remembers(const syslog_source&) {
  return false;
}

bool remembers(const http_source&) {
  return false;
}

bool again(const lines_source&) {
  return true;
}

bool again(const tail_source&) {
  return true;
}

bool again(const syslog_source&) {
  return false;
}

bool again(const http_source&) {
  return false;
}

}  // namespace

result<network_address> parse_address(const std::string& text) {
  network_address at;
  std::string_view left{text};
  if (const auto scheme = left.find("://"); scheme != std::string_view::npos) {
    at.scheme = left.substr(0, scheme);
    left.remove_prefix(scheme + 3);
  }
  const auto colon = left.rfind(':');
  auto host = left.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    host = {};  // IPv6 without brackets
  }
  const auto port = colon == std::string_view::npos ? std::string_view{} : left.substr(colon + 1);
  std::uint32_t number = 0;
  for (const char c : port) {
    if (c < '0' || c > '9' || number > 65'535) number = 65'536;
    if (number < 65'536) number = number * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (host.empty() || port.empty() || number == 0 || number > 65'535)
    return error{errc::invalid_argument,
                 fmt::format("\"{}\" is no address such as 127.0.0.1:5140 or [::1]:5140", text)};
  at.host = host;
  at.port = static_cast<std::uint16_t>(number);
  return at;
}

std::string place_of(const source_connector& from) {
  return std::visit([](const auto& one) { return place(one); }, from.how);
}

std::string place_of(const sink_connector& to) {
  return std::visit([](const auto& one) { return place(one); }, to.how);
}

bool has_end(const source_connector& from) {
  return std::visit([](const auto& one) { return ends(one); }, from.how);
}

bool has_checkpoint(const source_connector& from) {
  return std::visit([](const auto& one) { return remembers(one); }, from.how);
}

bool can_be_read_again(const source_connector& from) {
  return std::visit([](const auto& one) { return again(one); }, from.how);
}

const logs::multiline* multiline_of(const source_connector& from) {
  return std::visit([](const auto& one) { return one.multiline ? &*one.multiline : nullptr; },
                    from.how);
}

std::int32_t partitions_of(const source_connector& from) {
  return std::visit([](const auto& one) { return one.partitions; }, from.how);
}

std::int32_t partitions_of(const sink_connector& to) {
  return std::visit([](const auto& one) { return one.partitions; }, to.how);
}

std::vector<std::string> problems_of(const std::string& step, const source_connector& from) {
  std::vector<std::string> problems;
  std::visit([&](const auto& one) { check(step, one, problems); }, from.how);
  return problems;
}

std::vector<std::string> problems_of(const std::string& step, const sink_connector& to) {
  std::vector<std::string> problems;
  std::visit([&](const auto& one) { check(step, one, problems); }, to.how);
  return problems;
}

std::string source_topic(const std::string& topology, const std::string& step) {
  return topology + "-" + step + "-source";
}

std::string sink_topic(const std::string& topology, const std::string& step) {
  return topology + "-" + step + "-sink";
}

std::string checkpoint_topic(const std::string& topology, const std::string& step) {
  return topology + "-" + step + "-checkpoint";
}

}  // namespace penstock
