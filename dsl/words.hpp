// The words of a text, one after the other and without copying: what `flat_map` wants.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace penstock {

/// `.flat_map("split", [](const std::string& line) { return words{line}; })`
///
/// A lazy range of `std::string_view` into the text: the longest runs without a separator
/// (by default whitespace). Valid as long as the text.
class words {
 public:
  explicit constexpr words(std::string_view text, std::string_view separators = " \t\r\n\v\f")
      : text_(text) {
    for (const char c : separators) separates_[static_cast<unsigned char>(c)] = true;
  }

  class iterator {
   public:
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;

    constexpr iterator(const words& in, const char* at) : in_(&in), end_(at) { next(); }
    constexpr std::string_view operator*() const {
      return {begin_, static_cast<std::size_t>(end_ - begin_)};
    }
    constexpr iterator& operator++() {
      next();
      return *this;
    }
    constexpr void operator++(int) { next(); }

    struct sentinel {};
    friend constexpr bool operator!=(const iterator& i, sentinel) { return i.begin_ != i.end_; }
    friend constexpr bool operator==(const iterator& i, sentinel) { return i.begin_ == i.end_; }

   private:
    constexpr void next() {
      const char* const limit = in_->text_.data() + in_->text_.size();
      begin_ = end_;
      while (begin_ != limit && in_->separates(*begin_)) ++begin_;
      end_ = begin_;
      while (end_ != limit && !in_->separates(*end_)) ++end_;
    }

    const words* in_;
    const char* begin_ = nullptr;
    const char* end_;
  };

  constexpr iterator begin() const { return {*this, text_.data()}; }
  constexpr iterator::sentinel end() const { return {}; }

 private:
  constexpr bool separates(char c) const { return separates_[static_cast<unsigned char>(c)]; }

  std::string_view text_;
  std::array<bool, 256> separates_{};
};

}  // namespace penstock
