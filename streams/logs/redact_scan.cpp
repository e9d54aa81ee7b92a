#include "streams/logs/redact_scan.hpp"

#include <algorithm>
#include <array>

namespace penstock::redact::detail {

namespace {

enum : std::uint8_t {
  digit = 1,
  hexadecimal = 2,  // digits too
  word = 4,         // letters, digits, '_'
  local = 8,        // in front of an e-mail's '@'
  domain = 16,
  key = 32,       // in keys of services: words and '-'
  bearer = 64,    // in what follows "Bearer"
  boundary = 128  // ends a value without quotes
};

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> all{};
  const auto add = [&](std::string_view chars, unsigned what) {
    for (const char c : chars) {
      auto& one = all[static_cast<unsigned char>(c)];
      one = static_cast<std::uint8_t>(one | what);
    }
  };
  const std::string_view digits = "0123456789";
  const std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  add(digits, digit | hexadecimal | word | local | domain | key | bearer);
  add(letters, word | local | domain | key | bearer);
  add("abcdefABCDEF", hexadecimal);
  add("_", word | key);
  add("._%+'-", local);
  add("-", domain | key);
  add("-._~+/=", bearer);
  add(std::string_view{" \t\r\n\v\f\"'`,;&<>()[]{}|\\\0", 23}, boundary);
  // Names outside of ASCII are allowed in addresses.
  for (unsigned c = 0x80; c < 256; ++c) all[c] = local | domain;
  return all;
}

constexpr auto classes = make_classes();

constexpr bool is(unsigned char c, unsigned what) {
  return (classes[c] & what) != 0;
}
constexpr bool is(char c, unsigned what) {
  return is(static_cast<unsigned char>(c), what);
}

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool equal_ignoring_case(std::string_view text, std::string_view lowered) {
  return text.size() == lowered.size() && std::equal(text.begin(), text.end(), lowered.begin(),
                                                     [](char a, char b) { return lower(a) == b; });
}

bool ends_ignoring_case(std::string_view text, std::string_view lowered) {
  return text.size() >= lowered.size() &&
         equal_ignoring_case(text.substr(text.size() - lowered.size()), lowered);
}

// The dotted address at the front of the text: its length, or 0.
std::size_t ipv4_length(std::string_view text) {
  std::size_t at = 0;
  for (int octet = 0; octet < 4; ++octet) {
    if (octet > 0) {
      const written point = read(text, at);
      if (point.c != '.') return 0;
      at += point.length;
    }
    unsigned value = 0;
    const std::size_t start = at;
    while (at < text.size() && at - start < 4 && is(text[at], digit)) {
      value = value * 10 + static_cast<unsigned>(text[at++] - '0');
    }
    if (at == start || at - start > 3 || value > 255) return 0;
  }
  return at;
}

// Numbers that card issuers give out: first digits and length.
bool is_issued(std::string_view digits) {
  const auto front = [&](std::size_t count) {
    unsigned value = 0;
    for (const char c : digits.substr(0, count))
      value = value * 10 + static_cast<unsigned>(c - '0');
    return value;
  };
  const std::size_t size = digits.size();
  if (size < 13 || size > 19) return false;
  const unsigned two = front(2);
  const unsigned four = front(4);
  switch (digits[0]) {
    case '2':
      return size == 16 && ((four >= 2200 && four <= 2204) || (four >= 2221 && four <= 2720));
    case '3':
      if (two == 34 || two == 37) return size == 15;
      return two == 30 || two == 35 || two == 36 || two == 38 || two == 39;
    case '4':
      return size == 13 || size == 16 || size == 19;
    case '5':
      return two >= 51 && two <= 55 ? size == 16 : two == 50 || two >= 56;
    case '6':
      return true;
    default:
      return false;
  }
}

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

// Units of systemd look like addresses: user@1000.service.
bool is_unit(std::string_view host) {
  constexpr std::string_view endings[] = {".service", ".socket", ".target", ".timer",
                                          ".mount",   ".slice",  ".scope",  ".device"};
  return std::any_of(std::begin(endings), std::end(endings),
                     [&](std::string_view one) { return host.ends_with(one); });
}

}  // namespace

bool luhn(std::string_view digits) {
  unsigned sum = 0;
  bool twice = false;
  for (auto at = digits.rbegin(); at != digits.rend(); ++at, twice = !twice) {
    unsigned value = static_cast<unsigned>(*at - '0');
    if (twice) value = value * 2 > 9 ? value * 2 - 9 : value * 2;
    sum += value;
  }
  return sum % 10 == 0;
}

bool is_ipv4(std::string_view text) {
  return !text.empty() && ipv4_length(text) == text.size();
}

