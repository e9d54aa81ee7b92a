// `--format '%k\t%v\n'`: compiled once, applied to every record.
#pragma once

#include <string>
#include <vector>

#include "streams/base/ids.hpp"
#include "streams/base/result.hpp"
#include "streams/record/record.hpp"
#include "tools/penstock/formats.hpp"

namespace penstock::tool {

class record_format {
 public:
  /// `invalid_argument` naming what is wrong in `format`.
  static result<record_format> parse(const std::string& format);

  struct context {
    const std::string& topic;
    std::int32_t partition;
    const rendering& key;
    const rendering& value;
    const std::string& null_as;
  };
  void print(const record_view& record, const context& with, bytes& to) const;

 private:
  enum class part : std::uint8_t {
    literal,
    key,
    value,
    time,
    partition,
    offset,
    headers,
    kafka_headers,
    topic
  };
  struct piece {
    part what;
    std::string text;  // of a literal
  };
  std::vector<piece> pieces_;
};

/// The record as one line of JSON.
void print_json(const record_view& record, const record_format::context& with, bytes& to);

/// `\t`, `\n`, `\r`, `\0`, `\\` and `\xNN` as the bytes they stand for; `invalid_argument` naming
/// `flag` for anything else behind a backslash.
result<std::string> unescape(const std::string& flag, const std::string& text);

}  // namespace penstock::tool
