// The two visitors of a message's `fields`: one that reads hostile bytes, one that writes. Both
// know how the flexible versions (KIP-482) write lengths and tagged fields, so tables need not.
// Included by the generated sources alone.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "kafka/protocol/codec.hpp"
#include "streams/base/coding.hpp"

namespace penstock::kafka {

template <class T>
concept has_fields = requires {
  &T::template fields<int, T>;
};

/// Reads within bounds. The first thing wrong is remembered; what is read after it is empty.
class message_reader {
 public:
  message_reader(bytes_view from, bool flexible, std::size_t budget)
      : start_(from.data()),
        at_(from.data()),
        end_(at_ + from.size()),
        flexible_(flexible),
        budget_(budget) {}

  template <class T>
  void number(T& to) {
    if (left() < sizeof(T)) return fail("ends within a number");
    if constexpr (std::is_same_v<T, bool>) {
      to = *at_ != 0;
    } else {
      to = load_be<T>(at_);
    }
    at_ += sizeof(T);
  }
  void number(uuid& to) {
    if (left() < to.bytes.size()) return fail("ends within a uuid");
    to = uuid::of({at_, to.bytes.size()});
    at_ += to.bytes.size();
  }

  void text(std::string& to) {
    if (auto got = take(length16(), text_bytes_max)) to.assign(*got);
  }
  void text(std::optional<std::string>& to, bool nullable) {
    const auto length = length16();
    if (length < 0 && nullable) {
      to.reset();
    } else if (auto got = take(length, text_bytes_max)) {
      to.emplace(*got);
    }
  }

  template <class Data>
  void data(Data& to) {
    if (auto got = take(length32())) to = Data{*got};
  }
  template <class Data>
  void data(std::optional<Data>& to, bool nullable) {
    const auto length = length32();
    if (length < 0 && nullable) {
      to.reset();
    } else if (auto got = take(length)) {
      to = Data{*got};
    }
  }

  template <class T>
  void structure(T& to, int v) {
    T::fields(*this, to, v);
  }
  template <class T>
  void structure(std::optional<T>& to, int v, bool) {
    std::int8_t there = 0;
    number(there);
    if (there < 0) return to.reset();
    T::fields(*this, *(to = T{}), v);  // clang 14 finds no emplace for a class inside another
  }

  template <class T>
  void array(std::vector<T>& to, int v) {
    items(to, length32(), v);
  }
  template <class T>
  void array(std::optional<std::vector<T>>& to, int v, bool nullable) {
    const auto count = length32();
    if (count < 0 && nullable) return to.reset();
    items(to.emplace(), count, v);
  }

  void no_tags() {
    if (flexible_) end_tags(begin_tags());
  }
  using tag_list = std::vector<std::pair<std::uint32_t, bytes_view>>;
  tag_list begin_tags() {
    tag_list tags;
    if (!flexible_ || failed()) return tags;
    const auto count = uvarint();
    // A tag takes at least two bytes: its number and its size.
    if (count > left() / 2 || !charge(count * sizeof(tag_list::value_type))) {
      fail("has more tagged fields than bytes");
      return tags;
    }
    for (std::uint32_t i = 0; i < count && !failed(); ++i) {
      const auto number_of = uvarint();
      auto content = take(uvarint());
      if (content && !tags.empty() && number_of <= tags.back().first)
        fail("has tagged fields out of order");
      if (content) tags.emplace_back(number_of, *content);
    }
    return tags;
  }
  template <class Read>
  void tag(const tag_list& tags, std::uint32_t which, bool, Read&& read) {
    for (const auto& [number_of, content] : tags) {
      if (number_of != which || failed()) continue;
      message_reader sub{content, flexible_, budget_};
      read(sub);
      if (!sub.failed() && sub.left() > 0) sub.fail("has bytes left over in a tagged field");
      budget_ = sub.budget_;
      if (sub.failed()) {
        at_ = sub.at_;
        fail(sub.wrong_);
      }
    }
  }
  void end_tags(const tag_list&) {}

