// What the summaries read from the topics that a pipeline has written.
#pragma once

#include <penstock/client.hpp>

#include <penstock/penstock.hpp>

#include <map>
#include <string>
#include <string_view>

/// As a string of JSON, whatever somebody has put into a request.
inline std::string json_text(std::string_view text) {
  penstock::bytes json;
  penstock::detail::append_json(text, json);
  return json;
}

/// The newest value of every key.
template <class V>
std::map<std::string, V> newest_of(penstock::local_node& node,
                                   const penstock::topic<std::string, V>& from) {
  std::map<std::string, V> newest;
  auto in = node.reader(from);
  do {
    const auto some = in.poll(std::chrono::seconds{1});
    if (!some) break;
    for (const auto& each : *some) newest[each.key] = each.value;
  } while (!in.at_end());
  return newest;
}

/// How many records a topic has; one that nothing was written to is not always there.
inline std::uint64_t count_of(penstock::local_node& node, const std::string& topic) {
  return node.count(topic).value_or(std::uint64_t{0});
}
