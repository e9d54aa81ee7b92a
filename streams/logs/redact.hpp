// Takes what must not be kept out of text: addresses of people and machines, card numbers, secrets.
// A redactor is a function from text to text, for `map_values` and for the word `.redact(…)` of the
// DSL. One pass, linear in the text whatever is in it; text without a find is not changed.
//
// Finding is by form, not by meaning. In doubt it takes out: an e-mail address of a program
// (git@github.com), the command behind `--password`. What it cannot know stays: names of people, a
// host's name, a number with no form of its own. docs/guide/logs.md names the limits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace penstock {
namespace redact {

enum class kind : std::uint8_t {
  email,  ///< ada@example.org, ada%40example.org and other escapes (redact_written.hpp)
  ipv4,   ///< 10.0.0.1, not 1.2.3.4.5 and not part of a longer word
  ipv6,   ///< every form of RFC 4291, with a zone; "::" alone and "dead::beef" stay
  card,   ///< 13 to 19 digits of the known issuers with a right check digit (Luhn), in one or in
          ///< groups of a space, dash or plus
  token,  ///< `Bearer …`, JSON web tokens, keys with the prefix of a known service (AWS, GitHub,
          ///< GitLab, Slack, Stripe, Google, npm …), what follows password=, api_key: and the like,
          ///< passwords in URLs, and in their queries also key=, sig=, pass=, session= and the
          ///< like; cookies of headers, private keys of PEM, --password x, -u name:x
};
using enum kind;

/// Puts a text in the place of what was found: `mask{"***"}`. Empty: the kind, "[email]".
struct mask {
  std::string with = {};
};

/// Puts the kind and 64 bits of an HMAC-SHA-256 of what was found in its place,
/// "[email:2bb80d537b1da3e3]": the same text gives the same one in every process and on every day,
/// so that it can be counted and joined; without the key it cannot be found again by trying. The
/// key has at least 16 bytes and is a secret: read it from the environment or a file.
struct keyed_hash {
  std::string key;
};

/// A part of a text that was found.
struct find {
  std::size_t begin = 0;
  std::size_t end = 0;
  kind what = email;
};

/// `redactor{redact::email, redact::card}`, `redactor{{redact::ipv4}, keyed_hash{key}}`. One object
/// is for one thread at a time; copies are for others.
class redactor {
 public:
  redactor(std::initializer_list<kind> what, mask how = {});  // NOLINT: implicit
  redactor(std::initializer_list<kind> what, keyed_hash how);
  redactor(const redactor& other);
  redactor(redactor&&) noexcept;
  redactor& operator=(const redactor& other);
  redactor& operator=(redactor&&) noexcept;
  ~redactor();

  /// The text with every find replaced.
  std::string operator()(std::string_view text) const;

  /// The same, or nothing when there is nothing to replace: no copy is made then.
  std::optional<std::string> replaced(std::string_view text) const;

  /// The first find at `from` or behind it. Finds of one text do not overlap.
  std::optional<find> next(std::string_view text, std::size_t from = 0) const;

  /// What is wrong with it: no kinds, a key that is too short. Empty when it can be used.
  std::string problem() const;

  /// "email, card; masked", for describe().
  std::string describe() const;

 private:
  class hasher;

  std::string replacement(kind what, std::string_view text) const;

  std::uint8_t kinds_ = 0;
  std::string mask_;
  std::unique_ptr<hasher> hasher_;  // keyed; empty without a hash
  bool short_key_ = false;
};

std::string_view name_of(kind what);

}  // namespace redact

namespace logs {

/// `redact(line, {redact::email, redact::ipv4})`: the line with the finds masked.
std::string redact(std::string text, std::initializer_list<penstock::redact::kind> what);

}  // namespace logs
}  // namespace penstock
