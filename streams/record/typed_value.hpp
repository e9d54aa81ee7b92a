// Values in binary formats, interpreted by the names of their types: bytes to text and JSON, and
// back. Every read is bounds-checked. Bytes: docs/formats/values.md.
#pragma once

#include "streams/base/bytes.hpp"
#include "streams/record/type_name.hpp"

namespace penstock {

/// Appends scalars plainly, composed values as JSON. False when `from` is no such value; `to` may
/// have grown then.
bool value_to_text(const described_type& type, bytes_view from, bytes& to);

/// The same as one JSON value.
bool value_to_json(const described_type& type, bytes_view from, bytes& to);

/// Appends the bytes of what was typed: what `value_to_text` gives, and times also as people write
/// them. False when it is no such value.
bool value_from_text(const described_type& type, bytes_view typed, bytes& to);

}  // namespace penstock