bool is_ipv6(std::string_view text) {
  const auto colon = [&](std::size_t at) {
    const written one = read(text, at);
    return one.c == ':' ? one.length : std::uint8_t{0};
  };
  int groups = 0;
  bool gap = false;
  std::size_t at = 0;
  if (const std::size_t first = colon(0); first != 0 && colon(first) != 0) {
    gap = true;
    at = first + colon(first);
    if (text.size() == at) return false;
  }
  while (at < text.size()) {
    std::size_t end = at;
    while (end < text.size() && end - at < 5 && is(text[end], hexadecimal)) ++end;
    if (read(text, end).c == '.') {
      if (!is_ipv4(text.substr(at))) return false;
      groups += 2;
      break;
    }
    if (end == at || end - at > 4) return false;
    ++groups;
    at = end;
    if (at == text.size()) break;
    const std::size_t one = colon(at);
    at += one;
    if (one == 0 || at == text.size()) return false;
    if (const std::size_t two = colon(at); two != 0) {
      if (gap) return false;
      gap = true;
      at += two;
    }
  }
  return gap ? groups <= 7 : groups == 8;
}

scanner::scanner(std::string_view text, std::uint8_t kinds, std::size_t from)
    : text_(text), kinds_(kinds), at_(from), floor_(from) {
  if (wants(ipv4) || wants(card)) starts_ |= digit;
  if (wants(ipv6)) starts_ |= hexadecimal;
  if (wants(token)) starts_ |= word;
}

std::size_t scanner::word_end(std::size_t from) const {
  while (from < text_.size() && is(text_[from], word)) ++from;
  return from;
}

std::optional<find> scanner::next() {
  while (at_ < text_.size()) {
    const auto c = static_cast<unsigned char>(text_[at_]);
    std::optional<find> found;
    if (is(c, word)) {
      const std::size_t end = word_end(at_ + 1);
      if (is(c, starts_)) found = at_word(end);
      if (!found) at_ = end;
    } else {
      // Behind an escape a word begins: the digits of "%20" are none of it.
      const written one = read(text_, at_);
      if (one.c == '@') {
        found = at_sign(one);
      } else if (one.c == ':') {
        found = at_colon(one);
      }
      if (!found) at_ += one.length;
    }
    if (found) {
      at_ = floor_ = found->end;
      return found;
    }
  }
  return std::nullopt;
}

std::optional<find> scanner::at_word(std::size_t end) {
  const unsigned char c = peek(at_);
  if (wants(ipv6) && is(c, hexadecimal)) {
    if (auto found = ipv6_at(at_)) return found;
  }
  if (is(c, digit)) {
    if (wants(ipv4)) {
      if (auto found = ipv4_at(at_)) return found;
    }
    if (wants(card)) {
      if (auto found = card_at(at_)) return found;
    }
    return std::nullopt;
  }
  return wants(token) ? token_at(at_, end) : std::nullopt;
}

std::optional<find> scanner::at_sign(written sign) const {
  return wants(email) ? email_at(at_, sign) : std::nullopt;
}

std::optional<find> scanner::at_colon(written colon) {
  const written next = read(text_, at_ + colon.length);
  if (wants(token) && next.c == '/') {
    const std::size_t slash = at_ + colon.length + next.length;
    const written second = read(text_, slash);
    if (second.c == '/') {
      if (auto found = url_password_at(slash + second.length, colon.percent)) return found;
    }
  }
  if (!wants(ipv6) || next.c != ':') return std::nullopt;
  const unsigned char back = before(at_).c;
  return !is(back, word) && back != ':' ? ipv6_at(at_) : std::nullopt;
}

// Where the name in front of an e-mail's '@' begins.
std::size_t scanner::local_begin(std::size_t sign) const {
  constexpr std::size_t local_max = 64;
  std::size_t begin = sign;
  const written last = before(sign);
  if (last.c == '"') {  // "ada l"@example.org
    begin -= last.length;
    while (sign - begin < local_max) {
      const written one = before(begin);
      if (one.length == 0 || one.c == '\n') break;
      begin -= one.length;
      if (one.c == '"') return begin;
    }
    return sign;
  }
  while (sign - begin < local_max) {
    const written one = before(begin);
    if (!is(one.c, local)) break;
    begin -= one.length;
  }
  while (begin < sign) {
    const written one = read(text_, begin);
    if (one.c != '.' && one.c != '-' && one.c != '\'') break;
    begin += one.length;
  }
  return last.c == '.' ? sign : begin;
}

std::optional<find> scanner::email_at(std::size_t sign, written how) const {
  constexpr std::size_t domain_max = 253;
  const std::size_t begin = local_begin(sign);
  if (begin >= sign) return std::nullopt;
  const std::size_t host = sign + how.length;
  // Labels with points between them, the last one of letters.
  std::size_t end = host;
  std::size_t good = 0;
  bool first = true;
  while (end < text_.size() && end - host < domain_max) {
    const std::size_t label = end;
    bool letters = true;
    written one = read(text_, end);
    if (one.c == '-') break;
    while (end - host < domain_max && is(one.c, domain)) {
      letters = letters && !is(one.c, digit) && one.c != '-';
      end += one.length;
      one = read(text_, end);
    }
    if (end == label) break;
    const bool international = text_.substr(label, end - label).starts_with("xn--");
    if (!first && (letters || international) && end - label >= 2) good = end;
    first = false;
    if (one.c != '.') break;
    end += one.length;
  }
  if (good == 0 || is_unit(text_.substr(host, good - host))) return std::nullopt;
  return find{begin, good, email};
}