  bool failed() const { return wrong_ != nullptr; }
  std::size_t left() const { return failed() ? 0 : static_cast<std::size_t>(end_ - at_); }
  const char* wrong() const { return wrong_; }
  std::size_t position() const { return static_cast<std::size_t>(at_ - start_); }
  void fail(const char* what) {
    if (wrong_ == nullptr) wrong_ = what;
  }

 private:
  std::uint32_t uvarint() {
    if (failed()) return 0;
    std::uint64_t value = 0;
    const char* next = read_uvarint(at_, end_, value);
    if (next == nullptr || value > 0xffffffffU) {
      fail("has a length that is not one");
      return 0;
    }
    at_ = next;
    return static_cast<std::uint32_t>(value);
  }
  std::int64_t length16() {
    if (flexible_) return std::int64_t{uvarint()} - 1;
    std::int16_t length = 0;
    number(length);
    return length;
  }
  std::int64_t length32() {
    if (flexible_) return std::int64_t{uvarint()} - 1;
    std::int32_t length = 0;
    number(length);
    return length;
  }
  std::optional<bytes_view> take(std::int64_t length, std::int64_t length_max = 0x7fffffff) {
    if (failed()) return std::nullopt;
    if (length < 0) {
      fail("has a null where none may be");
      return std::nullopt;
    }
    if (static_cast<std::uint64_t>(length) > left()) {
      fail("has a length that goes past its end");
      return std::nullopt;
    }
    if (length > length_max) {
      fail("has a text that is too long");
      return std::nullopt;
    }
    bytes_view taken{at_, static_cast<std::size_t>(length)};
    at_ += length;
    return taken;
  }
  bool charge(std::size_t size) {
    if (size > budget_) return false;
    budget_ -= size;
    return true;
  }
  template <class T>
  void items(std::vector<T>& to, std::int64_t count, int v) {
    if (failed()) return;
    if (count < 0) return fail("has a null where none may be");
    if (static_cast<std::uint64_t>(count) > left())
      return fail("has a count that goes past its end");
    if (!charge(static_cast<std::size_t>(count) * sizeof(T))) return fail("has too many elements");
    to.reserve(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count && !failed(); ++i) {
      auto& element = to.emplace_back();
      if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, uuid>) {
        number(element);
      } else if constexpr (std::is_same_v<T, std::string>) {
        text(element);
      } else {
        T::fields(*this, element, v);
      }
    }
  }

  const char* start_;
  const char* at_;
  const char* end_;
  bool flexible_;
  std::size_t budget_;
  const char* wrong_ = nullptr;
};

class message_writer {
 public:
  message_writer(bytes& to, bool flexible, borrowed_parts* borrowed = nullptr)
      : to_(to), flexible_(flexible), borrowed_(borrowed) {}

  template <class T>
  void number(const T& from) {
    if constexpr (std::is_same_v<T, bool>) {
      to_.push_back(from ? '\1' : '\0');
    } else {
      put_be(to_, from);
    }
  }
  void number(const uuid& from) {
    to_.append(reinterpret_cast<const char*>(from.bytes.data()), from.bytes.size());
  }

  void text(const std::string& from) {
    PENSTOCK_ASSERT(from.size() <= std::size_t{text_bytes_max}, from.size());
    if (flexible_) {
      put_uvarint(to_, from.size() + 1);
    } else {
      put_be(to_, static_cast<std::int16_t>(from.size()));
    }
    to_.append(from);
  }
  void text(const std::optional<std::string>& from, bool nullable) {
    if (from || !nullable) return text(from.value_or(std::string{}));
    if (flexible_) {
      put_uvarint(to_, 0);
    } else {
      put_be(to_, std::int16_t{-1});
    }
  }

