// What a consumer reads: fetching ahead within its bounds, and handing over to polls.
#include <algorithm>

#include "actors/broker/guard.hpp"
#include "actors/client/consumer_parts.hpp"
#include "actors/messages/partitions.hpp"

namespace penstock::consuming {

namespace {

constexpr auto long_poll = 500ms;  // how long a partition holds a fetch that finds nothing

bool caught_up(const consumer_state& state) {
  return state.now == phase::running &&
         std::all_of(state.cursors.begin(), state.cursors.end(), [](const auto& each) {
           return each.second.high_watermark >= 0 &&
                  each.second.handed >= each.second.high_watermark;
         });
}

struct slice {
  topic_partition tp;
  offset_t from;
  fetch_reply what;
};

std::vector<slice> take_slices(consumer_state& state, std::size_t bytes_max) {
  std::vector<slice> slices;
  std::size_t taken = 0;
  // In turn, one fetched reply each, so that a busy partition does not starve the others.
  for (bool more = true; more && (taken == 0 || taken < bytes_max);) {
    more = false;
    for (auto& [tp, at] : state.cursors) {
      if (at.ready.empty() || (taken > 0 && taken >= bytes_max)) continue;
      auto in = at.ready.front().open();
      const auto size = in->getBatches().size();
      slices.push_back({tp, at.ready_from.front(), at.ready.front()});
      at.handed = in->getNextOffset();
      at.ready.pop_front();
      at.ready_from.pop_front();
      at.ready_bytes -= size;
      state.buffered -= size;
      taken += size;
      more = true;
    }
  }
  return slices;
}

poll_reply make_reply(consumer_state& state, const std::vector<slice>& slices) {
  state.told_end = caught_up(state);
  std::size_t words = 0;
  std::size_t spare = envelope_spare_words;
  for (const auto& each : slices) {
    words += data_words(each.what.open()->getBatches().size());
    spare += 16 + data_words(each.tp.topic.size() + 1);
  }
  const auto fill = [&](wire::PollReply::Builder out) {
    out.setGeneration(state.generation);
    out.setAtEnd(state.told_end);
    auto list = out.initSlices(static_cast<unsigned>(slices.size()));
    for (unsigned i = 0; i < slices.size(); ++i) {
      auto in = slices[i].what.open();
      list[i].setTopic(text_of(slices[i].tp.topic));
      list[i].setPartition(slices[i].tp.partition);
      list[i].setFromOffset(slices[i].from);
      list[i].setNextOffset(in->getNextOffset());
      list[i].setHighWatermark(in->getHighWatermark());
    }
    for (unsigned i = 0; i < slices.size(); ++i) {
      auto in = slices[i].what.open();
      const bytes_view data = view(in->getBatches());
      put_data(list[i].initBatches(static_cast<unsigned>(data.size())), data);
    }
  };
  return poll_reply::make_ending_in_data(words, fill, spare);
}

}  // namespace

void serve_poll(consumer_state& state, bool time_is_over) {
  if (!state.poll) return;
  auto& [request, promise] = *state.poll;
  if (state.failure) {
    promise.deliver(failed<poll_reply>(std::exchange(state.failure, {})));
    state.poll.reset();
    return;
  }
  const bool end = caught_up(state);
  if (state.buffered == 0 && !end && !time_is_over) return;
  auto slices = take_slices(state, request.open()->getMaxBytes());
  // Whoever reads to the end hears at once that it is there. Told that, a poll without records
  // waits its time: more may come.
  if (slices.empty() && !time_is_over && state.told_end) return;
  promise.deliver(make_reply(state, slices));
  state.poll.reset();
}

void fail(consumer_self self, const error& why) {
  self->state.failure = why;
  serve_poll(self->state);
}

offset_t reset_time(const consumer_state& state) {
  return state.config.start == start_at::beginning ? -2 : -1;
}

bool passes(const error& why) {
  return why == errc::overloaded || why == errc::timed_out;
}

namespace {

void on_fetched(consumer_self self, const topic_partition& tp, const fetch_reply& reply) {
  auto& state = self->state;
  auto& at = state.cursors.at(tp);
  at.in_flight = false;
  auto in = reply.open();
  if (auto why = error_of(in->getFailure())) {
    if (why == errc::offset_out_of_range && state.config.partitions.empty()) {
      // Retention was faster than this reader, or the topic is another one now. Never skip to the
      // end what is still there.
      const bool below = at.fetch_from < in->getStartOffset();
      log_line(tp.to_string(), why.message() + "; reading on at the start of the log");
      return find_start(self, tp, below ? -2 : reset_time(state));
    }
    if (passes(why)) {
      self->delayed_send(self, retry_pause, tick_of(timer::again));
      return;
    }
    return fail(self, why);
  }
  at.high_watermark = in->getHighWatermark();
  if (in->getBatches().size() > 0) {
    at.ready_from.push_back(at.fetch_from);
    at.ready.push_back(reply);
    at.ready_bytes += in->getBatches().size();
    state.buffered += in->getBatches().size();
    at.fetch_from = in->getNextOffset();
  } else {
    // What was aborted, or compacted away, is passed over.
    at.fetch_from = std::max(at.fetch_from, offset_t{in->getNextOffset()});
    if (at.ready.empty()) at.handed = at.fetch_from;
  }
  serve_poll(state);
  fetch_all(self);
}

void fetch(consumer_self self, const topic_partition& tp, cursor& at) {
  auto& state = self->state;
  at.in_flight = true;
  const bool known_end = at.high_watermark >= 0 && at.fetch_from >= at.high_watermark;
  auto request = fetch_request::make([&](wire::FetchRequest::Builder out) {
    out.setTopic(text_of(tp.topic));
    out.setPartition(tp.partition);
    out.setOffset(at.fetch_from);
    out.setMaxBytes(state.config.fetch_bytes_max);
    out.setMaxWaitMs(known_end ? static_cast<std::uint32_t>(long_poll.count()) : 0);
    if (!state.config.read_uncommitted) out.setIsolation(wire::Isolation::FILTERED);
  });
  const auto round = state.round;
  self->request(state.node, caf::infinite, std::move(request))
      .then(
          [=](const fetch_reply& reply) {
            if (self->state.round == round) on_fetched(self, tp, reply);
          },
          [=](const caf::error& why) {
            if (self->state.round == round) fail(self, from_caf(why));
          });
}

}  // namespace

bool keeps_reading(const consumer_state& state) {
  return state.cooperative && state.now == phase::starting && !state.member.empty();
}

void fetch_all(consumer_self self) {
  auto& state = self->state;
  if (state.now != phase::running && !keeps_reading(state)) return;
  for (auto& [tp, at] : state.cursors) {
    if (at.in_flight || at.fetch_from < 0) continue;
    if (state.buffered >= state.config.buffer_bytes_max) return;
    if (at.ready_bytes >= state.config.fetch_bytes_max * 2u) continue;
    fetch(self, tp, at);
  }
}

void find_start(consumer_self self, const topic_partition& tp, std::int64_t time) {
  auto& state = self->state;
  auto request = list_offsets_request::make([&](wire::ListOffsetsRequest::Builder out) {
    out.setTopic(text_of(tp.topic));
    out.setPartition(tp.partition);
    out.setTime(time);
    out.setCommitted(!state.config.read_uncommitted);
  });
  const auto round = state.round;
  self->request(state.node, caf::infinite, std::move(request))
      .then(
          [=](const list_offsets_reply& reply) {
            if (self->state.round != round) return;
            auto in = reply.open();
            auto& at = self->state.cursors.at(tp);
            if (auto why = error_of(in->getFailure())) {
              if (!passes(why)) return fail(self, why);
              at.find_again = time;
              self->delayed_send(self, retry_pause, tick_of(timer::again));
              return;
            }
            at.fetch_from = at.handed = in->getOffset();
            fetch_all(self);
          },
          [=](const caf::error& why) {
            if (self->state.round == round) fail(self, from_caf(why));
          });
}

void next_round(consumer_state& state) {
  ++state.round;
  for (auto& each : state.cursors) each.second.in_flight = false;
}

void forget_partitions(consumer_state& state) {
  state.cursors.clear();
  state.committed.clear();
  state.buffered = 0;
}

void begin_more(consumer_self self, const starts& from) {
  auto& state = self->state;
  next_round(state);
  state.now = phase::running;
  for (const auto& [tp, offset] : from) {
    auto& at = state.cursors[tp];
    at.fetch_from = at.handed = offset;
    if (offset >= 0) state.committed[tp] = offset;
  }
  for (auto& [tp, at] : state.cursors)
    if (at.fetch_from < 0) find_start(self, tp, reset_time(state));
  fetch_all(self);
}

void begin(consumer_self self, const starts& from) {
  forget_partitions(self->state);
  begin_more(self, from);
}

void count_partitions(consumer_self self, const std::vector<std::string>& topics,
                      counts_then then) {
  auto request = topics_request::make([&](wire::TopicsRequest::Builder out) {
    auto list = out.initNames(static_cast<unsigned>(topics.size()));
    for (unsigned i = 0; i < topics.size(); ++i) list.set(i, text_of(topics[i]));
  });
  const auto round = self->state.round;
  self->request(self->state.node, caf::infinite, std::move(request))
      .then(
          [=](const topics_reply& reply) {
            if (self->state.round != round) return;
            auto in = reply.open();
            if (auto why = error_of(in->getFailure())) {
              if (!passes(why)) return fail(self, why);
              if (self->state.now != phase::running) rejoin_later(self);
              return;
            }
            partition_counts counts;
            for (auto each : in->getTopics())
              counts[std::string{view(each.getName())}] =
                  static_cast<std::int32_t>(each.getPartitions().size());
            then(std::move(counts));
          },
          [=](const caf::error& why) {
            if (self->state.round == round) fail(self, from_caf(why));
          });
}

void start_alone(consumer_self self) {
  auto& state = self->state;
  if (!state.config.partitions.empty()) return begin(self, state.config.partitions);
  count_partitions(self, state.config.topics, [self](const partition_counts& counts) {
    std::vector<std::pair<topic_partition, offset_t>> from;
    for (const auto& topic : self->state.config.topics) {
      auto at = counts.find(topic);
      if (at == counts.end()) {
        self->state.now = phase::idle;
        return fail(self, error{errc::unknown_topic, "topic \"" + topic + "\" does not exist"});
      }
      for (std::int32_t n = 0; n < at->second; ++n) from.push_back({{topic, n}, -1});
    }
    begin(self, from);
  });
}

}  // namespace penstock::consuming
