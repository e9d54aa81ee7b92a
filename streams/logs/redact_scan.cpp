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
    if (octet > 0 && (at >= text.size() || text[at++] != '.')) return 0;
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
    {"password", 1},  {"passwd", 1},      {"pwd", 1},         {"passphrase", 1}, {"secret", 8},
    {"token", 8},     {"apikey", 8},      {"api_key", 8},     {"access_key", 8}, {"secret_key", 8},
    {"auth_key", 8},  {"private_key", 8}, {"signing_key", 8}, {"credential", 8}, {"accesskey", 8},
    {"secretkey", 8}, {"authtoken", 8},   {"accesstoken", 8}, {"sessionid", 8},  {"session_id", 8},
};
/// In the query of a URL a name says more: these too, as the last part of a name, and a value of
/// any length ("token=abc").
constexpr std::string_view query_secrets[] = {"key",  "pass", "sig", "signature",
                                              "auth", "sid",  "jwt", "session"};
constexpr std::string_view key_adjectives[] = {"api-", "access-", "secret-", "auth-", "private-"};

// Whether the word is the end of a parameter's name: "key" of "?x-api-key=".
bool is_in_query(std::string_view text, std::size_t from, std::size_t end) {
  constexpr std::size_t name_max = 64;
  if (end >= text.size() || text[end] != '=') return false;
  while (from > 0 && is(text[from - 1], key) && end - from < name_max) --from;
  return from > 0 && (text[from - 1] == '?' || text[from - 1] == '&' || text[from - 1] == ';');
}

