#include "tools/penstock/log_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "streams/topic/name.hpp"

namespace penstock::tool {

namespace {

// Read at a time; a larger batch makes the buffer grow to it.
constexpr std::size_t read_bytes = std::size_t{1} << 20;

// No broker accepts a larger one (max.message.bytes).
constexpr std::size_t batch_bytes_max = std::size_t{160} << 20;

std::uint32_t batch_length(bytes_view header) {
  std::uint32_t length = 0;
  for (std::size_t i = 8; i < 12; ++i) {
    length = length << 8 | static_cast<unsigned char>(header[i]);
  }
  return length;
}

}  // namespace

std::optional<topic_partition> partition_of_folder(const std::string& name) {
  const auto dash = name.rfind('-');
  if (dash == name.npos || dash == 0 || dash + 1 == name.size()) return std::nullopt;
  topic_partition out{name.substr(0, dash), 0};
  const auto* end = name.data() + name.size();
  const auto [at, failure] = std::from_chars(name.data() + dash + 1, end, out.partition);
  if (failure != std::errc{} || at != end || out.partition < 0) return std::nullopt;
  // "orders-03" is nobody's partition.
  if (out.to_string() != name || !check_topic_name(out.topic)) return std::nullopt;
  return out;
}

result<std::vector<partition_folder>> partition_folders(disk& on, const std::string& directory) {
  PENSTOCK_ASSIGN(const auto names, on.list(directory));
  std::vector<partition_folder> out;
  for (const auto& name : names) {
    if (auto id = partition_of_folder(name)) {
      out.push_back({*std::move(id), directory + "/" + name});
    }
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return out;
}

result<std::vector<std::string>> segment_files(disk& on, const std::string& folder) {
  PENSTOCK_ASSIGN(const auto names, on.list(folder));
  std::vector<std::string> out;
  for (const auto& name : names) {
    const bool digits =
        name.size() == 24 && name.ends_with(".log") && name.find_first_not_of("0123456789") == 20;
    if (digits) out.push_back(folder + "/" + name);
  }
  return out;  // `list` sorts, and the names are of one length
}

result<std::uint64_t> each_batch(
    disk& on, const std::string& path,
    const std::function<bool(std::uint64_t position, const batch_view& batch)>& f) {
  PENSTOCK_ASSIGN(const auto from, on.open(path, open_mode::read));
  bytes buffer;
  std::uint64_t at = 0;       // of the next batch in the file
  std::uint64_t read_to = 0;  // of the file
  const auto buffered = [&] { return bytes_view{buffer}; };
  const auto want = [&](std::size_t size) -> result<bool> {
    if (buffer.size() >= size) return true;
    const auto before = buffer.size();
    buffer.resize(std::max(size, before + read_bytes));
    PENSTOCK_ASSIGN(const auto got,
                    from->read_at(read_to, buffer.data() + before, buffer.size() - before));
    read_to += got;
    buffer.resize(before + got);
    return buffer.size() >= size;
  };
  const auto corrupt = [&](const std::string& why) {
    return error{errc::corrupt, fmt::format("{}: position {}: {}", path, at, why)};
  };
  std::size_t taken = 0;
  while (true) {
    if (taken > read_bytes || taken == buffer.size()) {
      buffer.erase(0, taken);
      taken = 0;
    }
    PENSTOCK_ASSIGN(const bool header, want(taken + batch_header_bytes));
    if (!header && buffer.size() == taken) return at;
    if (!header) return corrupt("the file ends inside the header of a batch");
    const std::size_t size = 12 + std::size_t{batch_length(buffered().substr(taken))};
    if (size > batch_bytes_max) return corrupt(fmt::format("a batch of {} bytes", size));
    PENSTOCK_ASSIGN(const bool whole, want(taken + size));
    if (!whole) return corrupt("the file ends inside a batch");
    const auto batch = batch_view::parse(buffered().substr(taken, size));
    if (!batch) return corrupt(batch.error().message());
    if (!f(at, *batch)) return at + size;
    at += size;
    taken += size;
  }
}

}  // namespace penstock::tool
