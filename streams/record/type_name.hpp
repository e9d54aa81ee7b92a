// What the name of a format says about bytes, for programs that do not have the C++ type: the
// command-line tool renders records by it, and a job compares the names to see whether it may read
// what another version of it wrote. docs/formats/values.md has the grammar.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "streams/base/bytes.hpp"
#include "streams/base/result.hpp"

namespace penstock {

/// A type as the name of a binary format spells it: "list<struct{path:string,hits:u64}>".
struct described_type {
  enum class kind : std::uint8_t {
    boolean,
    integer,
    floating,
    string,
    timestamp_ms,
    duration_ms,
    optional,
    list,
    map,
    tuple,
    structure
  };
  kind what = kind::string;
  std::uint8_t bytes = 0;             // of integer and floating
  bool is_signed = false;             // of integer
  std::vector<described_type> inner;  // elements, or the types of the fields
  std::vector<std::string> names;     // of the fields of a structure
  std::vector<std::uint32_t> tags;    // of the fields of a structure

  /// A boolean, number, string or time: what has a plain text.
  bool is_scalar() const { return what <= kind::duration_ms; }

  /// Encoded size when it is the same for every value, else 0.
  std::size_t fixed_size() const;
};

/// `invalid_argument` with the place when `name` is not the name of a type.
result<described_type> parse_type(std::string_view name);

/// Whether what was written in format `written` can be read in format `wanted`: the same, but for
/// fields of structs that were added, dropped or renamed.
bool can_read(std::string_view wanted, std::string_view written);

}  // namespace penstock
