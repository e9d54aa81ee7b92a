// Lines of any bytes through the assembler with limits and rules from the input: no line is lost,
// doubled, changed or put in another place, and limits hold. The first bytes choose the rules, the
// limits and whether there are ticks; the second line is a user's pattern.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "streams/base/assert.hpp"
#include "streams/logs/all_traces.hpp"

using namespace penstock;

namespace {

logs::multiline chosen(std::uint8_t which, std::string pattern) {
  switch (which % 8) {
    case 0:
      return logs::java_traces();
    case 1:
      return logs::python_traces();
    case 2:
      return logs::go_traces();
    case 3:
      return logs::cpp_traces();
    case 4:
      return {.start_pattern = std::move(pattern), .continue_pattern = {}};
    case 5:
      return {.start_pattern = {}, .continue_pattern = std::move(pattern)};
    case 6:
      return logs::all_traces();
    default:
      return {};
  }
}

std::string_view take_line(std::string_view& from) {
  const std::size_t end = std::min(from.find('\n'), from.size());
  const std::string_view line = from.substr(0, end);
  from.remove_prefix(std::min(end + 1, from.size()));
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  std::string_view text{reinterpret_cast<const char*>(data) + 3, size - 3};
  logs::multiline how = chosen(data[0], std::string{take_line(text)});
  how.max_bytes = 1u + data[1];
  how.max_lines = 1u + data[2] % 16;
  auto assembler = logs::event_assembler::make(how);
  if (!assembler) return 0;
  std::string came;
  std::string went;
  const auto emit = [&](std::string_view event) {
    const auto lines = std::count(event.begin(), event.end(), '\n') + 1;
    PENSTOCK_ASSERT(static_cast<std::size_t>(lines) <= how.max_lines, lines);
    PENSTOCK_ASSERT(lines == 1 || event.size() <= how.max_bytes, event.size());
    went.append(event) += '\n';
  };
  std::chrono::nanoseconds now{0};
  while (!text.empty()) {
    std::string_view line = take_line(text);
    assembler->add(line, now += 1ms, emit);
    if (data[2] >= 128 && line.size() % 5 == 0) assembler->tick(now += 700ms, emit);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    came.append(line) += '\n';
  }
  assembler->finish(emit);
  PENSTOCK_ASSERT(came == went);
  return 0;
}
