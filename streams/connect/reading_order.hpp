// In which order files that are one log are read: `access.log.2.gz`, `access.log.1`, `access.log`.
// Events are late when what was rotated away is read behind what took its place. Pure; for
// `tail_reader`, which has the files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

struct log_file {
  std::string path;
  std::int64_t changed_ns = 0;  // when it was written last
};

/// What the files of one log have in common: their path without number, date and compression.
std::string log_of(std::string_view path);

/// Indexes of the files, those of one log together and the oldest first.
///
/// Names tell which files are a log: in one folder, alike but for a number ("app.log.1",
/// "app.1.log") or a date ("app.log-20260517", "app-2026-05-17.log"), compressed or not. Dates tell
/// their order, too. Of numbers the highest is the oldest, unless times say otherwise: copying
/// loses those, and they count only where what has neither number nor date was written last, as it
/// must have been.
std::vector<std::vector<std::size_t>> logs_of(const std::vector<log_file>& files);

}  // namespace penstock
