#include "streams/log/durable_mark.hpp"

#include <fmt/format.h>

#include <charconv>

#include "streams/base/crc32c.hpp"
#include "streams/log/file_names.hpp"

namespace penstock {
namespace {

// Always as long, so that rewriting it needs no room: "synced 00000000000000000042 d2a3c1f7\n".
constexpr std::size_t digits_at = 7;
constexpr std::size_t digits = 20;
constexpr std::size_t mark_bytes = digits_at + digits + 10;

bytes mark_of(offset_t offset) {
  const bytes text = fmt::format("synced {:020}", offset);
  return fmt::format("{} {:08x}\n", text, crc32c(text));
}

}  // namespace

durable_mark::durable_mark(disk& on, const std::string& folder)
    : disk_(&on), path_(folder + "/" + std::string{file_names::synced}) {}

result<offset_t> durable_mark::read() {
  auto opened = disk_->open(path_, open_mode::read);
  if (!opened && opened.error() == errc::not_found) return offset_t{0};
  if (!opened) return std::move(opened).error();
  bytes text(mark_bytes, '\0');
  PENSTOCK_ASSIGN(std::size_t got, (*opened)->read_at(0, text.data(), text.size()));
  offset_t offset = 0;
  const char* end = text.data() + digits_at + digits;
  const auto [at, failed] = std::from_chars(text.data() + digits_at, end, offset);
  if (got != mark_bytes || failed != std::errc{} || at != end || text != mark_of(offset))
    return offset_t{0};
  noted_ = offset;
  return offset;
}

void durable_mark::raise(offset_t offset) {
  if (offset <= noted_) return;
  if (!file_) {
    auto opened = disk_->open(path_, open_mode::create);
    if (!opened) return;
    file_ = *std::move(opened);
  }
  if (file_->write_at(0, mark_of(offset))) {
    noted_ = offset;
  } else {
    file_.reset();
  }
}

result<void> durable_mark::forget() {
  file_.reset();
  noted_ = 0;
  return disk_->remove(path_);
}

}  // namespace penstock
