#include "streams/log/checkpoint.hpp"

#include <fmt/format.h>

#include <charconv>

#include "streams/base/crc32c.hpp"
#include "streams/log/file_names.hpp"

namespace penstock {
namespace {

constexpr int checkpoint_version = 1;
constexpr std::uint64_t checkpoint_bytes_max = 4096;

/// The words of a text, one after the other; numbers that are none make it fail for good.
class word_reader {
 public:
  explicit word_reader(bytes_view text) : left_(text) {}

  bytes_view word() {
    auto begin = left_.find_first_not_of(" \n");
    if (begin == bytes_view::npos) return {};
    left_.remove_prefix(begin);
    bytes_view found = left_.substr(0, left_.find_first_of(" \n"));
    left_.remove_prefix(found.size());
    return found;
  }

  template <class Int>
  Int number(int base = 10) {
    bytes_view text = word();
    Int value{};
    auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (text.empty() || code != std::errc{} || end != text.data() + text.size()) ok_ = false;
    return value;
  }

  void expect(bytes_view wanted) { ok_ &= word() == wanted; }
  bool ok() const { return ok_; }

 private:
  bytes_view left_;
  bool ok_ = true;
};

}  // namespace

bytes encode(const log_checkpoint& checkpoint) {
  bytes text =
      fmt::format("penstock {}\nrecovery_point {}\nstart_offset {}\ncompacted_to {}\ngaps_to {}\n",
                  checkpoint_version, checkpoint.recovery_point, checkpoint.start_offset,
                  checkpoint.compacted_to, checkpoint.gaps_to);
  if (checkpoint.clean) {
    const clean_shutdown& clean = *checkpoint.clean;
    text += fmt::format("clean {} {} {} {} {} {}\n", clean.last_segment, clean.last_segment_bytes,
                        clean.offset_entries, clean.time_entries, clean.end_offset,
                        clean.has_producers ? 1 : 0);
  }
  return text + fmt::format("crc {:08x}\n", crc32c(text));
}

bool ends_with_its_crc(bytes_view text) {
  const auto line = text.rfind("crc ");
  return line != bytes_view::npos &&
         text.substr(line) == fmt::format("crc {:08x}\n", crc32c(text.substr(0, line)));
}

result<log_checkpoint> decode_checkpoint(bytes_view text, const std::string& name) {
  word_reader in{text};
  in.expect("penstock");
  int version = in.number<int>();
  if (in.ok() && version > checkpoint_version && ends_with_its_crc(text)) {
    return error{errc::unsupported_version,
                 fmt::format("{} has version {}: a newer Penstock wrote this folder, this one "
                             "reads up to version {}",
                             name, version, checkpoint_version)};
  }
  log_checkpoint found;
  in.expect("recovery_point");
  found.recovery_point = in.number<offset_t>();
  in.expect("start_offset");
  found.start_offset = in.number<offset_t>();
  in.expect("compacted_to");
  found.compacted_to = in.number<offset_t>();
  in.expect("gaps_to");
  found.gaps_to = in.number<offset_t>();
  bytes_view word = in.word();
  if (word == "clean") {
    clean_shutdown& clean = found.clean.emplace();
    clean.last_segment = in.number<offset_t>();
    clean.last_segment_bytes = in.number<std::uint64_t>();
    clean.offset_entries = in.number<std::uint64_t>();
    clean.time_entries = in.number<std::uint64_t>();
    clean.end_offset = in.number<offset_t>();
    clean.has_producers = in.number<int>() != 0;
    word = in.word();
  }
  auto crc_line = text.rfind("crc ");
  auto crc = in.number<std::uint32_t>(16);
  if (!in.ok() || word != "crc" || crc_line == bytes_view::npos || encode(found) != text) {
    return error{errc::corrupt,
                 name +
                     " is damaged; without it the log is read from its start and nothing but "
                     "the limit of deleted records is lost: remove it to accept that"};
  }
  PENSTOCK_ASSERT(crc == crc32c(text.substr(0, crc_line)), crc);
  return found;
}

result<std::optional<log_checkpoint>> read_checkpoint(disk& on, const std::string& folder) {
  const std::string name = folder + "/" + std::string{file_names::checkpoint};
  auto text = read_file(on, name, checkpoint_bytes_max);
  if (!text) {
    if (text.error() == errc::not_found) return std::optional<log_checkpoint>{};
    return std::move(text).error();
  }
  PENSTOCK_ASSIGN(log_checkpoint found, decode_checkpoint(*text, name));
  return std::optional{found};
}

}  // namespace penstock
