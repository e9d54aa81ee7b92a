// Keys and values for people: what a topic's remembered format ("text", "json", "binary:u64",
// "binary:struct{word:string,count:u64}") makes of bytes, and of what somebody typed. Formats are
// interpreted from their names, so the tool knows the values of programs that it was not built
// with. Bytes: docs/formats/values.md.
#pragma once

#include <string>

#include "streams/base/bytes.hpp"
#include "streams/base/result.hpp"
#include "streams/record/type_name.hpp"

namespace penstock {

class rendering {
 public:
  /// The format of that name. Names that this version does not know are rendered as escaped bytes
  /// and cannot be typed in.
  explicit rendering(const std::string& format);

  /// True when bytes are printed and taken as they are.
  bool is_raw() const { return kind_ == kind::raw; }

  /// Appends the value as text: scalars plainly, composed values as JSON, bytes that are no such
  /// value with everything unprintable as \xNN.
  void to_text(bytes_view value, bytes& to) const;

  /// Appends the value as one JSON value: numbers and composed values as such, text as a string,
  /// bytes that are neither as {"base64":"…"}.
  void to_json(bytes_view value, bytes& to) const;

  /// Appends the bytes of what was typed; `bad_record` saying what it should be.
  result<void> from_text(bytes_view typed, bytes& to) const;

 private:
  enum class kind : std::uint8_t { raw, json, binary, unknown };
  std::string name_;
  kind kind_ = kind::raw;
  described_type type_;
};

bool is_utf8(bytes_view text);

/// Fine for "text", "json" and "binary:" with a type that this version knows; `invalid_argument`
/// naming the format and those there are.
result<void> check_format(const std::string& format);

}  // namespace penstock
