#include "launch/testing/test_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "launch/testing/mock_table.hpp"

namespace penstock::testing {

namespace {

using nlohmann::json;

constexpr std::size_t file_bytes_max = std::size_t{64} << 20;
constexpr std::size_t input_bytes_max = std::size_t{1} << 30;

error unreadable(const std::string& path, errc code) {
  return error{code, fmt::format("{}: cannot be read: {}", path, std::strerror(errno))};
}

result<bytes> contents(const std::string& path, std::size_t bytes_max) {
  std::ifstream in{path, std::ios::binary};
  if (!in) return unreadable(path, errc::not_found);
  bytes all;
  char block[1 << 16];
  while (in.read(block, sizeof block), in.gcount() > 0) {
    all.append(block, static_cast<std::size_t>(in.gcount()));
    if (all.size() > bytes_max)
      return {errc::record_too_large, fmt::format("{}: is larger than {} bytes", path, bytes_max)};
  }
  if (in.bad()) return unreadable(path, errc::io_error);
  return all;
}

// The bytes of a key or value as the topic has them.
std::optional<bytes> encoded(const YAML::Node& node, const rendering& as, const std::string& format,
                             std::string_view what) {
  if (auto binary = binary_in(node)) return binary;
  if (node.IsNull()) return std::nullopt;
  if (as.is_raw()) {
    if (!node.IsScalar()) {
      refuse(node, fmt::format("the topic's {} is text: put it in quotes, or behind \"|\"", what));
    }
    return node.Scalar();
  }
  const bool plain = format != "json" && node.IsScalar();
  const std::string typed = plain ? node.Scalar() : json_in(node).dump();
  bytes out;
  if (const auto made = as.from_text(typed, out); !made)
    refuse(node, fmt::format("the {} {}", what, made.error().message()));
  return out;
}

class reader {
 public:
  reader(const std::string& path, const plan& p)
      : path_(path), folder_(path.substr(0, path.rfind('/') + 1)), plan_(p), ends_(p) {}

  test_file read(const bytes& text) {
    const auto root = YAML::Load(text);
    if (!root.IsMap()) refuse(root, "a test file is a map with \"tests\": a list of tests");
    const yaml_map map{root, "a test file", {"tests", "defaults"}};
    test_case defaults;
    if (map.has("defaults")) {
      const yaml_map some{map.find("defaults"), "defaults", {"start", "partitions", "mocks"}};
      read_options(some, defaults);
    }
    test_file all{path_, {}};
    for (const auto& one : list_in(map.need("tests"), "tests")) {
      auto test = read_test(one, defaults);
      const auto& before = all.tests;
      if (std::any_of(before.begin(), before.end(),
                      [&](const auto& t) { return t.name == test.name; }))
        refuse(one, fmt::format("two tests are called \"{}\"", test.name));
      all.tests.push_back(std::move(test));
    }
    if (all.tests.empty()) refuse(map.find("tests"), "there is no test in the list");
    return all;
  }

 private:
  void read_options(const yaml_map& from, test_case& into) const {
    if (from.has("start")) into.options.start = time_in(from.find("start"));
    if (from.has("partitions")) {
      into.options.partitions =
          static_cast<std::int32_t>(whole_in(from.find("partitions"), "partitions", 1, 1000));
    }
    if (!from.has("mocks")) return;
    for (auto& one : mocks_in(from.find("mocks"), plan_)) {
      std::erase_if(into.mocks, [&](const auto& m) { return m.step == one.step; });
      into.mocks.push_back(std::move(one));
    }
  }

