#include "streams/connect/content_match.hpp"

#include <optional>

namespace penstock {

namespace {

constexpr std::uint64_t sum_max = content_mark::sum_bytes_max;
constexpr std::uint64_t chunk_bytes = std::uint64_t{64} << 10;

/// Places of a file's content, from the front to the back.
class content_probe {
 public:
  content_probe(readable_file& file, file_coding coding) : file_(file) {
    if (coding == file_coding::plain) return;
    auto opened = open_content(file, coding);
    failed_ = !opened;
    if (opened) stream_ = std::move(*opened);
  }

  bool failed() const { return failed_; }

  /// Whether the content ends at a place; what was read last was short.
  bool ends_at(std::uint64_t place) {
    return stream_ ? ended_ && base_ + buffer_.size() == place : read(place, 1).empty();
  }

  /// `length` bytes at `from`, fewer at the end. `from` does not go back. Valid until the next
  /// call.
  bytes_view read(std::uint64_t from, std::uint64_t length) {
    if (failed_) return {};
    if (!stream_) {
      buffer_.resize(length);
      const auto got = file_.read_at(from, buffer_.data(), length);
      failed_ = !got;
      return bytes_view{buffer_}.substr(0, got ? *got : 0);
    }
    while (base_ + buffer_.size() < from + length && !ended_) {
      drop_before(from);
      const auto had = buffer_.size();
      buffer_.resize(had + chunk_bytes);
      const auto got = stream_->read(buffer_.data() + had, chunk_bytes);
      buffer_.resize(had + (got ? *got : 0));
      failed_ = !got;
      ended_ = !got || *got == 0;
    }
    drop_before(from);
    return from == base_ ? bytes_view{buffer_}.substr(0, length) : bytes_view{};
  }

 private:
  void drop_before(std::uint64_t from) {
    const auto gone = std::min<std::uint64_t>(buffer_.size(), from - base_);
    buffer_.erase(0, gone);
    base_ += gone;
  }

  readable_file& file_;
  std::unique_ptr<content_stream> stream_;
  bytes buffer_;
  std::uint64_t base_ = 0;  // of the buffer
  bool ended_ = false;
  bool failed_ = false;
};

/// The bytes whose sum stands in front of a place.
bytes_view in_front(content_probe& probe, std::uint64_t offset) {
  const auto length = std::min(sum_max, offset);
  return probe.read(offset - length, length);
}

/// Nothing when there is no more of the file; else whether it is the same.
std::optional<bool> same_at(content_probe& probe, const content_point& point) {
  const auto got = in_front(probe, point.offset);
  if (got.size() < std::min(sum_max, point.offset)) return std::nullopt;
  return content_sum(got) == point.sum;
}

/// How far the first bytes say something; nothing when the rest has to be looked at.
std::optional<likeness> compare_heads(content_probe& probe, const known_content& known) {
  if (known.memory != nullptr) {
    const auto& head = known.memory->head;
    const auto got = probe.read(0, head.size());
    if (got != bytes_view{head}.substr(0, got.size())) return likeness{};
    if (got.size() == head.size()) return std::nullopt;
    if (got.empty()) return likeness{likeness_kind::unclear};
    return likeness{likeness_kind::part, got.size(), true};
  }
  const auto length = std::min(sum_max, known.at.offset);
  const bytes head{probe.read(0, length)};
  if (head.size() == length) {
    if (content_sum(head) != known.at.head_sum) return likeness{};
    return std::nullopt;
  }
  std::uint64_t alike = 0;
  for (const auto& each : *known.points) {
    if (each.offset > head.size()) break;
    if (content_sum(bytes_view{head}.substr(0, each.offset)) != each.sum) return likeness{};
    alike = each.offset;
  }
  if (alike == 0) return likeness{likeness_kind::unclear};
  return likeness{likeness_kind::part, alike, alike == head.size()};
}

}  // namespace

likeness compare(readable_file& file, file_coding coding, const known_content& known) {
  content_probe probe{file, coding};
  if (const auto decided = compare_heads(probe, known)) return *decided;
  const auto* memory = known.memory;
  const auto window_at = memory != nullptr ? memory->end - memory->window.size() : known.at.offset;
  std::uint64_t alike = std::min(sum_max, window_at);
  for (const auto& each : *known.points) {
    if (each.offset > window_at) break;
    if (each.offset <= alike) continue;
    const auto same = same_at(probe, each);
    if (!same) return {likeness_kind::part, alike, probe.ends_at(alike)};
    if (!*same) return {};
    alike = each.offset;
  }
  std::uint64_t end = known.at.offset;
  if (memory == nullptr) {
    const auto same = same_at(probe, {end, known.at.tail_sum});
    if (!same) return {likeness_kind::part, alike, probe.ends_at(alike)};
    if (!*same) return {};
  } else {
    end = memory->end;
    for (std::uint64_t at = window_at; at < end;) {
      const auto expected = bytes_view{memory->window}.substr(at - window_at, chunk_bytes);
      const auto got = probe.read(at, expected.size());
      if (got != expected.substr(0, got.size())) return {};
      at += got.size();
      if (got.empty() && at == window_at) return {likeness_kind::part, alike, probe.ends_at(alike)};
      if (got.size() == expected.size()) continue;
      const bool enough = window_at <= memory->head.size() || at - window_at >= sum_max;
      return {likeness_kind::part, enough ? at : alike, enough};
    }
  }
  const bool more = !probe.read(end, 1).empty();
  return {more ? likeness_kind::more : likeness_kind::part, end, !more};
}

likeness compare(readable_file& file, file_coding coding, readable_file& with) {
  content_probe probe{file, coding};
  content_probe other{with, file_coding::plain};
  std::uint64_t at = 0;
  if (coding == file_coding::plain) {
    const auto facts = file.facts();
    const auto size = facts ? facts->size : 0;
    const auto first = probe.read(0, sum_max);
    const auto too = other.read(0, sum_max);
    const auto shared = std::min(first.size(), too.size());
    if (first.substr(0, shared) != too.substr(0, shared)) return {};
    // From here on a chunk at the end that both have.
    const auto with_facts = with.facts();
    const auto both = std::min(size, with_facts ? with_facts->size : 0);
    at = both - std::min(both, sum_max);
  }
  for (;;) {
    const auto got = probe.read(at, chunk_bytes);
    if (probe.failed()) return {likeness_kind::unclear, at};
    if (got.empty()) return {at == 0 ? likeness_kind::unclear : likeness_kind::part, at, true};
    const auto expected = other.read(at, got.size());
    if (got.substr(0, expected.size()) != expected) return {};
    at += expected.size();
    if (expected.size() < got.size()) return {likeness_kind::more, at};
  }
}

bytes head_of(readable_file& file, file_coding coding) {
  return bytes{content_probe{file, coding}.read(0, sum_max)};
}

}  // namespace penstock
