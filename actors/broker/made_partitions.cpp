#include "actors/broker/made_partitions.hpp"

#include <fmt/format.h>

#include <charconv>

#include "streams/base/crc32c.hpp"
#include "streams/log/checkpoint.hpp"

namespace penstock {
namespace {

constexpr std::uint64_t bytes_max = std::uint64_t{256} << 20;
constexpr std::string_view title = "penstock partitions ";
constexpr int version_known = 1;

std::string name_in(const std::string& directory) {
  return directory + "/penstock.partitions";
}

template <class Number>
bool take_number(bytes_view& from, Number& to, int base = 10) {
  auto [end, failed] = std::from_chars(from.data(), from.data() + from.size(), to, base);
  if (failed != std::errc{}) return false;
  from.remove_prefix(static_cast<std::size_t>(end - from.data()));
  return true;
}

bool take(bytes_view& from, bytes_view what) {
  if (!from.starts_with(what)) return false;
  from.remove_prefix(what.size());
  return true;
}

bool take_id(bytes_view& from, topic_id& to) {
  for (auto& byte : to.bytes) {
    if (from.size() < 2) return false;
    bytes_view two = from.substr(0, 2);
    if (!take_number(two, byte, 16) || !two.empty()) return false;
    from.remove_prefix(2);
  }
  return true;
}

}  // namespace

bytes encode(const made_partitions& made) {
  bytes text = fmt::format("{}{}\n", title, version_known);
  for (const auto& [id, topic] : made.all()) {
    for (auto byte : id.bytes) text += fmt::format("{:02x}", byte);
    text += fmt::format(" {} {}\n", topic.count, topic.name);
  }
  return text + fmt::format("crc {:08x}\n", crc32c(text));
}

result<made_partitions> decode_made_partitions(bytes_view text, const std::string& name) {
  const error damaged{errc::corrupt,
                      name +
                          " is damaged; without it a removed partition folder is taken for one "
                          "that was never made: remove it to accept that"};
  // The checksum first: a damaged version is not a newer one.
  if (!ends_with_its_crc(text)) return damaged;
  bytes_view left = text.substr(0, text.rfind("crc "));
  int version = 0;
  if (!take(left, title) || !take_number(left, version) || !take(left, "\n")) return damaged;
  if (version > version_known)
    return error{errc::unsupported_version,
                 fmt::format("{} has version {}: a newer Penstock wrote it, this one reads up to "
                             "version {}",
                             name, version, version_known)};
  made_partitions::topics all;
  while (!left.empty()) {
    topic_id id;
    made_partitions::topic topic;
    if (!take_id(left, id) || !take(left, " ") || !take_number(left, topic.count) ||
        !take(left, " "))
      return damaged;
    const auto end = left.find('\n');
    if (end == bytes_view::npos) return damaged;
    topic.name = std::string{left.substr(0, end)};
    left.remove_prefix(end + 1);
    all.emplace(id, std::move(topic));
  }
  return made_partitions{std::move(all)};
}

result<made_partitions> made_partitions::read(disk& on, const std::string& directory) {
  const auto name = name_in(directory);
  auto text = read_file(on, name, bytes_max);
  if (text) return decode_made_partitions(*text, name);
  if (text.error() == errc::not_found) return made_partitions{};
  return std::move(text).error();
}

result<void> made_partitions::write(disk& on, const std::string& directory) const {
  return write_file(on, name_in(directory), encode(*this));
}

bool made_partitions::has(const topic_id& id, std::int32_t partition) const {
  const auto at = all_.find(id);
  return at != all_.end() && partition < at->second.count;
}

}  // namespace penstock