  test_case read_test(const YAML::Node& node, const test_case& defaults) const {
    const yaml_map map{node, "a test", {"name", "start", "partitions", "mocks", "steps", "expect"}};
    test_case test = defaults;
    test.at = place_of(node);
    test.name = text_in(map.need("name"), "the name of a test");
    read_options(map, test);
    for (const auto& one : list_in(map.need("steps"), "steps"))
      test.steps.push_back(read_step(one));
    if (map.has("expect")) {
      const auto what = map.find("expect");
      if (const auto stops = what.IsMap() ? what["stops"] : YAML::Node{};
          stops.IsDefined() && !stops.IsNull())
        test.stops = {place_of(stops), text_in(stops, "stops")};
      test.steps.push_back({place_of(what), read_expectation(what, true)});
    }
    const auto looks = [](const test_step& s) {
      return std::holds_alternative<expect_step>(s.what);
    };
    if (std::none_of(test.steps.begin(), test.steps.end(), looks))
      refuse(node, "the test expects nothing: add \"expect\"");
    return test;
  }

  test_step read_step(const YAML::Node& node) const {
    static const std::vector<std::string> words{
        "feed", "advance_to", "advance_by", "close_windows", "restart", "commit", "expect"};
    test_step made{place_of(node), plain_step::commit};
    if (node.IsScalar()) {
      const auto word = node.Scalar();
      if (word == "close_windows") {
        made.what = plain_step::close_windows;
      } else if (word == "restart") {
        made.what = plain_step::restart;
      } else if (word != "commit") {
        refuse(node, fmt::format("there is no step \"{}\": {}", word, offer(word, words)));
      }
      return made;
    }
    if (!node.IsMap() || node.size() == 0)
      refuse(node,
             "a step is one of feed, advance_to, advance_by, close_windows, restart, commit "
             "and expect");
    const auto first = node.begin()->first;
    const auto word = text_in(first, "a step");
    if (node["feed"].IsDefined()) {
      made.what = read_feed(node);
      return made;
    }
    const yaml_map map{node, "a step", words};
    if (node.size() != 1) refuse(node, "every step stands behind a dash of its own");
    if (word == "advance_to") {
      made.what = advance_to_step{time_in(map.find(word))};
    } else if (word == "advance_by") {
      made.what = advance_by_step{duration_in(map.find(word))};
    } else if (word == "expect") {
      made.what = read_expectation(map.find(word), false);
    } else {
      refuse(first, fmt::format("\"{}\" has nothing behind it: write \"- {}\"", word, word));
    }
    return made;
  }

  feed_step read_feed(const YAML::Node& node) const {
    const yaml_map map{node, "feed", {"feed", "lines", "file", "records", "key", "at", "headers"}};
    const auto name = text_in(map.need("feed"), "the topic of feed");
    const auto* end = ends_.read(name);
    if (end == nullptr) {
      refuse(map.find("feed"), fmt::format("topology {} does not read topic \"{}\": {}",
                                           plan_.name(), name, offer(name, ends_.names_read())));
    }
    if (int{map.has("lines")} + int{map.has("file")} + int{map.has("records")} != 1)
      refuse(node, "feed needs one of \"lines\", \"file\" and \"records\"");
    feed_step feed{end->topic, {}, {}};
    fed_record all;  // what holds for every record
    if (map.has("key")) all.key = encoded(map.find("key"), end->key, end->formats.key, "key");
    if (map.has("at")) all.time = time_in(map.find("at"));
    if (map.has("headers")) all.headers = headers_in(map.find("headers"));
    if (map.has("records")) {
      for (const auto& one : list_in(map.find("records"), "records"))
        feed.records.push_back(read_record(one, *end, all));
      return feed;
    }
    feed.source = end->step;
    if (!feed.source.empty() && (map.has("at") || map.has("headers")))
      refuse(node, "lines of a source have neither \"at\" nor \"headers\"; use \"records\"");
    for (const auto& [line, from] : lines_in(map)) {
      auto one = all;
      if (end->value.is_raw() || end->formats.value == "json") {
        one.value = line;
      } else {
        one.value.emplace();
        if (const auto made = end->value.from_text(line, *one.value); !made)
          refuse(from, "the line " + made.error().message());
      }
      feed.records.push_back(std::move(one));
    }
    return feed;
  }

