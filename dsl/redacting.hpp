// What `.redact(…)` does to values that are more than one text: a function per record, made by the
// word in stream.hpp. Not for users.
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <tuple>

#include "streams/logs/fields.hpp"
#include "streams/logs/redact.hpp"

namespace penstock::detail {

/// Members that can be redacted.
template <class M>
concept redactable = std::same_as<M, std::string> || std::same_as<M, std::optional<std::string>> ||
    std::same_as<M, logs::fields>;

inline void redact_in(const redact::redactor& how, std::string& text) {
  if (auto changed = how.replaced(text)) text = *std::move(changed);
}
inline void redact_in(const redact::redactor& how, std::optional<std::string>& text) {
  if (text) redact_in(how, *text);
}
inline void redact_in(const redact::redactor& how, logs::fields& all) {
  logs::fields changed;
  changed.reserve(all.size());
  for (const auto& [name, text] : all) changed.add(name, how(text));
  all = std::move(changed);
}

struct redact_fields {
  redact::redactor how;

  logs::fields operator()(const logs::fields& all) const {
    logs::fields changed = all;
    redact_in(how, changed);
    return changed;
  }
};

template <class V, class Struct, class... Members>
struct redact_members {
  redact::redactor how;
  std::tuple<Members Struct::*...> members;

  V operator()(const V& value) const {
    V changed = value;
    std::apply([&](auto... member) { (redact_in(how, changed.*member), ...); }, members);
    return changed;
  }
};

}  // namespace penstock::detail
