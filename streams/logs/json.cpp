#include "streams/logs/json.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <cstring>
#include <memory>

#include "streams/logs/scan.hpp"

namespace penstock::logs {
namespace detail {

namespace dom = simdjson::dom;

/// What `json_node` holds. `dom::element` is a pointer and an index.
struct json_access {
  static_assert(std::is_trivially_copyable_v<dom::element>);
  static_assert(sizeof(dom::element) <= 16 && alignof(dom::element) <= 8);

  static dom::element of(const json_node& node) {
    dom::element e;
    std::memcpy(&e, node.held_, sizeof e);
    return e;
  }
  static json_node node(const dom::element& e) {
    json_node n;
    std::memcpy(n.held_, &e, sizeof e);
    return n;
  }
};

namespace {

// A parser keeps the memory of the largest document it read; larger ones get one of their own.
constexpr std::size_t kept_bytes = std::size_t{256} << 10;

std::unique_ptr<dom::parser> make_parser(std::size_t bytes) {
  auto made = std::make_unique<dom::parser>();
  if (made->allocate(bytes, json_limits::depth) != simdjson::SUCCESS) return nullptr;
  return made;
}

error bad_json(std::string_view why, std::string_view line) {
  return error{errc::bad_record,
               fmt::format("not a line of JSON: {}, in '{}'", why, excerpt(line))};
}

error bad_json(simdjson::error_code code, std::string_view line) {
  switch (code) {
    case simdjson::EMPTY:
      return bad_json("it is empty", line);
    case simdjson::UTF8_ERROR:
      return bad_json("it has bytes that are not UTF-8", line);
    case simdjson::DEPTH_ERROR:
      return bad_json(fmt::format("it nests deeper than {}", json_limits::depth), line);
    case simdjson::NUMBER_ERROR:
      return bad_json("a number is malformed or beyond 64 bits", line);
    case simdjson::UNCLOSED_STRING:
      return bad_json("a text has no closing quote", line);
    default:
      return bad_json(simdjson::error_message(code), line);
  }
}

bool too_many(json_problem& problem) {
  problem.what = fmt::format("is one field more than {}", json_limits::fields);
  return false;
}

// The name of the value that is laid flat, for as long as this lives.
class longer_name {
 public:
  longer_name(std::string& name, std::string_view part) : name_(name), size_(name.size()) {
    if (size_ > 0) name_ += '.';
    name_ += part;
  }
  ~longer_name() { name_.resize(size_); }
  longer_name(const longer_name&) = delete;
  longer_name& operator=(const longer_name&) = delete;

 private:
  std::string& name_;
  std::size_t size_;
};

struct flattening {
  std::string& prefix;
  fields& into;
  json_problem& problem;
  std::size_t index = 0;