  /// The lines of `lines` or `file`, each with the node to complain about.
  std::vector<std::pair<std::string, YAML::Node>> lines_in(const yaml_map& map) const {
    std::vector<std::pair<std::string, YAML::Node>> all;
    const bool file = map.has("file");
    const auto node = map.find(file ? "file" : "lines");
    if (node.IsSequence()) {
      for (const auto& one : node) {
        auto binary = binary_in(one);
        all.emplace_back(binary ? *std::move(binary) : text_in(one, "a line"), one);
      }
      return all;
    }
    std::string text = text_in(node, file ? "a file" : "lines");
    if (file) {
      auto read = contents(text.starts_with('/') ? text : folder_ + text, input_bytes_max);
      if (!read) refuse(node, read.error().message());
      text = *std::move(read);
    }
    for (std::size_t at = 0; at < text.size();) {
      const auto end = std::min(text.find('\n', at), text.size());
      all.emplace_back(text.substr(at, end - at), node);
      at = end + 1;
    }
    return all;
  }

  static std::vector<record_header> headers_in(const YAML::Node& node) {
    if (!node.IsMap()) refuse(node, "headers must be a map from names to texts");
    std::vector<record_header> all;
    for (const auto& one : node) {
      record_header header{text_in(one.first, "the name of a header"), binary_in(one.second)};
      if (!header.value && !one.second.IsNull()) header.value = text_in(one.second, "a header");
      all.push_back(std::move(header));
    }
    return all;
  }

  static fed_record read_record(const YAML::Node& node, const topic_end& end, fed_record made) {
    const yaml_map map{node, "a record", {"key", "value", "at", "headers"}};
    made.value = encoded(map.need("value"), end.value, end.formats.value, "value");
    if (map.has("key")) {
      if (end.formats.key.empty()) refuse(map.find("key"), "the records of this topic have no key");
      made.key = encoded(map.find("key"), end.key, end.formats.key, "key");
    }
    if (map.has("at")) made.time = time_in(map.find("at"));
    if (map.has("headers")) made.headers = headers_in(map.find("headers"));
    return made;
  }

  expect_step read_expectation(const YAML::Node& node, bool last) const {
    std::vector<std::string> words{"topics", "dead_letters", "printed", "counters"};
    if (last) words.push_back("stops");
    const yaml_map map{node, "expect", words};
    expect_step made;
    if (map.has("topics")) {
      const auto topics = map.find("topics");
      if (!topics.IsMap()) refuse(topics, "topics must be a map from topics to their records");
      for (const auto& one : topics) {
        const auto name = text_in(one.first, "the name of a topic");
        if (ends_.written(name) == nullptr) {
          refuse(one.first, fmt::format("topology {} does not write topic \"{}\": {}", plan_.name(),
                                        name, offer(name, ends_.names_written())));
        }
        made.lists.push_back(read_list(one.second, listed::records, name));
      }
    }
    if (map.has("dead_letters"))
      made.lists.push_back(read_list(map.find("dead_letters"), listed::dead_letters, {}));
    if (map.has("printed"))
      made.lists.push_back(read_list(map.find("printed"), listed::printed, {}));
    if (map.has("counters")) {
      const yaml_map counters{
          map.find("counters"), "counters", {"late", "bad", "records_in", "records_out"}};
      for (const auto& one : counters.node()) {
        made.counters.push_back({place_of(one.second), one.first.Scalar(),
                                 whole_in(one.second, "a counter", 0, UINT64_MAX)});
      }
    }
    return made;
  }

