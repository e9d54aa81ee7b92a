#include "tools/penstock/topics.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "actors/messages/settings.hpp"
#include "streams/record/written_time.hpp"

namespace penstock::tool {

result<std::vector<topic_info>> describe_topics(target& at, const std::vector<std::string>& names,
                                                bool numbers) {
  const auto request = topics_request::make([&](wire::TopicsRequest::Builder to) {
    auto list = to.initNames(static_cast<unsigned>(names.size()));
    for (unsigned i = 0; i < names.size(); ++i) list.set(i, text_of(names[i]));
    to.setWithPartitions(numbers);
  });
  PENSTOCK_ASSIGN(const auto reply, at.ask<topics_reply>(request));
  const auto message = reply.open();
  std::vector<topic_info> out;
  for (auto each : message->getTopics()) {
    topic_info topic;
    topic.name = view(each.getName());
    topic.id = bytes{view(each.getId())};
    topic.internal = each.getInternal();
    PENSTOCK_ASSIGN(topic.settings, parse_settings(each.getSettings()));
    for (auto partition : each.getPartitions()) {
      topic.partitions.push_back({partition.getIndex(), partition.getStartOffset(),
                                  partition.getHighWatermark(), partition.getBytes(),
                                  partition.getSegments(), error_of(partition.getOffline())});
    }
    out.push_back(std::move(topic));
  }
  std::sort(out.begin(), out.end(),
            [](const topic_info& a, const topic_info& b) { return a.name < b.name; });
  return out;
}

result<topic_info> describe_topic(target& at, const std::string& name) {
  PENSTOCK_ASSIGN(auto found, describe_topics(at, {name}, true));
  if (found.empty()) return no_such_topic(at, name);
  return std::move(found.front());
}

error no_such_topic(target& at, const std::string& name) {
  std::vector<std::string> known;
  if (const auto all = describe_topics(at, {}, false)) {
    for (const auto& topic : *all) known.push_back(topic.name);
  }
  const auto meant = nearest(name, known);
  const auto remedy = !meant.empty() ? fmt::format("did you mean \"{}\"?", meant)
                      : known.empty()
                          ? std::string{"there are no topics yet; penstock topic create makes one"}
                          : std::string{"penstock topic list shows those that do"};
  return error{errc::unknown_topic, fmt::format("topic \"{}\" does not exist: {}", name, remedy)};
}

error no_such_partition(const topic_info& topic, std::int32_t partition) {
  const auto count = topic.partitions.size();
  return error{
      errc::not_found,
      fmt::format("topic \"{}\" has {}, not {}", topic.name,
                  count == 1 ? "one partition, 0" : fmt::format("partitions 0 to {}", count - 1),
                  partition)};
}

result<offset_t> offset_at(target& at, const topic_partition& tp, std::int64_t time,
                           bool committed) {
  const auto request = [&](std::int64_t when) {
    return list_offsets_request::make([&](wire::ListOffsetsRequest::Builder to) {
      to.setTopic(text_of(tp.topic));
      to.setPartition(tp.partition);
      to.setTime(when);
      to.setCommitted(committed);
    });
  };
  PENSTOCK_ASSIGN(auto reply, at.ask<list_offsets_reply>(request(time)));
  const auto offset = reply.open()->getOffset();
  if (offset >= 0) return offset;
  PENSTOCK_ASSIGN(reply, at.ask<list_offsets_reply>(request(-1)));
  return offset_t{reply.open()->getOffset()};
}

result<timestamp> parse_time(const std::string& flag, const std::string& text) {
  if (const auto time = written_time(text)) return *time;
  return error{errc::invalid_argument,
               fmt::format("{} {}: not a time; write 2026-03-01, 2026-03-01T12:00:00Z or "
                           "milliseconds since 1970",
                           flag, text)};
}

}  // namespace penstock::tool
