#include "streams/connect/checkpoint.hpp"

#include "streams/base/coding.hpp"

namespace penstock {

namespace {

constexpr std::int8_t checkpoint_version = 2;
constexpr std::int8_t oldest_version = 1;  // knew neither copies nor earlier places
constexpr std::uint8_t gone_flag = 1;
constexpr std::uint8_t complete_flag = 2;
constexpr std::uint32_t path_bytes_max = 65'536;
constexpr bytes_view number_prefix = "file-";

void put(bytes& to, const content_mark& mark) {
  put_be(to, mark.offset);
  put_be(to, mark.head_sum);
  put_be(to, mark.tail_sum);
}

content_mark take_mark(byte_reader& from) {
  content_mark mark;
  mark.offset = from.be<std::uint64_t>();
  mark.head_sum = from.be<std::uint64_t>();
  mark.tail_sum = from.be<std::uint64_t>();
  return mark;
}

void put(bytes& to, const std::string& text) {
  put_be(to, static_cast<std::uint32_t>(text.size()));
  to.append(text);
}

std::string take_text(byte_reader& from) {
  const auto size = from.be<std::uint32_t>();
  return size <= path_bytes_max ? std::string{from.take(size)} : std::string{};
}

error damaged() {
  return error{errc::corrupt, "does not decode"};
}

}  // namespace

void tail_checkpoint::take_back() {
  // The end that was read is not given, and has to be read again.
  if (now.at.offset != before.offset) now.complete = false;
  now.at = before;
}

bytes checkpoint_key(std::uint64_t number) {
  return bytes{number_prefix} + std::to_string(number);
}

result<std::uint64_t> checkpoint_number(bytes_view key) {
  if (!key.starts_with(number_prefix)) return damaged();
  std::uint64_t number = 0;
  const auto digits = key.substr(number_prefix.size());
  if (digits.empty() || digits.size() > 19) return damaged();
  for (const char c : digits) {
    if (c < '0' || c > '9') return damaged();
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return number;
}

bytes encode(const tail_checkpoint& what) {
  bytes out;
  put_be(out, checkpoint_version);
  put_be(out, static_cast<std::uint8_t>((what.now.gone ? gone_flag : 0) |
                                        (what.now.complete ? complete_flag : 0)));
  put_be(out, what.commit);
  put(out, what.before);
  put(out, what.now.at);
  put_be(out, what.now.device);
  put_be(out, what.now.file);
  put_be(out, what.now.size);
  put_be(out, to_millis(what.now.seen));
  put(out, what.now.key);
  put(out, what.now.path);
  put_be(out, what.now.copy_of);
  put_be(out, static_cast<std::uint8_t>(what.now.points.size()));
  for (const auto& each : what.now.points) {
    put_be(out, each.offset);
    put_be(out, each.sum);
  }
  return out;
}

result<tail_checkpoint> decode_checkpoint(std::uint64_t number, bytes_view from) {
  byte_reader in{from};
  const auto version = in.be<std::int8_t>();
  if (in.ok() && (version < oldest_version || version > checkpoint_version)) {
    return error{errc::unsupported_version,
                 "has version " + std::to_string(version) + "; a newer Penstock wrote it"};
  }
  const auto flags = in.be<std::uint8_t>();
  tail_checkpoint what;
  what.commit = in.be<std::int64_t>();
  what.before = take_mark(in);
  what.now.at = take_mark(in);
  what.now.device = in.be<std::uint64_t>();
  what.now.file = in.be<std::uint64_t>();
  what.now.size = in.be<std::uint64_t>();
  what.now.seen = from_millis(in.be<std::int64_t>());
  what.now.key = take_text(in);
  what.now.path = take_text(in);
  if (version > oldest_version) {
    what.now.copy_of = in.be<std::uint64_t>();
    for (auto left = in.be<std::uint8_t>(); left > 0 && in.ok(); --left) {
      content_point point;
      point.offset = in.be<std::uint64_t>();
      point.sum = in.be<std::uint64_t>();
      const bool rises = what.now.points.empty() || what.now.points.back().offset < point.offset;
      if (!rises || point.offset == 0) return damaged();
      what.now.points.push_back(point);
    }
    if (what.now.points.size() > content_points_max) return damaged();
  }
  if (!in.at_end() || what.now.key.empty() || what.commit < 0) return damaged();
  what.now.number = number;
  what.now.gone = (flags & gone_flag) != 0;
  what.now.complete = (flags & complete_flag) != 0;
  return what;
}

}  // namespace penstock