  template <class Data>
  void data(const Data& from) {
    length32(from.size());
    // What is owned by the message does not outlive it.
    if (std::is_same_v<Data, bytes_view> && borrowed_ != nullptr &&
        from.size() >= borrowed_bytes_min) {
      borrowed_->push_back({to_.size(), from});
    } else {
      to_.append(from);
    }
  }
  template <class Data>
  void data(const std::optional<Data>& from, bool nullable) {
    if (from) return data(*from);
    nullable ? null32() : length32(0);
  }

  template <class T>
  void structure(const T& from, int v) {
    T::fields(*this, from, v);
  }
  template <class T>
  void structure(const std::optional<T>& from, int v, bool) {
    number(static_cast<std::int8_t>(from ? 1 : -1));
    if (from) T::fields(*this, *from, v);
  }

  template <class T>
  void array(const std::vector<T>& from, int v) {
    length32(from.size());
    for (const auto& element : from) {
      if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, uuid>) {
        number(element);
      } else if constexpr (std::is_same_v<T, std::string>) {
        text(element);
      } else {
        T::fields(*this, element, v);
      }
    }
  }
  template <class T>
  void array(const std::optional<std::vector<T>>& from, int v, bool nullable) {
    if (from) return array(*from, v);
    nullable ? null32() : length32(0);
  }

  void no_tags() {
    if (flexible_) to_.push_back('\0');
  }
  using tag_list = std::vector<std::pair<std::uint32_t, bytes>>;
  tag_list begin_tags() { return {}; }
  template <class Write>
  void tag(tag_list& tags, std::uint32_t which, bool is_default, Write&& write) {
    if (!flexible_ || is_default) return;
    auto& content = tags.emplace_back(which, bytes{}).second;
    message_writer sub{content, flexible_};
    write(sub);
  }
  void end_tags(const tag_list& tags) {
    if (!flexible_) return;
    put_uvarint(to_, tags.size());
    for (const auto& [which, content] : tags) {
      put_uvarint(to_, which);
      put_uvarint(to_, content.size());
      to_.append(content);
    }
  }

 private:
  void length32(std::size_t length) {
    PENSTOCK_ASSERT(length <= 0x7fffffff, length);
    if (flexible_) {
      put_uvarint(to_, length + 1);
    } else {
      put_be(to_, static_cast<std::int32_t>(length));
    }
  }
  void null32() {
    if (flexible_) {
      put_uvarint(to_, 0);
    } else {
      put_be(to_, std::int32_t{-1});
    }
  }

  bytes& to_;
  bool flexible_;
  borrowed_parts* borrowed_;
};

// What is made of a message is some times its bytes, not as much as a few of them can ask for.
inline std::size_t decoded_bytes_for(bytes_view from) {
  constexpr std::size_t always = std::size_t{1} << 20;
  constexpr std::size_t times = 16;
  return std::min(decoded_bytes_max, std::max(always, from.size() * times));
}

template <class Message>
result<Message> decode(bytes_view from, int version) {
  if (version < Message::oldest || version > Message::newest)
    return error{errc::unsupported_version,
                 fmt::format("{} has no version {}: {} to {} are known", Message::name, version,
                             Message::oldest, Message::newest)};
  Message message;
  message_reader reader{from, version >= Message::flexible_from, decoded_bytes_for(from)};
  Message::fields(reader, message, version);
  if (reader.failed())
    return error{errc::corrupt,
                 fmt::format("{} version {} {} (at byte {} of {})", Message::name, version,
                             reader.wrong(), reader.position(), from.size())};
  return message;
}

template <class Message>
void encode(const Message& message, int version, bytes& to, borrowed_parts* borrowed) {
  PENSTOCK_ASSERT(version >= Message::oldest && version <= Message::newest, version);
  message_writer writer{to, version >= Message::flexible_from, borrowed};
  Message::fields(writer, message, version);
}

}  // namespace penstock::kafka
