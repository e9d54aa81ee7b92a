// A partition's folder with damaged files: opening it recovers or refuses, never crashes; what
// opens can be read to its end, appended to, closed, and opens again with everything in it. The
// input is files one behind the other: a byte that says which, two bytes of length, the bytes.

#include <cstdint>
#include <string>

#include "streams/base/assert.hpp"
#include "streams/base/clock.hpp"
#include "streams/base/disk_simulated.hpp"
#include "streams/log/log.hpp"
#include "streams/record/batch.hpp"

using namespace penstock;

namespace {

const std::string folder = "/data/t-0";

const char* const names[] = {"00000000000000000000.log",
                             "00000000000000000000.index",
                             "00000000000000000000.timeindex",
                             "00000000000000000002.log",
                             "00000000000000000002.index",
                             "00000000000000000002.timeindex",
                             "00000000000000000002.snapshot",
                             "00000000000000000003.snapshot",
                             "00000000000000000002.marks",
                             "00000000000000000003.marks",
                             "leader-epoch-checkpoint",
                             "penstock.checkpoint",
                             "penstock.compaction",
                             "penstock.sync-failed",
                             "00000000000000000002.log.cleaned",
                             "00000000000000000000.log.deleted"};

void put(disk& on, const std::string& path, bytes_view data) {
  auto file = on.open(path, open_mode::create);
  PENSTOCK_ASSERT(file.has_value());
  PENSTOCK_ASSERT((*file)->write_at(0, data).has_value());
}

void lay_out(disk& on, bytes_view from) {
  while (from.size() >= 3) {
    const auto which = static_cast<std::uint8_t>(from[0]) % std::size(names);
    const std::size_t length = (static_cast<std::size_t>(static_cast<std::uint8_t>(from[1])) << 8) |
                               static_cast<std::uint8_t>(from[2]);
    from.remove_prefix(3);
    const bytes_view data = from.substr(0, length);
    from.remove_prefix(data.size());
    put(on, folder + "/" + names[which], data);
  }
}

// Reads to the end; false where the log says that it is damaged.
bool read_all(partition_log& log) {
  for (offset_t at = log.start_offset(); at < log.end_offset();) {
    auto read = log.read(at, 1u << 20, log.end_offset());
    if (!read) return false;
    PENSTOCK_ASSERT(read->next_offset > at, at, read->next_offset);
    at = read->next_offset;
  }
  return true;
}

bytes one_batch() {
  batch_builder builder;
  builder.add(from_millis(1000), "key", "value");
  return bytes{builder.finish()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  simulated_disk disk;
  manual_clock clock;
  log_settings settings;
  settings.retention = -1ms;
  PENSTOCK_ASSERT(disk.make_folder("/data").has_value() && disk.make_folder(folder).has_value());
  lay_out(disk, {reinterpret_cast<const char*>(data), size});
  (void)verify_folder(disk, folder);
  auto log = partition_log::open(disk, clock, folder, settings);
  if (!log) return 0;
  const bool sound = read_all(**log);
  (void)(*log)->find_time(from_millis(1000));
  auto appended = (*log)->append(one_batch());
  if (!appended || !sound) return 0;
  const offset_t start = (*log)->start_offset();
  const offset_t end = (*log)->end_offset();
  PENSTOCK_ASSERT(appended->next_offset == end, end);
  if (!(*log)->close()) return 0;
  log->reset();
  auto again = partition_log::open(disk, clock, folder, settings);
  PENSTOCK_ASSERT(again.has_value());
  PENSTOCK_ASSERT((*again)->start_offset() == start && (*again)->end_offset() == end, start, end);
  PENSTOCK_ASSERT(read_all(**again));
  return 0;
}
