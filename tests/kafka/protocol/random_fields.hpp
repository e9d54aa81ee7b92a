#pragma once
/// Fills messages by chance: a visitor of `fields` beside the reader and the writer.

#include <array>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "kafka/protocol/codec.hpp"
#include "streams/base/random.hpp"

namespace penstock::test {

class random_fields {
 public:
  explicit random_fields(std::uint64_t seed) : chance_(seed) {}

  template <class T>
  void number(T& to) {
    if constexpr (std::is_same_v<T, bool>) {
      to = chance_.next() % 2 == 1;
    } else if constexpr (std::is_floating_point_v<T>) {
      to = static_cast<T>(chance_.next() % 1000) / 8;
    } else {
      to = static_cast<T>(chance_.next() >> (chance_.next() % 64));
    }
  }
  void number(kafka::uuid& to) {
    for (auto& each : to.bytes) each = static_cast<std::uint8_t>(chance_.next());
  }
  void text(std::string& to) { to = word(); }
  void text(std::optional<std::string>& to, bool nullable) {
    to = nullable && toss() ? std::nullopt : std::optional{word()};
  }
  template <class Data>
  void data(Data& to) {
    to = Data{some_bytes()};
  }
  template <class Data>
  void data(std::optional<Data>& to, bool nullable) {
    to = nullable && toss() ? std::nullopt : std::optional{Data{some_bytes()}};
  }
  template <class T>
  void structure(T& to, int v) {
    T::fields(*this, to, v);
  }
  template <class T>
  void structure(std::optional<T>& to, int v, bool nullable) {
    to.reset();
    if (!nullable || !toss()) T::fields(*this, to.emplace(), v);
  }
  template <class T>
  void array(std::vector<T>& to, int v) {
    const auto count = chance_.next() % 4;
    for (std::uint64_t i = 0; i < count; ++i) {
      auto& element = to.emplace_back();
      if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, kafka::uuid>) {
        number(element);
      } else if constexpr (std::is_same_v<T, std::string>) {
        text(element);
      } else {
        T::fields(*this, element, v);
      }
    }
  }
  template <class T>
  void array(std::optional<std::vector<T>>& to, int v, bool nullable) {
    to.reset();
    if (!nullable || !toss()) array(to.emplace(), v);
  }
  void no_tags() {}
  int begin_tags() { return 0; }
  template <class Fill>
  void tag(int, int, bool, Fill&& fill) {
    if (toss()) fill(*this);
  }
  void end_tags(int) {}

 private:
  bool toss() { return chance_.next() % 3 == 0; }
  std::string word() {
    std::string made(chance_.next() % 9, 'a');
    for (auto& each : made) each = static_cast<char>('a' + chance_.next() % 26);
    return made;
  }
  // Views must stay valid, so all data is cut from one text.
  bytes_view some_bytes() {
    static constexpr bytes_view all = "the bytes of batches, metadata and assignments";
    return all.substr(0, chance_.next() % all.size());
  }

  random chance_;
};

}  // namespace penstock::test
