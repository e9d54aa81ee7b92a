#include "streams/logs/pairs.hpp"

#include <fmt/format.h>

#include "streams/logs/scan.hpp"

namespace penstock::logs {
namespace {

using detail::scanner;

void append_utf8(std::uint32_t point, std::string& to) {
  const auto put = [&](std::uint32_t byte) { to += static_cast<char>(byte); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xc0 | point >> 6);
    put(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    put(0xe0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3f));
    put(0x80 | (point & 0x3f));
  } else {
    put(0xf0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3f));
    put(0x80 | (point >> 6 & 0x3f));
    put(0x80 | (point & 0x3f));
  }
}

bool take_hex4(scanner& s, std::uint32_t& into) {
  if (s.left() < 4) return false;
  into = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = s.at[i];
    const char low = static_cast<char>(c | 0x20);
    if (!detail::is_digit(c) && (low < 'a' || low > 'f')) return false;
    into = into << 4 | static_cast<std::uint32_t>(detail::is_digit(c) ? c - '0' : low - 'a' + 10);
  }
  s.at += 4;
  return true;
}

// Behind "\u". Half a surrogate pair becomes U+FFFD.
bool take_code_point(scanner& s, std::string& into) {
  std::uint32_t point = 0, low = 0;
  if (!take_hex4(s, point)) return false;
  if (point >= 0xd800 && point < 0xdc00) {
    const char* const before = s.at;
    if (s.skip(std::string_view{"\\u"}) && take_hex4(s, low) && low >= 0xdc00 && low < 0xe000) {
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    } else {
      s.at = before;
    }
  }
  append_utf8(point >= 0xd800 && point < 0xe000 ? 0xfffd : point, into);
  return true;
}

char meant_by(char escape) {
  switch (escape) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    default:
      return escape;  // \" \\ \/, and what is none stays a character
  }
}

// Behind the opening quote, up to and with the closing one.
bool take_json_text(scanner& s, std::string& into) {
  into.clear();
  while (!s.done()) {
    const char c = *s.at++;
    if (c == '"') return true;
    if (c != '\\') {
      into += c;
    } else if (s.done()) {
      return false;
    } else if (s.skip('u')) {
      if (!take_code_point(s, into)) into += "\\u";
    } else {
      into += meant_by(*s.at++);
    }
  }
  return false;
}

bool is_space(char c) {
  return c == ' ' || c == '\t';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

constexpr const char* too_many = "at most 1024 fields";

// One line of key_value being read.
class pair_reader {
 public:
  pair_reader(const key_value& how, std::string_view line)
      : how_(how), s_(line), spaced_(how.pair.find_first_not_of(' ') == std::string::npos) {}

  /// The name of what is missing, or null.
  const char* read(fields& into) {
    skip_separators();
    while (!s_.done()) {
      if (into.size() >= pairs_most) return too_many;
      bool quoted = false;
      if (const char* missing = take(name_, how_.assign, quoted)) return missing;
      if (name_.empty() && !quoted) return "a name";
      const std::string name = name_;
      if (s_.skip(std::string_view{how_.assign})) {
        if (const char* missing = take(name_, {}, quoted)) return missing;
        into.join(name, name_);
      } else if (how_.lone_names) {
        into.join(name, "true");
      } else {
        return "the separator of name and text";
      }
      if (!s_.done() && !at_pair_end()) return "the separator of pairs behind a quote";
      skip_separators();
    }
    return nullptr;
  }

  std::size_t position() const { return s_.position(); }

 private:
  bool at_pair_end() const { return s_.rest().starts_with(how_.pair) || (spaced_ && s_.done()); }

  // Empty pairs, such as that behind the last separator, are none.
  void skip_separators() {
    while (true) {
      while (!s_.done() && is_space(*s_.at) && !at_pair_end()) ++s_.at;
      if (!s_.skip(std::string_view{how_.pair})) return;
    }
  }

  // A text in quotes, or all up to `stop`, the end of the pair, or the end of the line.
  const char* take(std::string& into, std::string_view stop, bool& quoted) {
    into.clear();
    while (!s_.done() && is_space(*s_.at) && !at_pair_end()) ++s_.at;
    quoted = how_.quote != 0 && s_.peek() == how_.quote;
    if (quoted) {
      ++s_.at;
      if (!take_quoted(into)) return "a closing quote";
      while (!s_.done() && is_space(*s_.at) && !at_pair_end()) ++s_.at;
      return nullptr;
    }
    const std::string_view rest = s_.rest();
    std::size_t end = std::min(rest.find(how_.pair), rest.size());
    if (!stop.empty()) end = std::min(end, rest.substr(0, end + stop.size() - 1).find(stop));
    into = trimmed(rest.substr(0, end));
    s_.at += end;
    return nullptr;
  }

  bool take_quoted(std::string& into) {
    while (!s_.done()) {
      const char c = *s_.at++;
      if (c == how_.quote) return true;
      if (c == '\\' && !s_.done() && (*s_.at == how_.quote || *s_.at == '\\')) {
        into += *s_.at++;
      } else {
        into += c;
      }
    }
    return false;
  }

  const key_value& how_;
  scanner s_;
  bool spaced_;
  std::string name_;
};

}  // namespace

