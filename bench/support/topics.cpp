#include "bench/support/topics.hpp"

#include <penstock/penstock.hpp>

#include "actors/client/producer.hpp"
#include "bench/support/report.hpp"
#include "launch/embedded_node.hpp"

namespace penstock::bench {

void fill_topic(const std::string& directory, const std::string& topic, std::string_view text) {
  embedded_options options;
  options.directory = directory;
  const auto node = must(embedded_node::open(options));
  caf::scoped_actor self{node->system()};
  const auto create = create_topic_request::make([&](auto out) {
    out.setName(topic);
    out.setPartitions(embedded_partitions);
  });
  self->request(node->node(), 30s, create)
      .receive([](const admin_reply&) {}, [](const caf::error&) { die("no topic"); });
  {
    auto out = must(producer::open(node->system(), node->node()));
    each_line(text, [&](std::string_view line) {
      producer::message message;
      message.value = line;
      if (auto sent = out.send(topic, message); !sent) die(sent.error().to_string());
    });
    if (auto done = out.flush(); !done) die(done.error().to_string());
  }
  if (auto closed = node->close(); !closed) die(closed.error().to_string());
}

}  // namespace penstock::bench
