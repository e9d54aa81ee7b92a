// Definitions of dsl/client.hpp: typed handles for threads on an embedded node.
#include "dsl/client.hpp"

#include <algorithm>
#include <caf/scoped_actor.hpp>

#include "actors/client/consumer.hpp"
#include "actors/client/producer.hpp"
#include "actors/errors.hpp"
#include "actors/messages/settings.hpp"
#include "launch/client_node.hpp"
#include "streams/record/type_name.hpp"

namespace penstock {

namespace detail {

template <class Reply, class Request>
result<Reply> client_node::ask(const Request& what) {
  result<Reply> answer{errc::timed_out, "no answer from the node"};
  caf::scoped_actor self{*system};
  self->request(node, 30s, what)
      .receive([&](const Reply& reply) { answer = reply; },
               [&](const caf::error& why) { answer = from_caf(why); });
  return answer;
}

local_node client_node::share(caf::actor_system& system, const node_actor& node) {
  return local_node{std::make_shared<client_node>(client_node{nullptr, &system, node})};
}

// Members end in reverse order: the handle before the node that it talks to.
struct raw_writer::state {
  std::shared_ptr<client_node> node;
  producer out;
};

raw_writer::raw_writer(std::unique_ptr<state> held) : state_(std::move(held)) {}
raw_writer::~raw_writer() = default;
raw_writer::raw_writer(raw_writer&&) noexcept = default;
raw_writer& raw_writer::operator=(raw_writer&&) noexcept = default;

result<raw_writer> raw_writer::open(std::shared_ptr<client_node> node, writer_options options) {
  producer_config config;
  config.buffer_bytes_max = options.buffer_bytes_max;
  config.linger = options.linger;
  PENSTOCK_ASSIGN(auto out, producer::open(*node->system, node->node, config));
  return raw_writer{std::make_unique<state>(state{std::move(node), std::move(out)})};
}

result<void> raw_writer::send(const std::string& topic, std::optional<bytes_view> key,
                              std::optional<bytes_view> value, timestamp time, duration deadline) {
  producer::message what;
  what.key = key;
  what.value = value;
  what.time = time;
  return state_->out.send(topic, what, deadline);
}

result<void> raw_writer::flush(duration deadline) {
  return state_->out.flush(deadline);
}

struct raw_reader::state {
  std::shared_ptr<client_node> node;
  std::string topic;
  consumer in;
  std::optional<error> stopped;
  std::vector<consumed> held;  // what a poll brought that `partitions` made
};

namespace {

consumer make_consumer(client_node& node, const std::string& topic, const reader_options& options) {
  consumer_config config;
  config.group = options.group;
  config.topics = {topic};
  config.start = options.from_beginning ? start_at::beginning : start_at::end;
  config.buffer_bytes_max = options.buffer_bytes_max;
  return {*node.system, node.node, std::move(config)};
}

}  // namespace

raw_reader::raw_reader(std::shared_ptr<client_node> node, std::string topic,
                       reader_options options) {
  auto in = make_consumer(*node, topic, options);
  state_ = std::make_unique<state>(
      state{std::move(node), std::move(topic), std::move(in), std::nullopt, {}});
}
raw_reader::~raw_reader() = default;
raw_reader::raw_reader(raw_reader&&) noexcept = default;
raw_reader& raw_reader::operator=(raw_reader&&) noexcept = default;

result<std::vector<std::pair<std::int32_t, record>>> raw_reader::poll(duration wait) {
  if (state_->stopped) return *state_->stopped;
  auto polled = std::exchange(state_->held, {});
  if (polled.empty()) {
    PENSTOCK_ASSIGN(polled, state_->in.poll(wait));
  }
  std::vector<std::pair<std::int32_t, record>> records;
  records.reserve(polled.size());
  for (auto& each : polled) records.emplace_back(each.from.partition, std::move(each.what));
  return records;
}

result<void> raw_reader::commit(duration deadline) {
  if (state_->stopped) return *state_->stopped;
  if (!state_->held.empty()) return {};  // the caller has seen nothing yet
  return state_->in.commit(deadline);
}

result<std::vector<std::int32_t>> raw_reader::partitions(duration deadline) {
  // Membership lives on polls.
  if (state_->held.empty()) {
    PENSTOCK_ASSIGN(state_->held, state_->in.poll(0ms));
  }
  PENSTOCK_ASSIGN(const auto mine, state_->in.assignment(deadline));
  std::vector<std::int32_t> all;
  for (const auto& [of, next] : mine) all.push_back(of.partition);
  return all;
}

bool raw_reader::at_end() const {
  return state_->in.at_end();
}

error raw_reader::stop(std::int32_t partition, offset_t offset, const std::string& what) {
  state_->stopped = error{errc::bad_record, "topic \"" + state_->topic + "\", partition " +
                                                std::to_string(partition) + ", offset " +
                                                std::to_string(offset) + ": the record's " + what +
                                                "; read the topic as what it was written as"};
  return *state_->stopped;
}

}  // namespace detail

namespace {

// A topic that is there must be of the formats that the caller is about to use.
result<void> check_formats(detail::client_node& node, const std::string& name,
                           const topic_settings::values& wanted) {
  auto request = topics_request::make([&](auto out) { out.initNames(1).set(0, text_of(name)); });
  PENSTOCK_ASSIGN(auto reply, node.ask<topics_reply>(request));
  auto in = reply.open();
  if (auto why = error_of(in->getFailure())) return why;
  for (auto topic : in->getTopics()) {
    for (auto setting : topic.getSettings()) {
      const auto known = wanted.find(view(setting.getName()));
      if (known == wanted.end() || known->first.find(".format") == std::string::npos) continue;
      if (!can_read(known->second, view(setting.getValue())))
        return error{errc::type_mismatch, "topic \"" + name + "\" is there with " + known->first +
                                              "=" + std::string{view(setting.getValue())} +
                                              ", not " + known->second +
                                              ": use its types or another topic"};
    }
  }
  return {};
}

}  // namespace

result<local_node> local_node::open(const std::string& directory) {
  embedded_options options;
  options.directory = directory;
  PENSTOCK_ASSIGN(auto node, embedded_node::open(options));
  auto* system = &node->system();
  auto handle = node->node();
  return local_node{std::make_shared<detail::client_node>(
      detail::client_node{std::move(node), system, std::move(handle)})};
}

result<std::uint64_t> local_node::count(const std::string& topic) {
  auto request = topics_request::make([&](wire::TopicsRequest::Builder out) {
    out.initNames(1).set(0, text_of(topic));
    out.setWithPartitions(true);
  });
  PENSTOCK_ASSIGN(auto reply, held_->ask<topics_reply>(request));
  auto in = reply.open();
  if (auto why = error_of(in->getFailure())) return why;
  if (in->getTopics().size() != 1)
    return error{errc::unknown_topic, "topic \"" + topic + "\" does not exist"};
  std::uint64_t sum = 0;
  for (auto each : in->getTopics()[0].getPartitions()) {
    if (auto why = error_of(each.getOffline())) return why;
    sum += static_cast<std::uint64_t>(
        std::max<std::int64_t>(0, each.getHighWatermark() - each.getStartOffset()));
  }
  return sum;
}

result<void> local_node::create(const std::string& name, const std::string& key_format,
                                const std::string& value_format, const topic_options& options) {
  topic_settings::values settings{options.settings.begin(), options.settings.end()};
  if (!key_format.empty()) settings["penstock.key.format"] = key_format;
  if (!value_format.empty()) settings["penstock.value.format"] = value_format;
  auto request = create_topic_request::make([&](wire::CreateTopicRequest::Builder out) {
    out.setName(text_of(name));
    out.setPartitions(options.partitions);
    write_settings(out.initSettings(static_cast<unsigned>(settings.size())), settings);
  });
  PENSTOCK_ASSIGN(auto reply, held_->ask<admin_reply>(request));
  auto why = error_of(reply.open()->getFailure());
  if (why == errc::topic_exists) return check_formats(*held_, name, settings);
  if (why) return why;
  return {};
}

}  // namespace penstock
