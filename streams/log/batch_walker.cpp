#include "streams/log/batch_walker.hpp"

#include <algorithm>
#include <optional>

#include "streams/base/coding.hpp"
#include "streams/record/batch_layout.hpp"

namespace penstock {

using namespace batch_layout;

namespace {

/// No setting allows larger batches; a length beyond it is a lie that must not make us allocate.
constexpr std::uint64_t batch_bytes_max = std::uint64_t{1} << 30;

constexpr std::uint64_t page_bytes = 4096;

result<bool> only_zeros(file& from, std::uint64_t position, std::uint64_t end) {
  bytes piece(std::size_t{64} << 10, '\0');
  while (position < end) {
    auto length = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), end - position));
    PENSTOCK_ASSIGN(std::size_t got, from.read_at(position, piece.data(), length));
    if (got == 0) break;
    if (std::any_of(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(got),
                    [](char c) { return c != 0; })) {
      return false;
    }
    position += got;
  }
  return true;
}

}  // namespace

batch_walker::batch_walker(file& from, std::uint64_t begin, std::uint64_t end,
                           std::size_t read_ahead)
    : from_(from), at_(begin), end_(end), read_ahead_(read_ahead) {}

/// Up to `wanted` bytes at the current position; fewer at the end of the range.
result<bytes_view> batch_walker::peek(std::size_t wanted) {
  const std::uint64_t left = end_ - at_;
  wanted = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, left));
  const bool have = at_ >= buffered_from_ && at_ + wanted <= buffered_from_ + buffered_;
  if (!have) {
    std::size_t length =
        static_cast<std::size_t>(std::min<std::uint64_t>(std::max(wanted, read_ahead_), left));
    if (buffer_.size() < length) buffer_.resize(length);
    buffered_from_ = at_;
    buffered_ = 0;
    PENSTOCK_ASSIGN(buffered_, from_.read_at(at_, buffer_.data(), length));
  }
  auto skip = static_cast<std::size_t>(at_ - buffered_from_);
  return bytes_view{buffer_}.substr(skip, std::min(wanted, buffered_ - skip));
}

result<found_at> batch_walker::stop(const error& why) {
  reason_ = why.message();
  // A file may have grown before its last pages arrived: they are zeros then.
  PENSTOCK_ASSIGN(bool zeros, only_zeros(from_, at_ + at_magic, end_));
  if (zeros) return found_at::cut_short;
  PENSTOCK_ASSIGN(bool empty, only_zeros(from_, at_, std::min(end_, at_ + batch_header_bytes)));
  if (empty) {
    reason_ = "zeros stand where a record batch ought to";
    return found_at::hole;
  }
  return why.code() == errc::unsupported_version ? found_at::unknown : found_at::damaged;
}

result<found_at> batch_walker::next(std::optional<batch_view>& to) {
  to.reset();
  if (at_ == end_) return found_at::end;
  PENSTOCK_ASSIGN(bytes_view header, peek(batch_header_bytes));
  if (header.size() < batch_header_bytes) {
    reason_ = "the file ends inside the header of a record batch";
    return found_at::cut_short;
  }
  auto length = load_be<std::int32_t>(header.data() + at_length);
  std::uint64_t size = static_cast<std::uint64_t>(std::max(length, 0)) + length_counts_from;
  const bool plausible = size <= batch_bytes_max && size >= batch_header_bytes;
  const bool known = header[at_magic] == magic_v2;
  if (plausible && known && size > end_ - at_) {
    reason_ = "the file ends " + std::to_string(size - (end_ - at_)) +
              " bytes before the record batch does";
    return found_at::cut_short;
  }
  bytes_view whole = header;
  if (plausible && size <= end_ - at_) {
    PENSTOCK_ASSIGN(whole, peek(static_cast<std::size_t>(size)));
  }
  auto parsed = batch_view::parse(whole);
  if (!parsed) return stop(parsed.error());
  to = *parsed;
  at_ += parsed->size();
  return found_at::batch;
}

result<found_at> batch_walker::next_header(batch_header& to) {
  if (at_ == end_) return found_at::end;
  PENSTOCK_ASSIGN(bytes_view header, peek(batch_header_bytes));
  if (header.size() < batch_header_bytes) {
    reason_ = "the file ends inside the header of a record batch";
    return found_at::cut_short;
  }
  auto length = load_be<std::int32_t>(header.data() + at_length);
  auto delta = load_be<std::int32_t>(header.data() + at_last_delta);
  to.position = at_;
  to.size = static_cast<std::uint64_t>(std::max(length, 0)) + length_counts_from;
  to.base_offset = load_be<std::int64_t>(header.data() + at_base_offset);
  to.last_offset = static_cast<offset_t>(static_cast<std::uint64_t>(to.base_offset) +
                                         static_cast<std::uint64_t>(std::int64_t{delta}));
  to.max_time = from_millis(load_be<std::int64_t>(header.data() + at_max_time));
  if (header[at_magic] != magic_v2) {
    return stop(error{errc::unsupported_version, "a record batch has an unknown format"});
  }
  if (to.size < batch_header_bytes || to.base_offset < 0 || delta < 0 ||
      to.last_offset < to.base_offset) {
    return stop(error{errc::corrupt, "the header of a record batch is damaged"});
  }
  if (to.size > end_ - at_) {
    reason_ = "the file ends before the record batch does";
    return found_at::cut_short;
  }
  at_ += to.size;
  return found_at::batch;
}

result<std::optional<std::uint64_t>> find_batch_after(file& from, std::uint64_t begin,
                                                      std::uint64_t end, offset_t first,
                                                      offset_t last) {
  constexpr std::size_t window_bytes = std::size_t{1} << 20;
  bytes window;
  for (std::uint64_t start = begin + 1; start + batch_header_bytes <= end;
       start += window_bytes - batch_header_bytes) {
    window.resize(static_cast<std::size_t>(std::min<std::uint64_t>(window_bytes, end - start)));
    PENSTOCK_ASSIGN(std::size_t got, from.read_at(start, window.data(), window.size()));
    for (std::size_t i = 0; i + batch_header_bytes <= got; ++i) {
      const char* at = window.data() + i;
      if (at[at_magic] != magic_v2) continue;
      auto base = load_be<std::int64_t>(at + at_base_offset);
      if (base < first || base > last) continue;
      batch_walker walker{from, start + i, end, 4096};
      std::optional<batch_view> batch;
      PENSTOCK_ASSIGN(found_at what, walker.next(batch));
      if (what == found_at::batch && batch->check_crc()) return std::optional{start + i};
    }
    if (got < window.size()) break;
  }
  return std::optional<std::uint64_t>{};
}

result<bool> has_empty_page(file& from, std::uint64_t begin, std::uint64_t end) {
  for (auto page = (begin + page_bytes - 1) / page_bytes * page_bytes; page + page_bytes <= end;
       page += page_bytes) {
    PENSTOCK_ASSIGN(bool empty, only_zeros(from, page, page + page_bytes));
    if (empty) return true;
  }
  return false;
}

}  // namespace penstock
