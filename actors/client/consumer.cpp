#include "actors/client/consumer.hpp"

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include "actors/errors.hpp"

namespace penstock {

struct consumer::state {
  state(caf::actor_system& system, node_actor node, consumer_config config)
      : self(system), handle(spawn_consumer(system, std::move(node), std::move(config))) {}
  caf::scoped_actor self;
  consumer_actor handle;
  batch_cursor cursor;
  bool at_end = false;

  template <class Reply, class Request>
  result<Reply> ask(const Request& what, duration deadline) {
    result<Reply> answer{errc::timed_out, "no answer from the consumer"};
    self->request(handle, deadline, what)
        .receive([&](const Reply& reply) { answer = reply; },
                 [&](const caf::error& why) { answer = from_caf(why); });
    return answer;
  }
  template <class Request>
  result<void> order(const Request& what, duration deadline) {
    PENSTOCK_ASSIGN(auto reply, ask<consumer_reply>(what, deadline));
    if (auto why = error_of(reply.open()->getFailure())) return why;
    return {};
  }
  result<void> unpack(wire::PollReply::Slice::Reader slice, std::vector<consumed>& to);
};

consumer::consumer(caf::actor_system& system, node_actor node, consumer_config config)
    : state_(std::make_unique<state>(system, std::move(node), std::move(config))) {}
consumer::consumer(consumer&&) noexcept = default;
consumer& consumer::operator=(consumer&&) noexcept = default;

consumer::~consumer() {
  if (state_) (void)state_->order(leave_request{}, 10s);
}

result<void> consumer::state::unpack(wire::PollReply::Slice::Reader slice,
                                     std::vector<consumed>& to) {
  const topic_partition from{std::string{view(slice.getTopic())}, slice.getPartition()};
  auto batches = view(slice.getBatches());
  record_view each;
  while (!batches.empty()) {
    PENSTOCK_ASSIGN(auto batch, batch_view::parse(batches));
    batches.remove_prefix(batch.size());
    if (batch.is_control()) continue;
    if (auto opened = cursor.open(batch); !opened)
      return opened.error().with_context(from.to_string() + " at offset " +
                                         std::to_string(batch.base_offset()));
    while (true) {
      PENSTOCK_ASSIGN(const bool more, cursor.next(each));
      if (!more) break;
      if (each.offset >= slice.getFromOffset()) to.push_back({from, own(each)});
    }
  }
  return {};
}

result<std::vector<consumed>> consumer::poll(duration wait, std::uint32_t bytes_max) {
  auto request = poll_request::make([&](wire::PollRequest::Builder out) {
    out.setMaxBytes(bytes_max);
    out.setMaxWaitMs(static_cast<std::uint32_t>(wait.count()));
  });
  PENSTOCK_ASSIGN(auto reply, state_->ask<poll_reply>(request, wait + 60s));
  auto in = reply.open();
  if (auto why = error_of(in->getFailure())) return why;
  state_->at_end = in->getAtEnd();
  std::vector<consumed> records;
  for (auto slice : in->getSlices()) PENSTOCK_TRY(state_->unpack(slice, records));
  return records;
}

bool consumer::at_end() const {
  return state_->at_end;
}

result<void> consumer::commit(duration deadline) {
  return state_->order(commit_request{}, deadline);
}

result<std::vector<std::pair<topic_partition, offset_t>>> consumer::assignment(duration deadline) {
  PENSTOCK_ASSIGN(auto reply, state_->ask<assignment_reply>(assignment_request{}, deadline));
  auto in = reply.open();
  if (auto why = error_of(in->getFailure())) return why;
  std::vector<std::pair<topic_partition, offset_t>> all;
  for (auto each : in->getPositions())
    all.emplace_back(topic_partition{std::string{view(each.getTopic())}, each.getPartition()},
                     each.getOffset());
  return all;
}

result<void> consumer::seek(const topic_partition& to, offset_t offset, duration deadline) {
  return state_->order(seek_request::make([&](wire::SeekRequest::Builder out) {
                         auto one = out.initOffsets(1)[0];
                         one.setTopic(text_of(to.topic));
                         one.setPartition(to.partition);
                         one.setOffset(offset);
                       }),
                       deadline);
}

}  // namespace penstock
