#include "streams/connect/http_body.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "streams/record/serde_json.hpp"
#include "streams/record/serde_text.hpp"

namespace penstock {

namespace {

// In JSON a line end can only stand between tokens, where a space does as well.
void append_in_one_line(bytes_view json, bytes& to) {
  const auto from = to.size();
  to.append(json);
  std::replace_if(
      to.begin() + static_cast<std::ptrdiff_t>(from), to.end(),
      [](char c) { return c == '\n' || c == '\r'; }, ' ');
}

void append_message(bytes_view text, bytes& to) {
  to += "\"message\":";
  detail::append_json(text, to);
}

void piece(const ndjson&, bytes_view value, bool json, timestamp, bytes& to) {
  if (json) {
    append_in_one_line(value, to);
  } else {
    to += '{';
    append_message(value, to);
    to += '}';
  }
  to += '\n';
}

void piece(const elastic_bulk& as, bytes_view value, bool json, timestamp time, bytes& to) {
  to += "{\"create\":{\"_index\":";
  detail::append_json(as.index, to);
  to += "}}\n";
  if (json && (!value.starts_with('{') || value.find("\"@timestamp\"") != value.npos)) {
    append_in_one_line(value, to);
    to += '\n';
    return;
  }
  to += "{\"@timestamp\":\"";
  encode_text(time, to);
  to += '"';
  if (json) {
    const auto first = value.find_first_not_of(" \t\r\n", 1);
    if (first != value.npos && value[first] != '}') to += ',';
    append_in_one_line(value.substr(1), to);
  } else {
    to += ',';
    append_message(value, to);
    to += '}';
  }
  to += '\n';
}

void piece(const loki_push&, bytes_view value, bool, timestamp time, bytes& to) {
  fmt::format_to(std::back_inserter(to), "[\"{}000000\",",
                 std::max<std::int64_t>(0, to_millis(time)));
  detail::append_json(value, to);
  to += ']';
}

bytes whole(const ndjson&, std::span<const bytes_view> pieces) {
  bytes out;
  for (const auto each : pieces) out.append(each);
  return out;
}

bytes whole(const elastic_bulk&, std::span<const bytes_view> pieces) {
  return whole(ndjson{}, pieces);
}

bytes whole(const loki_push& as, std::span<const bytes_view> pieces) {
  bytes out = "{\"streams\":[{\"stream\":{";
  for (std::size_t i = 0; i < as.labels.size(); ++i) {
    if (i > 0) out += ',';
    detail::append_json(as.labels[i].first, out);
    out += ':';
    detail::append_json(as.labels[i].second, out);
  }
  out += "},\"values\":[";
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (i > 0) out += ',';
    out.append(pieces[i]);
  }
  out += "]}]}";
  return out;
}

error no_bulk_answer(std::string_view what) {
  return error{errc::corrupt, fmt::format("the server's answer is none to a bulk request: {}; is "
                                          "the path /_bulk?",
                                          what)};
}

// {"create":{"status":429,"error":{"type":…,"reason":…}}}
result<bulk_outcome> outcome_of(simdjson::dom::element item) {
  simdjson::dom::object actions;
  if (item.get(actions) != simdjson::SUCCESS || actions.size() != 1) {
    return no_bulk_answer("an item is no action");
  }
  const auto result_of = (*actions.begin()).value;
  std::int64_t status = 0;
  if (result_of["status"].get(status) != simdjson::SUCCESS) {
    return no_bulk_answer("an item has no status");
  }
  bulk_outcome out{static_cast<int>(std::clamp<std::int64_t>(status, 0, 999)), {}};
  simdjson::dom::element failure;
  if (result_of["error"].get(failure) != simdjson::SUCCESS) return out;
  std::string_view type, reason;
  if (failure["type"].get(type) == simdjson::SUCCESS) out.reason = std::string{type};
  if (failure["reason"].get(reason) == simdjson::SUCCESS) {
    out.reason += (out.reason.empty() ? "" : ": ") + std::string{reason};
  }
  if (out.reason.empty()) out.reason = simdjson::minify(failure);
  return out;
}

}  // namespace

void append_piece(const http_body& as, bytes_view value, bool json, timestamp time, bytes& to) {
  std::visit([&](const auto& one) { piece(one, value, json, time, to); }, as);
}

bytes assemble(const http_body& as, std::span<const bytes_view> pieces) {
  return std::visit([&](const auto& one) { return whole(one, pieces); }, as);
}

std::string_view content_type(const http_body& as) {
  return std::holds_alternative<loki_push>(as) ? "application/json" : "application/x-ndjson";
}

result<std::vector<bulk_outcome>> parse_bulk_answer(bytes_view answer, std::size_t count) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (const auto wrong = parser.parse(answer.data(), answer.size()).get(root)) {
    return no_bulk_answer(simdjson::error_message(wrong));
  }
  bool errors = false;
  if (root["errors"].get(errors) != simdjson::SUCCESS) return no_bulk_answer("no \"errors\"");
  std::vector<bulk_outcome> out;
  simdjson::dom::array items;
  const bool listed = root["items"].get(items) == simdjson::SUCCESS;
  if (listed && items.size() != count)
    return no_bulk_answer(fmt::format("{} items instead of {}", items.size(), count));
  if (!errors) return out;  // a `filter_path` in the URL may leave the items out
  if (!listed) return no_bulk_answer("no \"items\"");
  for (const auto item : items) {
    PENSTOCK_ASSIGN(auto one, outcome_of(item));
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace penstock