result<fields> read_logfmt(std::string_view line) {
  line = detail::without_newline(line);
  scanner s{line};
  fields found;
  found.reserve(16);
  std::string text;
  const auto wrong = [&](std::string_view wanted) {
    return detail::not_a_line("logfmt", wanted, s.position(), line);
  };
  while (true) {
    while (!s.done() && static_cast<unsigned char>(*s.at) <= ' ') ++s.at;
    if (s.done()) break;
    if (found.size() >= pairs_most) return wrong(too_many);
    const char* const start = s.at;
    while (!s.done() && static_cast<unsigned char>(*s.at) > ' ' && *s.at != '=' && *s.at != '"') {
      ++s.at;
    }
    const std::string_view name{start, static_cast<std::size_t>(s.at - start)};
    if (name.empty()) return wrong("a name");
    if (s.peek() == '"') return wrong("'=' between the name and its text");
    if (!s.skip('=')) {
      found.join(name, "true");
      continue;
    }
    if (s.skip('"')) {
      if (!take_json_text(s, text))
        return wrong("the closing quote of '" + std::string{name.substr(0, 80)} + "'");
      if (!s.done() && static_cast<unsigned char>(*s.at) > ' ') {
        return wrong("a space behind a closing quote");
      }
      found.join(name, text);
      continue;
    }
    const char* const value = s.at;
    while (!s.done() && static_cast<unsigned char>(*s.at) > ' ' && *s.at != '"') ++s.at;
    if (s.peek() == '"') return wrong("no quote inside a text that is not quoted");
    found.join(name, {value, static_cast<std::size_t>(s.at - value)});
  }
  if (found.empty()) return wrong("at least one name");
  return found;
}

std::string key_value::problem() const {
  if (pair.empty() || assign.empty()) return "key_value: a separator is empty";
  if (pair == assign) return fmt::format("key_value: '{}' separates pairs and texts", pair);
  if (quote != 0 && (pair + assign).find(quote) != std::string::npos) {
    return fmt::format("key_value: the quote {} is in a separator", quote);
  }
  return {};
}

result<fields> key_value::operator()(std::string_view line) const {
  if (const std::string unusable = problem(); !unusable.empty()) {
    return error{errc::invalid_argument, unusable};
  }
  line = detail::without_newline(line);
  fields found;
  pair_reader reader{*this, line};
  if (const char* missing = reader.read(found)) {
    return detail::not_a_line("names and texts", missing, reader.position(), line);
  }
  if (found.empty()) {
    return detail::not_a_line("names and texts", "at least one pair", reader.position(), line);
  }
  return found;
}

}  // namespace penstock::logs
