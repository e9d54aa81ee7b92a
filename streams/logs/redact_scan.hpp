// The search behind redact.hpp: one pass over a text that stops at everything of the wanted forms.
// No form looks further than a bounded number of bytes back, and what is read ahead and refused is
// not read again for the same form, so that the time is linear. For redact.cpp and its tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "streams/logs/redact.hpp"
#include "streams/logs/redact_written.hpp"

namespace penstock::redact::detail {

constexpr std::uint8_t bit(kind what) {
  return static_cast<std::uint8_t>(1u << static_cast<unsigned>(what));
}

/// Whether the digits end in the right check digit.
bool luhn(std::string_view digits);

/// Whether this, and nothing around it, is an address. "::" is none that could be taken out.
bool is_ipv4(std::string_view text);
bool is_ipv6(std::string_view text);

class scanner {
 public:
  scanner(std::string_view text, std::uint8_t kinds, std::size_t from = 0);

  std::optional<find> next();

 private:
  bool wants(kind what) const { return (kinds_ & bit(what)) != 0; }
  unsigned char peek(std::size_t at) const {
    return at < text_.size() ? static_cast<unsigned char>(text_[at]) : 0;
  }
  written before(std::size_t at) const { return read_before(text_, at, floor_); }

  std::optional<find> at_word(std::size_t end);
  std::optional<find> at_sign(written sign) const;
  std::optional<find> at_colon(written colon);
  std::size_t local_begin(std::size_t sign) const;
  std::optional<find> email_at(std::size_t sign, written how) const;
  std::optional<find> ipv4_at(std::size_t from) const;
  bool is_name(std::size_t from, std::size_t end) const;
  std::optional<find> ipv6_at(std::size_t from);
  std::optional<find> card_at(std::size_t from) const;
  std::optional<find> token_at(std::size_t from, std::size_t end);
  std::optional<find> known_key_at(std::size_t from) const;
  std::optional<find> web_token_at(std::size_t from);
  std::optional<find> bearer_at(std::size_t from, std::size_t end) const;
  std::optional<find> private_key_at(std::size_t from, std::size_t end) const;
  std::optional<find> option_at(std::size_t from, std::size_t end) const;
  std::optional<find> assigned_at(std::size_t from, std::size_t end) const;
  std::optional<find> cookie_at(std::size_t from, std::size_t at, written quote,
                                std::uint8_t percent) const;
  std::optional<find> url_password_at(std::size_t from, std::uint8_t percent) const;
  bool is_index(std::size_t from) const;
  written quote_at(std::size_t at) const;
  std::size_t value_end(std::size_t at, written quote, std::uint8_t percent) const;
  std::size_t cookies_end(std::size_t at, bool first) const;
  std::size_t word_end(std::size_t from) const;

  std::string_view text_;
  std::uint8_t kinds_;
  std::uint8_t starts_ = 0;  // the classes of characters at which a word can be a find
  std::size_t at_;
  std::size_t floor_;           // what lies before belongs to a find
  std::size_t ipv6_floor_ = 0;  // up to here no address of version 6 can begin any more
  std::size_t web_floor_ = 0;   // and no web token
};

}  // namespace penstock::redact::detail