  bool part(std::string_view name, json_node value) {
    if (prefix.size() + name.size() >= json_limits::name_bytes) {
      problem.what = fmt::format("has a name of more than {} bytes", json_limits::name_bytes);
      problem.inside(name.substr(0, 40));
      return false;
    }
    const longer_name with{prefix, name};
    if (flatten(value, prefix, into, problem)) return true;
    problem.inside(name);
    return false;
  }
};

}  // namespace

json_node::json_node() {
  const dom::element none;
  std::memset(held_, 0, sizeof held_);
  std::memcpy(held_, &none, sizeof none);
}

bool json_node::is_null() const {
  return json_access::of(*this).is_null();
}
bool json_node::is_object() const {
  return json_access::of(*this).is_object();
}
bool json_node::is_array() const {
  return json_access::of(*this).is_array();
}
bool json_node::get(bool& into) const {
  return json_access::of(*this).get(into) == simdjson::SUCCESS;
}
bool json_node::get(std::int64_t& into) const {
  return json_access::of(*this).get(into) == simdjson::SUCCESS;
}
bool json_node::get(std::uint64_t& into) const {
  return json_access::of(*this).get(into) == simdjson::SUCCESS;
}
bool json_node::get(double& into) const {
  return json_access::of(*this).get(into) == simdjson::SUCCESS;
}
bool json_node::get(std::string_view& into) const {
  return json_access::of(*this).get(into) == simdjson::SUCCESS;
}

bool json_node::each_member(void* context, bool (*f)(void*, std::string_view, json_node)) const {
  dom::object object;
  if (json_access::of(*this).get(object) != simdjson::SUCCESS) return false;
  for (const dom::key_value_pair one : object) {
    if (!f(context, one.key, json_access::node(one.value))) return false;
  }
  return true;
}

bool json_node::each_element(void* context, bool (*f)(void*, json_node)) const {
  dom::array array;
  if (json_access::of(*this).get(array) != simdjson::SUCCESS) return false;
  for (const dom::element one : array) {
    if (!f(context, json_access::node(one))) return false;
  }
  return true;
}

std::string_view json_node::kind() const {
  switch (json_access::of(*this).type()) {
    case dom::element_type::OBJECT:
      return "an object";
    case dom::element_type::ARRAY:
      return "a list";
    case dom::element_type::STRING:
      return "a text";
    case dom::element_type::BOOL:
      return "true or false";
    case dom::element_type::NULL_VALUE:
      return "null";
    default:
      break;
  }
  std::int64_t whole = 0;
  std::uint64_t large = 0;
  return get(whole) || get(large) ? "a whole number" : "a fractional number";
}

void json_problem::inside(std::string_view name) {
  std::string outer = excerpt(name);
  if (!path.empty()) outer.append(".").append(path);
  path = std::move(outer);
}

bool json_problem::wanted(std::string_view what_is_wanted, const json_node& found) {
  std::int64_t whole = 0;
  std::uint64_t large = 0;
  std::string shown{found.kind()};
  if (found.get(whole)) {
    shown = std::to_string(whole);
  } else if (found.get(large)) {
    shown = std::to_string(large);
  }
  what = fmt::format("is {}, wanted {}", shown, what_is_wanted);
  return false;
}

bool flatten(json_node from, std::string& prefix, fields& into, json_problem& problem) {
  flattening state{prefix, into, problem};
  const std::size_t before = into.size();
  if (from.is_object()) {
    const bool fine =
        from.each_member(&state, [](void* context, std::string_view name, json_node value) {
          return static_cast<flattening*>(context)->part(name, value);
        });
    if (!fine || into.size() > before || prefix.empty()) return fine;
  } else if (from.is_array()) {
    const bool fine = from.each_element(&state, [](void* context, json_node value) {
      auto& s = *static_cast<flattening*>(context);
      return s.part(fmt::format_int{s.index++}.c_str(), value);
    });
    if (!fine || into.size() > before) return fine;
  }
  if (into.size() >= json_limits::fields) return too_many(problem);
  bytes text;
  std::string_view words;
  std::int64_t whole = 0;
  std::uint64_t large = 0;
  double number = 0;
  bool yes = false;
  if (from.get(words)) {
    text = words;
  } else if (from.get(whole)) {
    penstock::detail::append_text(whole, text);
  } else if (from.get(large)) {
    penstock::detail::append_text(large, text);
  } else if (from.get(number)) {
    penstock::detail::append_text(number, text);
  } else if (from.get(yes)) {
    text = yes ? "true" : "false";
  } else if (from.is_object()) {
    text = "{}";
  } else if (from.is_array()) {
    text = "[]";
  }
  into.add(prefix, std::move(text));
  return true;
}

result<void> with_json(std::string_view line, void* context,
                       bool (*f)(void*, json_node, json_problem&)) {
  line = without_newline(line);
  if (line.starts_with("\xef\xbb\xbf")) line.remove_prefix(3);
  if (line.empty()) return bad_json(simdjson::EMPTY, line);
  if (line.size() > json_limits::bytes) {
    return bad_json(
        fmt::format("it has {} bytes, at most {} are read", line.size(), json_limits::bytes), line);
  }
  thread_local const std::unique_ptr<dom::parser> kept = make_parser(kept_bytes);
  std::unique_ptr<dom::parser> large;
  if (line.size() > kept_bytes) large = make_parser(line.size());
  dom::parser* const parser = line.size() > kept_bytes ? large.get() : kept.get();
  if (parser == nullptr) return bad_json("there is no memory for it", line);
  dom::element root;
  if (const auto code = parser->parse(line.data(), line.size()).get(root)) {
    return bad_json(code, line);
  }
  json_problem problem;
  if (f(context, json_access::node(root), problem)) return {};
  return bad_json(problem.path.empty()
                      ? "the document " + problem.what
                      : fmt::format("member '{}' {}", excerpt(problem.path, 160), problem.what),
                  line);
}

bool json_member<timestamp>::read(json_node from, timestamp& into, json_problem& problem) {
  std::string_view text;
  std::int64_t whole = 0;
  double seconds = 0;
  std::optional<timestamp> found;
  if (from.get(text)) {
    if (auto read = parse_time(text)) found = *read;
  } else if (from.get(whole)) {
    found = epoch_time(fmt::format_int{whole}.c_str());
  } else if (from.get(seconds)) {
    found = epoch_time(fmt::format("{:.3f}", seconds));
  }
  if (!found) return problem.wanted("a time", from);
  into = *found;
  return true;
}

bool json_member<fields>::read(json_node from, fields& into, json_problem& problem) {
  if (!from.is_object()) return problem.wanted("an object", from);
  std::string prefix;
  into.clear();
  if (!flatten(from, prefix, into, problem)) return false;
  if (const std::string* twice = into.repeated()) {
    problem.inside(*twice);
    problem.what = "stands there twice";
    return false;
  }
  return true;
}

}  // namespace detail

result<fields> read_json(std::string_view line) {
  fields found;
  found.reserve(16);
  PENSTOCK_TRY(detail::with_json(
      line, &found, [](void* into, detail::json_node root, detail::json_problem& problem) {
        return detail::json_member<fields>::read(root, *static_cast<fields*>(into), problem);
      }));
  return found;
}

}  // namespace penstock::logs
