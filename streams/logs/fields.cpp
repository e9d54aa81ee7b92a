#include "streams/logs/fields.hpp"

#include <absl/container/flat_hash_set.h>

#include <algorithm>

namespace penstock::logs {

const std::string* fields::find(std::string_view name) const {
  for (const auto& [n, text] : all_) {
    if (n == name) return &text;
  }
  return nullptr;
}

void fields::set(std::string_view name, std::string text) {
  for (auto& [n, old] : all_) {
    if (n == name) {
      old = std::move(text);
      return;
    }
  }
  all_.emplace_back(name, std::move(text));
}

void fields::join(std::string_view name, std::string_view text) {
  for (auto& [n, first] : all_) {
    if (n == name) {
      first.append(",").append(text);
      return;
    }
  }
  all_.emplace_back(name, text);
}

bool fields::remove(std::string_view name) {
  return std::erase_if(all_, [&](const value_type& one) { return one.first == name; }) > 0;
}

const std::string* fields::repeated() const {
  constexpr std::size_t few = 12;  // comparing all pairs is faster than a table
  if (all_.size() <= few) {
    for (std::size_t i = 1; i < all_.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (all_[i].first == all_[j].first) return &all_[i].first;
      }
    }
    return nullptr;
  }
  absl::flat_hash_set<std::string_view> seen;
  seen.reserve(all_.size());
  for (const auto& [name, text] : all_) {
    if (!seen.insert(name).second) return &name;
  }
  return nullptr;
}

}  // namespace penstock::logs

namespace penstock {

void serde<logs::fields>::encode(const logs::fields& value, bytes& to) {
  detail::put_varint(value.size(), to);
  for (const auto& [name, text] : value) {
    detail::put_sized(name, to);
    detail::put_sized(text, to);
  }
}

bool serde<logs::fields>::decode(bytes_view from, logs::fields& into, int depth) {
  std::uint64_t count = 0;
  into.clear();
  if (depth > detail::nesting_max || !detail::take_varint(from, count)) return false;
  for (; count > 0; --count) {
    bytes_view name, text;
    if (!detail::take_sized(from, name) || !detail::take_sized(from, text)) return false;
    into.all_.emplace_back(name, text);
  }
  return from.empty();
}

namespace detail {

void json_form<logs::fields>::put(const logs::fields& value, bytes& to) {
  to += '{';
  bool first = true;
  for (const auto& [name, text] : value) {
    if (!std::exchange(first, false)) to += ',';
    append_json(std::string_view{name}, to);
    to += ':';
    append_json(std::string_view{text}, to);
  }
  to += '}';
}

bool json_form<logs::fields>::get(json_value from, logs::fields& into) {
  into.clear();
  if (!from.is_object()) return false;
  return from.each_member(&into, [](void* context, std::string_view name, json_value value) {
    std::string_view text;
    std::int64_t whole = 0;
    std::uint64_t large = 0;
    double number = 0;
    bool yes = false;
    bytes shown;
    if (value.get(text)) {
      shown = text;
    } else if (value.is_null()) {
      shown = "";
    } else if (value.get(whole)) {
      append_text(whole, shown);
    } else if (value.get(large)) {
      append_text(large, shown);
    } else if (value.get(number)) {
      append_text(number, shown);
    } else if (value.get(yes)) {
      shown = yes ? "true" : "false";
    } else {
      return false;
    }
    static_cast<logs::fields*>(context)->add(std::string{name}, std::move(shown));
    return true;
  });
}

}  // namespace detail
}  // namespace penstock
