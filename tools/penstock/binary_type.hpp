// A type as the name of a binary format spells it ("list<u32>", "struct{word:string,count:u64}"),
// interpreted: bytes to text and JSON, and back. Every read is bounds-checked.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "streams/base/bytes.hpp"

namespace penstock::tool {

struct binary_type {
  enum class kind : std::uint8_t {
    string,
    boolean,
    integer,
    real,
    timestamp,
    duration,
    optional,
    list,
    map,
    tuple,
    structure,
  };
  struct field {
    std::uint64_t tag;
    std::string name;
  };

  /// Null when `name` is not a type that this version knows.
  static std::shared_ptr<const binary_type> parse(std::string_view name);

  bool is_string() const { return what == kind::string; }

  /// False when `from` is no such value; `to` may have grown then.
  bool to_text(bytes_view from, bytes& to) const;
  bool to_json(bytes_view from, bytes& to, int depth) const;
  bool from_text(bytes_view typed, bytes& to) const;

  kind what = kind::string;
  bool is_signed = false;
  std::size_t width = 0;  // of numbers; 0: not of fixed size
  std::vector<std::shared_ptr<const binary_type>> parts;
  std::vector<field> fields;  // of a structure, beside its parts

 private:
  bool scalar_to_text(bytes_view from, bytes& to) const;
  bool elements_to_json(bytes_view from, bytes& to, int depth) const;
  bool structure_to_json(bytes_view from, bytes& to, int depth) const;
  bool from_json(const nlohmann::json& from, bytes& to) const;
};

}  // namespace penstock::tool