  expected_list read_list(const YAML::Node& node, listed kind, const std::string& topic) const {
    expected_list made;
    made.at = place_of(node);
    made.kind = kind;
    made.topic = topic;
    const auto take = [&](list_order order, const YAML::Node& items, std::string_view what) {
      if (made.order) refuse(items, "in_order, any_order and contains exclude each other");
      made.order = order;
      for (const auto& one : list_in(items, what))
        made.items.push_back(read_item(one, kind, topic));
    };
    if (node.IsSequence()) {
      take(list_order::in_order, node, "a list");
      return made;
    }
    const yaml_map map{
        node, "an expectation", {"in_order", "any_order", "contains", "count", "empty"}};
    if (map.has("in_order")) take(list_order::in_order, map.find("in_order"), "in_order");
    if (map.has("any_order")) take(list_order::any_order, map.find("any_order"), "any_order");
    if (map.has("contains")) take(list_order::contains, map.find("contains"), "contains");
    if (map.has("count")) made.count = whole_in(map.find("count"), "count", 0, UINT64_MAX);
    if (map.has("empty")) {
      if (map.find("empty").Scalar() != "true" || made.count || made.order)
        refuse(map.find("empty"), "stands alone and must be true; to expect some, write a list");
      made.count = 0;
    }
    if (!made.order && !made.count) refuse(node, "expects nothing");
    return made;
  }

  expected_item read_item(const YAML::Node& node, listed kind, const std::string& topic) const {
    expected_item made{place_of(node), json::object()};
    if (kind == listed::printed) {
      made.what = text_in(node, "a printed line");
      return made;
    }
    if (kind == listed::dead_letters) {
      const yaml_map map{node,
                         "a dead letter",
                         {"reason", "step", "topic", "key", "value", "partition", "offset"}};
      for (const char* word : {"reason", "step", "topic"}) {
        if (map.has(word)) made.what[word] = text_in(map.find(word), word);
      }
      for (const char* word : {"partition", "offset"}) {
        if (map.has(word)) made.what[word] = whole_in(map.find(word), word, 0, INT64_MAX);
      }
      for (const char* word : {"key", "value"}) {
        if (map.has(word)) made.what[word] = raw_or_json(map.find(word), true);
      }
      return made;
    }
    const auto& end = *ends_.written(topic);
    if (!node.IsMap()) {  // short for a record of which only the value matters
      made.what["value"] = raw_or_json(node, end.value.is_raw());
      return made;
    }
    const yaml_map map{node, "a record", {"key", "value", "at", "headers"}};
    if (map.has("key")) made.what["key"] = raw_or_json(map.find("key"), end.key.is_raw());
    if (map.has("value")) made.what["value"] = raw_or_json(map.find("value"), end.value.is_raw());
    if (map.has("at")) {
      time_in(map.find("at"));
      made.what["at"] = map.find("at").Scalar();
    }
    if (map.has("headers")) {
      made.what["headers"] = json::object();
      for (const auto& one : headers_in(map.find("headers")))
        made.what["headers"][one.name] = as_json(one.value);
    }
    return made;
  }

  // Text stays text, whatever number it looks like; fields are fields.
  static json raw_or_json(const YAML::Node& node, bool raw) {
    if (auto binary = binary_in(node)) return as_json(std::optional<bytes>{*std::move(binary)});
    if (raw && node.IsScalar()) return node.Scalar();
    return json_in(node);
  }

  std::string path_;
  std::string folder_;
  const plan& plan_;
  topic_ends ends_;
};

}  // namespace

result<test_file> read_test_file(const std::string& path, const plan& p) {
  const auto wrong = [&](place at, std::string_view what) {
    return error{errc::invalid_argument,
                 at.line == 0 ? fmt::format("{}: {}", path, what)
                              : fmt::format("{}:{}:{}: {}", path, at.line, at.column, what)};
  };
  PENSTOCK_ASSIGN(const auto text, contents(path, file_bytes_max));
  try {
    return reader{path, p}.read(text);
  } catch (const wrong_file& e) {
    return wrong(e.at, e.what());
  } catch (const YAML::Exception& e) {
    const auto& mark = e.mark;
    return wrong(mark.is_null() ? place{} : place{mark.line + 1, mark.column + 1},
                 "this is not YAML: " + e.msg);
  }
}

}  // namespace penstock::testing