std::size_t secret_length(std::string_view text, std::size_t from, std::size_t end) {
  const std::string_view name = text.substr(from, end - from);
  const bool in_query = is_in_query(text, from, end);
  for (const secret_name& one : secret_names) {
    if (ends_ignoring_case(name, one.name)) return in_query ? 1 : one.least;
  }
  const std::string_view last = name.substr(name.rfind('_') + 1);  // all of it without one
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
  int groups = 0;
  bool gap = false;
  std::size_t at = 0;
  if (text.starts_with("::")) {
    gap = true;
    at = 2;
    if (text.size() == 2) return false;
  }
  while (at < text.size()) {
    std::size_t end = at;
    while (end < text.size() && end - at < 5 && is(text[end], hexadecimal)) ++end;
    if (end < text.size() && text[end] == '.') {
      if (!is_ipv4(text.substr(at))) return false;
      groups += 2;
      break;
    }
    if (end == at || end - at > 4) return false;
    ++groups;
    at = end;
    if (at == text.size()) break;
    if (text[at] != ':' || ++at == text.size()) return false;
    if (text[at] == ':') {
      if (gap) return false;
      gap = true;
      ++at;
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
      if (c == '@') {
        found = at_sign(1);
      } else if (c == '%' && text_.substr(at_, 3) == "%40") {  // '@' in URLs
        found = at_sign(3);
      } else if (c == ':') {
        found = at_colon();
      }
      if (!found) ++at_;
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

std::optional<find> scanner::at_sign(std::size_t length) {
  return wants(email) ? email_at(at_, length) : std::nullopt;
}

std::optional<find> scanner::at_colon() {
  if (wants(token) && peek(at_ + 1) == '/' && peek(at_ + 2) == '/') {
    if (auto found = url_password_at(at_)) return found;
  }
  const unsigned char back = before(at_);
  if (wants(ipv6) && peek(at_ + 1) == ':' && !is(back, word) && back != ':') return ipv6_at(at_);
  return std::nullopt;
}

std::optional<find> scanner::email_at(std::size_t sign, std::size_t length) const {
  constexpr std::size_t local_max = 64;
  constexpr std::size_t domain_max = 253;
  std::size_t begin = sign;
  while (begin > floor_ && sign - begin < local_max && is(text_[begin - 1], local)) --begin;
  while (begin < sign && (text_[begin] == '.' || text_[begin] == '-' || text_[begin] == '\'')) {
    ++begin;
  }
  if (begin == sign || text_[sign - 1] == '.') return std::nullopt;
  const std::size_t host = sign + length;
  // Labels with dots between them, the last one of letters.
  std::size_t end = host;
  std::size_t good = 0;
  bool first = true;
  while (end < text_.size() && end - host < domain_max) {
    const std::size_t label = end;
    bool letters = true;
    while (end < text_.size() && end - host < domain_max && is(text_[end], domain)) {
      letters = letters && !is(text_[end], digit) && text_[end] != '-';
      ++end;
    }
    if (end == label || text_[label] == '-') break;
    const bool international = text_.substr(label, end - label).starts_with("xn--");
    if (!first && (letters || international) && end - label >= 2) good = end;
    first = false;
    if (peek(end) != '.') break;
    ++end;
  }
  if (good == 0 || is_unit(text_.substr(host, good - host))) return std::nullopt;
  return find{begin, good, email};
}

std::optional<find> scanner::ipv4_at(std::size_t from) const {
  if (before(from) == '.') return std::nullopt;
  const std::size_t length = ipv4_length(text_.substr(from, 16));
  if (length == 0) return std::nullopt;
  const std::size_t end = from + length;
  if (is(peek(end), word) || (peek(end) == '.' && is(peek(end + 1), digit))) return std::nullopt;
  return find{from, end, ipv4};
}

std::optional<find> scanner::ipv6_at(std::size_t from) {
  if (from < ipv6_floor_) return std::nullopt;
  std::size_t end = from;
  std::size_t colons = 0;
  while (end < text_.size() &&
         (is(text_[end], hexadecimal) || text_[end] == ':' || text_[end] == '.')) {
    if (text_[end] == ':') ++colons;
    ++end;
  }
  ipv6_floor_ = end;
  if (colons < 2 || end - from > 64 || is(peek(end), word)) return std::nullopt;
  std::string_view run = text_.substr(from, end - from);
  while (run.ends_with('.') || (run.ends_with(':') && !run.ends_with("::"))) run.remove_suffix(1);
  if (!is_ipv6(run)) {
    // A port behind a point, as tcpdump writes it.
    const std::size_t point = run.rfind('.');
    if (point == std::string_view::npos) return std::nullopt;
    run = run.substr(0, point);
    if (!is_ipv6(run)) return std::nullopt;
  }
  std::size_t stop = from + run.size();
  if (stop == end && peek(end) == '%') {
    std::size_t zone = end + 1;
    while (zone < text_.size() && zone - end < 32 && is(text_[zone], key)) ++zone;
    if (zone > end + 1) stop = zone;
  }
  return find{from, stop, ipv6};
}

std::optional<find> scanner::card_at(std::size_t from) const {
  constexpr std::size_t digits_max = 19;
  if (before(from) == '.') return std::nullopt;
  std::array<char, digits_max> digits{};
  std::size_t count = 0;
  std::size_t groups = 0;
  std::size_t best = 0;
  char between = 0;
  for (std::size_t at = from;;) {
    const std::size_t start = at;
    while (at < text_.size() && is(text_[at], digit)) {
      if (count == digits_max)
        return best == 0 ? std::nullopt : std::optional{find{from, best, card}};
      digits[count++] = text_[at++];
    }
    const std::size_t size = at - start;
    ++groups;
    if (is(peek(at), word) || (peek(at) == '.' && is(peek(at + 1), digit))) break;
    if (groups > 1 && size > 6) break;
    const std::string_view number{digits.data(), count};
    if (is_issued(number) && luhn(number)) best = at;
    // Groups: four digits first, and none of one or two but the last.
    if (groups == 1 ? size != 4 : size < 3) break;
    const char next = static_cast<char>(peek(at));
    if ((next != ' ' && next != '-') || (between != 0 && next != between)) break;
    if (!is(peek(at + 1), digit)) break;
    between = next;
    ++at;
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
  if (!equal_ignoring_case(text_.substr(from, end - from), "bearer") || peek(end) != ' ') {
    return std::nullopt;
  }
  std::size_t begin = end;
  while (peek(begin) == ' ' && begin - end < 8) ++begin;
  std::size_t stop = begin;
  bool digits = false;
  while (stop < text_.size() && is(text_[stop], bearer)) {
    digits = digits || is(text_[stop], digit);
    ++stop;
  }
  const std::size_t size = stop - begin;
  if (size < 8 || (!digits && size < 20)) return std::nullopt;  // "bearer of bad news"
  return find{begin, stop, token};
}

std::optional<find> scanner::assigned_at(std::size_t from, std::size_t end) const {
  std::size_t at = end;
  if (peek(at) == '"' || peek(at) == '\'') ++at;
  while (peek(at) == ' ' && at - end < 4) ++at;
  if (peek(at) != '=' && peek(at) != ':') return std::nullopt;
  ++at;
  const bool authorization = ends_ignoring_case(text_.substr(from, end - from), "authorization");
  std::size_t least = authorization ? 8 : secret_length(text_, from, end);
  if (least == 0) return std::nullopt;
  if (peek(at) == '>') ++at;
  for (std::size_t spaces = 0; spaces < 8 && (peek(at) == ' ' || peek(at) == '\t'); ++spaces) ++at;
  const char quote = peek(at) == '"' || peek(at) == '\'' ? text_[at++] : '\0';
  if (authorization) {
    // "Basic dXNlcjpwYXNz": the scheme stays.
    std::size_t scheme = at;
    while (is(peek(scheme), key)) ++scheme;
    if (scheme > at && peek(scheme) == ' ') at = scheme + 1;
  }
  std::size_t stop = at;
  if (quote != 0) {
    while (stop < text_.size() && text_[stop] != quote && text_[stop] != '\n') {
      stop += text_[stop] == '\\' && stop + 1 < text_.size() ? 2 : 1;
    }
  } else {
    while (stop < text_.size() && !is(text_[stop], boundary)) ++stop;
  }
  // What was taken out before stays as it is.
  const std::string_view value = text_.substr(at, stop - at);
  if (value.size() < least || value.find_first_not_of('*') == std::string_view::npos ||
      value.starts_with("[token")) {
    return std::nullopt;
  }
  return find{at, stop, token};
}

std::optional<find> scanner::url_password_at(std::size_t colon) const {
  constexpr std::size_t authority_max = 512;
  std::size_t password = 0;
  for (std::size_t at = colon + 3; at < text_.size() && at - colon < authority_max; ++at) {
    const char c = text_[at];
    if (c == '@') {
      if (password == 0 || password == at || text_.substr(password).starts_with("[token")) break;
      return find{password, at, token};
    }
    if (c == ':' && password == 0) password = at + 1;
    if (c == '/' || c == '?' || c == '#' || c == '"' || is(c, boundary)) {
      if (!(c == '[' || c == ']')) break;
    }
  }
  return std::nullopt;
}

}  // namespace penstock::redact::detail
