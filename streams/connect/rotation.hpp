// When a file is put aside, under which name, and which of those put aside may go. Pure: the file
// sink does what is decided here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "streams/base/time.hpp"
#include "streams/plan/sink_options.hpp"

namespace penstock {

/// Whether a file of `size` bytes whose first line came at `begun` is to be rotated. An empty one
/// never is. A clock that went back does not count as age.
bool rotation_due(const rotate& how, std::uint64_t size, timestamp begun, timestamp now);

/// Whether a file of `size` bytes may take `more`. An empty one takes a line of any length.
bool has_room(const rotate& how, std::uint64_t size, std::uint64_t more);

/// The name under which the file `name` is put aside: "NAME.20260301T120000.250Z". Names of later
/// times sort behind.
std::string rotated_name(std::string_view name, timestamp at);

/// "": not compressed, ".gz", ".zst".
std::string_view rotated_suffix(codec compress);

/// A file that was put aside, as its name tells.
struct rotated_file {
  std::string name;
  timestamp at{};
  codec compressed = codec::none;
  bool partial = false;  // a compression that was not finished: of no use
};

/// What a name in the same folder says; nothing when it is not a rotated file of `name`.
std::optional<rotated_file> parse_rotated(std::string_view name, std::string_view candidate);

/// While it is being written, a compressed file has this behind its name.
inline constexpr std::string_view partial_suffix = ".partial";

/// Of all files put aside, those that `keep` does not cover any more, oldest first. The plain and
/// the compressed form of one file count as one.
std::vector<std::string> surplus(std::uint32_t keep, std::vector<rotated_file> files);

/// What a file sink commits beside its offsets: how much of the file those records are. After a
/// crash, what is behind that is cut, because its records come again. Bytes:
/// docs/formats/sink-positions.md.
struct file_note {
  std::uint64_t bytes = 0;            // of the file, with everything that is committed
  timestamp begun{};                  // when its first line came
  bool closed = false;                // the sink ended cleanly: nothing behind is its own
  timestamp rotating = no_timestamp;  // about to be put aside under this time's name
  std::string path;

  friend bool operator==(const file_note&, const file_note&) = default;
};

std::string encode(const file_note& note);

/// Nothing when it is no such note.
std::optional<file_note> parse_file_note(std::string_view text);

}  // namespace penstock
