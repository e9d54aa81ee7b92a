// What is a secret: the half of redact_scan.hpp that knows names, keys and headers.

#include <algorithm>
#include <array>

#include "streams/logs/redact_classes.hpp"
#include "streams/logs/redact_scan.hpp"

namespace penstock::redact::detail {

namespace {

/// The beginning of a service's keys, and how many characters follow at least.
struct key_form {
  std::string_view prefix;
  std::size_t tail;
};
constexpr key_form key_forms[] = {
    {"AIza", 35},     {"ghp_", 30},     {"gho_", 30},     {"ghu_", 30},        {"ghs_", 30},
    {"ghr_", 30},     {"glpat-", 20},   {"xoxb-", 10},    {"xoxa-", 10},       {"xoxp-", 10},
    {"xoxr-", 10},    {"xoxs-", 10},    {"xapp-", 10},    {"sk_live_", 16},    {"sk_test_", 16},
    {"rk_live_", 16}, {"rk_test_", 16}, {"pk_live_", 16}, {"whsec_", 16},      {"sk-", 20},
    {"npm_", 30},     {"pypi-", 16},    {"hf_", 30},      {"github_pat_", 20}, {"dop_v1_", 32},
    {"hvs.", 20},     {"SG.", 40},
};

constexpr std::string_view aws_prefixes[] = {"AKIA", "ASIA", "AROA", "AIDA", "AGPA",
                                             "ANPA", "ANVA", "ABIA", "ACCA"};

constexpr std::array<bool, 256> make_key_starts() {
  std::array<bool, 256> all{};
  for (const key_form& one : key_forms) all[static_cast<unsigned char>(one.prefix[0])] = true;
  for (const std::string_view one : aws_prefixes) all[static_cast<unsigned char>(one[0])] = true;
  return all;
}
constexpr auto key_starts = make_key_starts();

/// Names whose value is a secret. A value of fewer characters is taken for something else ("token:
/// x" of a parser's message), but a password may be short.
struct secret_name {
  std::string_view name;
  std::size_t least;
};
constexpr secret_name secret_names[] = {
    {"password", 1},
    {"passwd", 1},
    {"pwd", 1},
    {"passphrase", 1},
    {"secret", 8},
    {"token", 8},
    {"apikey", 8},
    {"api_key", 8},
    {"access_key", 8},
    {"secret_key", 8},
    {"auth_key", 8},
    {"private_key", 8},
    {"signing_key", 8},
    {"credential", 8},
    {"accesskey", 8},
    {"secretkey", 8},
    {"authtoken", 8},
    {"accesstoken", 8},
    {"sessionid", 8},
    {"session_id", 8},
    {"sessid", 8},
    {"credentials", 8},
    {"passcode", 1},
    {"password_confirmation", 1},
    {"passwordconfirmation", 1},
};
/// In the query of a URL a name says more: these too, as the last part of a name, and a value of
/// any length ("token=abc").
constexpr std::string_view query_secrets[] = {"key",  "pass", "sig", "signature",
                                              "auth", "sid",  "jwt", "session"};
constexpr std::string_view key_adjectives[] = {"api-", "access-", "secret-", "auth-", "private-"};

// Whether what is assigned to is a parameter: "key" of "?x-api-key=", "token" of "&user[token]=".
bool is_in_query(std::string_view text, std::size_t from) {
  constexpr std::size_t name_max = 64;
  for (std::size_t at = from; from - at < name_max;) {
    const written one = read_before(text, at, 0);
    if (one.c == '?' || one.c == '&' || one.c == ';' || one.c == '#') return true;
    if (!is(one.c, key) && one.c != '[' && one.c != ']') return false;
    at -= one.length;
  }
  return false;
}

// How many characters a value has at least for that it is a secret behind this word, 0 for never.
std::size_t secret_length(std::string_view text, std::size_t from, std::size_t end, bool in_query) {
  std::string_view name = text.substr(from, end - from);
  while (name.size() > 1 && is(name.back(), digit)) name.remove_suffix(1);  // password2
  for (const secret_name& one : secret_names) {
    if (ends_ignoring_case(name, one.name)) return in_query ? 1 : one.least;
  }
  const std::string_view last = name.substr(name.rfind('_') + 1);  // all of it without one
  if (equal_ignoring_case(last, "pw")) return 1;
  for (const std::string_view one : query_secrets) {
    if (in_query && equal_ignoring_case(last, one)) return 1;
  }
  if (!equal_ignoring_case(name, "key")) return 0;
  for (const std::string_view one : key_adjectives) {
    if (from >= one.size() &&
        equal_ignoring_case(text.substr(from - one.size(), one.size()), one)) {
      return 8;
    }
  }
  return 0;
}

constexpr bool is_quote(unsigned char c) {
  return c == '"' || c == '\'';
}

// What was taken out before stays as it is.
bool is_masked(std::string_view value) {
  return value.find_first_not_of('*') == std::string_view::npos || value.starts_with("[token");
}

}  // namespace

std::optional<find> scanner::token_at(std::size_t from, std::size_t end) {
  const unsigned char c = peek(from);
  if (key_starts[c]) {
    if (auto found = known_key_at(from)) return found;
  }
  if (c == 'e') {
    if (auto found = web_token_at(from)) return found;
  }
  if (c == 'b' || c == 'B') {
    if (auto found = bearer_at(from, end)) return found;
  }
  if (from > floor_ && text_[from - 1] == '-') {
    if (auto found = private_key_at(from, end)) return found;
    if (auto found = option_at(from, end)) return found;
  }
  return assigned_at(from, end);
}

std::optional<find> scanner::known_key_at(std::size_t from) const {
  const std::string_view rest = text_.substr(from);
  for (const std::string_view prefix : aws_prefixes) {
    if (rest.front() != 'A' || rest.size() < 20) break;
    if (!rest.starts_with(prefix)) continue;
    const bool fits = std::all_of(rest.begin() + 4, rest.begin() + 20,
                                  [](char c) { return is(c, digit) || (c >= 'A' && c <= 'Z'); });
    if (fits && !is(peek(from + 20), word)) return find{from, from + 20, token};
  }
  for (const key_form& form : key_forms) {
    if (rest.front() != form.prefix.front() || !rest.starts_with(form.prefix)) continue;
    const bool points = form.prefix.back() == '.';
    std::size_t end = from + form.prefix.size();
    while (end < text_.size() && (is(text_[end], key) || (points && text_[end] == '.'))) ++end;
    if (end - from >= form.prefix.size() + form.tail) return find{from, end, token};
  }
  return std::nullopt;
}

std::optional<find> scanner::web_token_at(std::size_t from) {
  if (from < web_floor_ || !text_.substr(from).starts_with("eyJ")) return std::nullopt;
  std::size_t end = from;
  const auto part = [&] {
    const std::size_t start = end;
    while (end < text_.size() && is(text_[end], key)) ++end;
    return end - start;
  };
  const std::size_t head = part();
  web_floor_ = end;
  if (head < 10 || peek(end) != '.') return std::nullopt;
  ++end;
  if (part() < 4) return std::nullopt;
  if (peek(end) == '.') {
    ++end;
    part();
  }
  return find{from, end, token};
}

std::optional<find> scanner::bearer_at(std::size_t from, std::size_t end) const {
  if (!equal_ignoring_case(text_.substr(from, end - from), "bearer")) return std::nullopt;
  const auto is_blank = [](written one) { return one.c == ' ' || one.c == '+'; };
  std::size_t begin = end;
  for (written one = read(text_, begin); is_blank(one) && begin - end < 24;) {
    begin += one.length;
    one = read(text_, begin);
  }
  if (begin == end) return std::nullopt;
  std::size_t stop = begin;
  std::size_t size = 0;
  bool digits = false;
  for (written one = read(text_, stop); is(one.c, bearer); one = read(text_, stop)) {
    digits = digits || is(one.c, digit);
    stop += one.length;
    ++size;
  }
  // "bearer of bad news", but not "auth=Bearer …".
  const unsigned char back = before(from).c;
  const bool value = back == '=' || back == ':' || is_quote(back);
  if (size < 8 || (!digits && !value && size < 20)) return std::nullopt;
  return find{begin, stop, token};
}

// The base64 of a private key in PEM's form. The word is "BEGIN".
std::optional<find> scanner::private_key_at(std::size_t from, std::size_t end) const {
  constexpr std::string_view dashes = "-----";
  constexpr std::size_t label_max = 64;
  if (text_.substr(from, end - from) != "BEGIN" || !text_.substr(0, from).ends_with(dashes)) {
    return std::nullopt;
  }
  const std::size_t label = text_.substr(end, label_max).find(dashes);
  if (label == std::string_view::npos ||
      text_.substr(end, label).find("PRIVATE") == std::string_view::npos) {
    return std::nullopt;
  }
  const auto is_blank = [](written one) {
    return one.c == ' ' || one.c == '\n' || one.c == '\r' || one.c == '\t';
  };
  std::size_t begin = end + label + dashes.size();
  // A key that was cut off has no end.
  std::size_t stop = std::min(text_.find(dashes, begin), text_.size());
  while (begin < stop && is_blank(read(text_, begin))) begin += read(text_, begin).length;
  while (begin < stop && is_blank(read_before(text_, stop, begin))) {
    stop -= read_before(text_, stop, begin).length;
  }
  if (begin >= stop || is_masked(text_.substr(begin, stop - begin))) return std::nullopt;
  return find{begin, stop, token};
}

// "--password x", "-u name:x" of a command.
std::optional<find> scanner::option_at(std::size_t from, std::size_t end) const {
  constexpr std::size_t name_max = 64;
  if (peek(end) != ' ') return std::nullopt;
  std::size_t begin = from;
  while (begin > floor_ && end - begin < name_max && is(text_[begin - 1], key)) --begin;
  if (begin > 0 && !is(text_[begin - 1], boundary)) return std::nullopt;
  const std::string_view name = text_.substr(begin, end - begin);
  const bool user = name == "-u" || name == "--user";
  const std::size_t least = user                     ? 1
                            : name.starts_with("--") ? secret_length(text_, from, end, false)
                                                     : 0;
  if (least == 0 || name.starts_with("--no-")) return std::nullopt;
  std::size_t at = end;
  while (peek(at) == ' ' && at - end < 8) ++at;
  if (peek(at) == '-') return std::nullopt;
  const written quote = quote_at(at);
  at += quote.length;
  const std::size_t stop = value_end(at, quote, 0);
  const std::string_view value = text_.substr(at, stop - at);
  if (!user) {
    if (value.size() < least || is_masked(value)) return std::nullopt;
    return find{at, stop, token};
  }
  // Numbers are a user's and a group's: docker run -u 1000:1000.
  const std::size_t colon = value.find(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const std::string_view password = value.substr(colon + 1);
  const bool numbers =
      std::all_of(value.begin(), value.end(), [](char c) { return is(c, digit) || c == ':'; });
  if (numbers || password.starts_with('/') || is_masked(password)) return std::nullopt;
  return find{at + colon + 1, stop, token};
}

written scanner::quote_at(std::size_t at) const {
  const written one = read(text_, at);
  return is_quote(one.c) ? one : written{};
}

// Where a value ends, behind the quote that opens it or without one. What ends it is written as
// what stands before it or plainer: the '&' of "a=b%26c" is none that ends b.
std::size_t scanner::value_end(std::size_t at, written quote, std::uint8_t percent) const {
  while (at < text_.size() && text_[at] != '\n') {
    const written one = read(text_, at);
    if (quote.length == 0) {
      if (is(one.c, boundary) && one.percent <= percent) break;
    } else {
      if (one.c == quote.c && one.length <= quote.length) break;
      // Within a URL there is none of these.
      if (quote.percent > 0 && one.length == 1 && (one.c == ' ' || one.c == '&')) break;
      // An escaped quote among escaped quotes.
      if (one.c == '\\' && quote.length > 1) at += read(text_, at + one.length).length;
    }
    at += one.length;
  }
  return std::min(at, text_.size());
}

// Where the cookies of a header end, or the first of them: "sid=abc; x=y".
std::size_t scanner::cookies_end(std::size_t at, bool first) const {
  const auto ends = [&](std::size_t place) {
    return place >= text_.size() || is(text_[place], boundary);
  };
  for (; at < text_.size(); ++at) {
    const char c = text_[at];
    if (c == ';') {
      if (first || ends(at + (peek(at + 1) == ' ' ? 2 : 1))) break;
      if (peek(at + 1) == ' ') ++at;
    } else if (c == '"' || c == '\\' || static_cast<unsigned char>(c) <= ' ') {
      break;
    }
  }
  return at;
}

// The value behind the name of a cookie, and behind "Cookie:" all that follow: their names go too.
std::optional<find> scanner::cookie_at(std::size_t from, std::size_t at, written quote,
                                       std::uint8_t percent) const {
  constexpr std::size_t name_max = 256;
  written one = read(text_, at);
  const std::size_t name = at;
  while (one.length != 0 && one.c != '=' && !is(one.c, boundary) && at - name < name_max) {
    at += one.length;
    one = read(text_, at);
  }
  if (one.c != '=' || at == name) return std::nullopt;
  at += one.length;
  if (text_.substr(at).starts_with("[token")) return std::nullopt;
  // Behind the first one of "Set-Cookie:" are its path and the like.
  const bool first = ends_ignoring_case(text_.substr(0, from), "set-");
  std::size_t stop = quote.length == 0 ? cookies_end(at, first) : value_end(at, quote, percent);
  if (first)
    stop = static_cast<std::size_t>(std::find(text_.begin() + at, text_.begin() + stop, ';') -
                                    text_.begin());
  if (is_masked(text_.substr(at, stop - at))) return std::nullopt;
  return find{at, stop, token};
}

std::optional<find> scanner::assigned_at(std::size_t from, std::size_t end) const {
  std::size_t at = end;
  written one = read(text_, at);
  const auto step = [&] { one = read(text_, at += one.length); };
  if (is_quote(one.c)) step();
  // user[password]=, token[]=
  const bool bracket = one.c == '[' || (one.c == ']' && is_index(from));
  if (bracket) {
    if (one.c == '[') step();
    if (one.c != ']') return std::nullopt;
    step();
  }
  const std::size_t closed = at;
  for (int blanks = 0; blanks < 4 && one.c == ' '; ++blanks) step();
  if (one.c != '=' && (one.c != ':' || bracket)) return std::nullopt;
  const bool in_query = one.c == '=' && at == closed && is_in_query(text_, from);
  const std::string_view name = text_.substr(from, end - from);
  const bool authorization = ends_ignoring_case(name, "authorization");
  const bool cookie = !authorization && ends_ignoring_case(name, "cookie");
  const std::size_t least = authorization ? 8
                            : cookie      ? 1
                                          : secret_length(text_, from, end, in_query);
  if (least == 0) return std::nullopt;
  const std::uint8_t percent = one.percent;
  step();
  if (one.c == '>') step();
  const auto is_blank = [&] {
    return one.c == ' ' || one.c == '\t' || (one.c == '+' && percent > 0);
  };
  for (int blanks = 0; blanks < 8 && is_blank(); ++blanks) step();
  const written quote = quote_at(at);
  at += quote.length;
  if (cookie) return cookie_at(from, at, quote, percent);
  if (authorization) {
    // "Basic dXNlcjpwYXNz": the scheme stays.
    std::size_t scheme = at;
    while (is(peek(scheme), key)) ++scheme;
    const written behind = read(text_, scheme);
    if (scheme > at && (behind.c == ' ' || behind.c == '+')) at = scheme + behind.length;
  }
  const std::size_t stop = value_end(at, quote, percent);
  const std::string_view value = text_.substr(at, stop - at);
  if (value.size() < least || is_masked(value)) return std::nullopt;
  return find{at, stop, token};
}

// Whether the word is an index: user[password], config['password'].
bool scanner::is_index(std::size_t from) const {
  written one = before(from);
  if (is_quote(one.c)) one = before(from -= one.length);
  if (one.c != '[') return false;
  const unsigned char back = before(from - one.length).c;
  return is(back, word) || back == ']';
}

std::optional<find> scanner::url_password_at(std::size_t from, std::uint8_t percent) const {
  constexpr std::size_t authority_max = 512;
  std::size_t password = 0;
  for (std::size_t at = from; at < text_.size() && at - from < authority_max;) {
    const written one = read(text_, at);
    const std::size_t next = at + one.length;
    if (one.percent <= percent) {
      if (one.c == '@') {
        if (password == 0 || password == at || is_masked(text_.substr(password, at - password))) {
          break;
        }
        return find{password, at, token};
      }
      if (one.c == ':' && password == 0) password = next;
      const bool ends = one.c == '/' || one.c == '?' || one.c == '#' || is(one.c, boundary);
      if (ends && one.c != '[' && one.c != ']') break;
    }
    at = next;
  }
  return std::nullopt;
}

}  // namespace penstock::redact::detail
