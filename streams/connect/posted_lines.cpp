#include "streams/connect/posted_lines.hpp"

#include <fmt/format.h>

#include "streams/connect/line_cutter.hpp"
#include "streams/logs/json.hpp"

namespace penstock {

result<std::vector<std::string>> posted_lines(bytes_view body, std::string_view content_type,
                                              std::size_t line_bytes_max,
                                              const logs::event_assembler* events) {
  const bool json = content_type.find("json") != std::string_view::npos;
  std::vector<std::string> records;
  const auto give = [&](std::string_view record) { records.emplace_back(record); };
  std::optional<logs::event_assembler> joined;
  if (events != nullptr && !json) joined = *events;
  std::uint64_t number = 0;
  std::string wrong;
  const auto add = [&](std::string_view line) {
    ++number;
    if (!wrong.empty() || (json && line.find_first_not_of(" \t") == std::string_view::npos)) return;
    if (line.size() > line_bytes_max) {
      wrong = fmt::format("line {} has {} bytes, at most {} are taken", number, line.size(),
                          line_bytes_max);
      return;
    }
    if (json)
      if (const auto read = logs::read_json(line); !read)
        wrong = fmt::format("line {}: {}", number, read.error().message());
    joined ? joined->add(line, std::chrono::nanoseconds{0}, give) : give(line);
  };
  line_cutter cutter{body.size() + 1};
  cutter.add(body, add);
  cutter.finish(add);
  if (joined) joined->finish(give);
  if (!wrong.empty()) return error{errc::invalid_argument, wrong};
  return records;
}

}  // namespace penstock
