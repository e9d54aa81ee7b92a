// The names of the files in a partition's folder: Kafka's, and a few of our own beside them, which
// Kafka's tools ignore. docs/formats/log-folder.md explains each.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "streams/base/ids.hpp"

namespace penstock::file_names {

inline constexpr std::string_view log = ".log";
inline constexpr std::string_view offset_index = ".index";
inline constexpr std::string_view time_index = ".timeindex";
inline constexpr std::string_view transactions = ".txnindex";
inline constexpr std::string_view producers = ".snapshot";
inline constexpr std::string_view marks = ".marks";      // ours
inline constexpr std::string_view cleaned = ".cleaned";  // behind another suffix: half compacted
inline constexpr std::string_view temporary = ".tmp";
inline constexpr std::string_view deleted = ".deleted";  // Kafka's: about to be removed
inline constexpr std::string_view swap = ".swap";        // Kafka's: a compaction cut short
inline constexpr std::string_view epochs = "leader-epoch-checkpoint";
inline constexpr std::string_view partition_metadata = "partition.metadata";  // Kafka's
inline constexpr std::string_view checkpoint = "penstock.checkpoint";
inline constexpr std::string_view synced = "penstock.synced";
inline constexpr std::string_view sync_failed = "penstock.sync-failed";
inline constexpr std::string_view compaction = "penstock.compaction";

/// "00000000000000000042" + suffix.
inline std::string of(offset_t base, std::string_view suffix) {
  std::string digits = std::to_string(base);
  std::string name(digits.size() < 20 ? 20 - digits.size() : 0, '0');
  return name.append(digits).append(suffix);
}

/// The offset in a name that is exactly 20 digits and this suffix.
inline std::optional<offset_t> offset_in(std::string_view name, std::string_view suffix) {
  if (name.size() != 20 + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  offset_t offset = 0;
  auto [end, code] = std::from_chars(name.data(), name.data() + 20, offset);
  if (code != std::errc{} || end != name.data() + 20 || offset < 0) return std::nullopt;
  return offset;
}

}  // namespace penstock::file_names