std::optional<find> scanner::ipv4_at(std::size_t from) const {
  constexpr std::size_t longest = 12 + 3 * 7;  // with escapes for points
  if (before(from).c == '.') return std::nullopt;
  const std::size_t length = ipv4_length(text_.substr(from, longest));
  if (length == 0) return std::nullopt;
  const std::size_t end = from + length;
  const written next = read(text_, end);
  if (is(next.c, word) || (next.c == '.' && is(peek(end + next.length), digit))) {
    return std::nullopt;
  }
  return find{from, end, ipv4};
}

// Two words of letters with "::" between them, or one beside it, are names of C++: dead::beef.
bool scanner::is_name(std::size_t from, std::size_t end) const {
  std::size_t colons = 0;
  for (written one; from < end; from += one.length) {
    one = read(text_, from);
    if (is(one.c, digit)) return false;
    if (one.c == ':') ++colons;
  }
  return colons == 2;
}

std::optional<find> scanner::ipv6_at(std::size_t from) {
  constexpr std::size_t longest = 64;
  if (from < ipv6_floor_) return std::nullopt;
  std::size_t end = from;
  std::size_t colons = 0;
  std::size_t size = 0;
  written one;
  for (;;) {
    while (is(peek(end), hexadecimal)) ++end, ++size;
    one = read(text_, end);
    if (one.c != ':' && one.c != '.') break;
    if (one.c == ':') ++colons;
    ++size;
    end += one.length;
  }
  ipv6_floor_ = end;
  if (colons < 2 || size > longest || is(one.c, word)) return std::nullopt;
  std::size_t stop = end;
  for (;;) {
    const written last = read_before(text_, stop, from);
    if (last.c != '.' && last.c != ':') break;
    if (last.c == ':' && read_before(text_, stop - last.length, from).c == ':') break;
    stop -= last.length;
  }
  if (!is_ipv6(text_.substr(from, stop - from))) {
    // A port behind a point, as tcpdump writes it.
    written last;
    do {
      last = read_before(text_, stop, from);
      stop -= last.length;
    } while (last.length != 0 && last.c != '.');
    if (!is_ipv6(text_.substr(from, stop - from))) return std::nullopt;
  }
  if (is_name(from, stop)) return std::nullopt;
  if (stop == end && one.c == '%') {
    std::size_t zone = end + one.length;
    while (zone < text_.size() && zone - end < 32 && is(text_[zone], key)) ++zone;
    if (zone > end + one.length) stop = zone;
  }
  return find{from, stop, ipv6};
}

std::optional<find> scanner::card_at(std::size_t from) const {
  constexpr std::size_t digits_max = 19;
  if (before(from).c == '.') return std::nullopt;
  std::array<char, digits_max> digits{};
  std::size_t count = 0;
  std::size_t groups = 0;
  std::size_t best = 0;
  unsigned char between = 0;
  for (std::size_t at = from;;) {
    const std::size_t start = at;
    while (at < text_.size() && is(text_[at], digit)) {
      if (count == digits_max)
        return best == 0 ? std::nullopt : std::optional{find{from, best, card}};
      digits[count++] = text_[at++];
    }
    const std::size_t size = at - start;
    ++groups;
    const written next = read(text_, at);
    const bool more = is(peek(at + next.length), digit);
    if (is(next.c, word) || (next.c == '.' && more)) break;
    if (groups > 1 && size > 6) break;
    const std::string_view number{digits.data(), count};
    if (is_issued(number) && luhn(number)) best = at;
    // Groups: four digits first, and none of one or two but the last. Forms write '+' for a blank.
    if (groups == 1 ? size != 4 : size < 3) break;
    if (next.c != ' ' && next.c != '-' && next.c != '+') break;
    if (!more || (between != 0 && next.c != between)) break;
    between = next.c;
    at += next.length;
  }
  if (best == 0) return std::nullopt;
  return find{from, best, card};
}

std::optional<find> scanner::token_at(std::size_t from, std::size_t end) {
  const unsigned char c = peek(from);
  if (key_starts[c]) {
    if (auto found = known_key_at(from)) return found;
  }
  if (c == 'e') {
    if (auto found = web_token_at(from)) return found;
  }
  if (auto found = bearer_at(from, end)) return found;
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
  written one = read(text_, at);
  const std::size_t name = at;
  while (one.length != 0 && one.c != '=' && !is(one.c, boundary)) {
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
