#include "streams/logs/redact_scan.hpp"

#include <algorithm>
#include <array>

#include "streams/logs/redact_classes.hpp"

namespace penstock::redact::detail {

namespace {

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
    } else if (c != '%' && c != '\\' && c != '@' && c != ':') {
      ++at_;
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
  const std::size_t length = ipv4_length(text_.substr(from, longest));
  if (length == 0 || before(from).c == '.') return std::nullopt;
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
  bool gap = false;
  written one;
  for (unsigned char back = 0;; back = one.c) {
    const std::size_t start = end;
    while (is(peek(end), hexadecimal)) ++end;
    if (end != start) back = 0;
    one = read(text_, end);
    if (one.c != ':' && one.c != '.') break;
    if (one.c == ':') ++colons;
    gap = gap || (one.c == ':' && back == ':');
    size += end - start + 1;
    end += one.length;
  }
  ipv6_floor_ = end;
  // All groups but those of a gap, the last two perhaps of version 4; a time has fewer.
  if (colons < 2 || (!gap && colons < 6) || size > longest || is(one.c, word)) return std::nullopt;
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

}  // namespace penstock::redact::detail
