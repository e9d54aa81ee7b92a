#include "actors/connect/topic_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

namespace penstock {

namespace {
constexpr std::uint32_t fetch_bytes = std::uint32_t{1} << 20;
constexpr duration fetch_wait = 500ms;
constexpr offset_t purge_records = 10'000;  // delivered ones that may stay for a while
}  // namespace

topic_reader::topic_reader(connector& owner, std::function<void()> on_news)
    : owner_(owner),
      on_news_(std::move(on_news)),
      inputs_(static_cast<std::size_t>(owner.config_.partitions)) {}

// --- where to begin and where to end

void topic_reader::open(std::function<void()> then) {
  owner_.ask<fetch_offsets_reply>(positions_request(), "cannot read the committed offsets",
                                  [this, then](const fetch_offsets_reply& r) {
                                    for (auto each : r.open()->getOffsets()) {
                                      const auto p = each.getPartition();
                                      if (view(each.getTopic()) != owner_.config_.what.topic)
                                        continue;
                                      if (p < 0 || static_cast<std::size_t>(p) >= inputs_.size())
                                        continue;
                                      auto& in = inputs_[static_cast<std::size_t>(p)];
                                      in.next = in.committed = each.getOffset();
                                      in.note = std::string{view(each.getMetadata())};
                                    }
                                    find_starts(then);
                                  });
}

fetch_offsets_request topic_reader::positions_request() const {
  return fetch_offsets_request::make([&](wire::FetchOffsetsRequest::Builder out) {
    out.setGroup(text_of(owner_.config_.topology->name()));
    auto one = out.initPartitions(1)[0];
    one.setTopic(text_of(owner_.config_.what.topic));
    auto numbers = one.initPartitions(static_cast<unsigned>(inputs_.size()));
    for (unsigned i = 0; i < inputs_.size(); ++i) numbers.set(i, static_cast<std::int32_t>(i));
  });
}

list_offsets_request topic_reader::list_request(std::size_t p, std::int64_t which) const {
  return list_offsets_request::make([&](wire::ListOffsetsRequest::Builder out) {
    out.setTopic(text_of(owner_.config_.what.topic));
    out.setPartition(static_cast<std::int32_t>(p));
    out.setTime(which);
    out.setCommitted(true);
  });
}

void topic_reader::find_starts(std::function<void()> then) {
  auto left = std::make_shared<std::size_t>(1);
  auto one_known = [left, then] {
    if (--*left == 0) then();
  };
  for (std::size_t p = 0; p < inputs_.size(); ++p) {
    if (inputs_[p].next >= 0) continue;
    ++*left;
    owner_.ask<list_offsets_reply>(list_request(p, -2), "cannot find the start of its topic",
                                   [this, p, one_known](const list_offsets_reply& r) {
                                     inputs_[p].next = r.open()->getOffset();
                                     one_known();
                                   });
  }
  one_known();
}

void topic_reader::finish() {
  for (std::size_t p = 0; p < inputs_.size(); ++p) {
    owner_.ask<list_offsets_reply>(list_request(p, -1), "cannot find the end of its topic",
                                   [this, p](const list_offsets_reply& r) {
                                     inputs_[p].stop_at = r.open()->getOffset();
                                     on_news_();
                                   });
  }
}

bool topic_reader::at_end(std::size_t p) const {
  const auto& in = inputs_[p];
  return in.stop_at && in.next >= *in.stop_at;
}

// --- records

void topic_reader::fetch(std::size_t p) {
  auto& in = inputs_[p];
  if (in.asked || in.ready || at_end(p)) return;
  in.asked = true;
  auto request = fetch_request::make([&](wire::FetchRequest::Builder out) {
    out.setTopic(text_of(owner_.config_.what.topic));
    out.setPartition(static_cast<std::int32_t>(p));
    out.setOffset(in.next);
    out.setMaxBytes(fetch_bytes);
    out.setMaxWaitMs(static_cast<std::uint32_t>(fetch_wait.count()));
    out.setIsolation(wire::Isolation::FILTERED);
  });
  owner_.ask<fetch_reply>(std::move(request), "cannot read its topic",
                          [this, p](const fetch_reply& r) {
                            auto& from = inputs_[p];
                            from.asked = false;
                            from.end = r.open()->getHighWatermark();
                            if (r.open()->getNextOffset() > from.next) from.ready = r;
                            on_news_();
                          });
}

result<void> topic_reader::take(std::size_t p,
                                const std::function<bool(const record_view&)>& each) {
  auto& in = inputs_[p];
  PENSTOCK_ASSERT(in.ready.has_value());
  auto reply = in.ready->open();
  auto data = view(reply->getBatches());
  while (!data.empty()) {
    PENSTOCK_ASSIGN(auto one, batch_view::parse(data));
    data.remove_prefix(one.size());
    if (one.is_control() || one.last_offset() < in.next) continue;
    PENSTOCK_TRY(cursor_.open(one));
    for (record_view r;;) {
      PENSTOCK_ASSIGN(const bool more, cursor_.next(r));
      if (!more) break;
      if (r.offset < in.next || each(r)) continue;
      in.next = r.offset;
      return {};
    }
  }
  in.next = reply->getNextOffset();
  in.ready.reset();
  return {};
}

void topic_reader::look() {
  for (std::size_t p = 0; p < inputs_.size(); ++p) {
    owner_.ask<list_offsets_reply>(list_request(p, -1), "cannot find the end of its topic",
                                   [this, p](const list_offsets_reply& r) {
                                     auto& in = inputs_[p];
                                     in.end = std::max(in.end, r.open()->getOffset());
                                   });
  }
}

std::uint64_t topic_reader::waiting() const {
  std::uint64_t count = 0;
  for (const auto& in : inputs_) {
    const auto from = in.committed >= 0 ? in.committed : 0;
    if (in.end > from) count += static_cast<std::uint64_t>(in.end - from);
  }
  return count;
}

error topic_reader::left_behind(const error& why) const {
  const auto count = waiting();
  return error{errc::timed_out,
               fmt::format("{}; {} record{} wait{} in topic \"{}\": run the job again "
                           "when it works",
                           why.message(), count, count == 1 ? "" : "s", count == 1 ? "s" : "",
                           owner_.config_.what.topic)};
}

// --- what is delivered

bool topic_reader::commit(const std::vector<offset_t>& offsets, const std::string& note,
                          bool even_if_same, std::function<void()> then) {
  PENSTOCK_ASSERT(!committing_ && offsets.size() == inputs_.size());
  unsigned count = 0;
  for (std::size_t p = 0; p < inputs_.size(); ++p)
    if (offsets[p] >= 0 && (even_if_same || offsets[p] > inputs_[p].committed)) ++count;
  if (count == 0) return false;
  committing_ = true;
  const auto& topic = owner_.config_.what.topic;
  auto request =
      commit_offsets_request::make(count * (128 + topic.size() + note.size()) + 256, [&](auto out) {
        out.setGroup(text_of(owner_.config_.topology->name()));
        out.setGeneration(-1);
        auto list = out.initOffsets(count);
        unsigned i = 0;
        for (std::size_t p = 0; p < inputs_.size(); ++p) {
          if (offsets[p] < 0 || (!even_if_same && offsets[p] <= inputs_[p].committed)) continue;
          list[i].setTopic(text_of(topic));
          list[i].setPartition(static_cast<std::int32_t>(p));
          list[i].setOffset(offsets[p]);
          list[i].setMetadata(text_of(note));
          ++i;
        }
      });
  owner_.ask<group_reply>(std::move(request), "cannot commit offsets",
                          [this, offsets, then](const group_reply&) {
                            committing_ = false;
                            for (std::size_t p = 0; p < inputs_.size(); ++p) {
                              inputs_[p].committed = std::max(inputs_[p].committed, offsets[p]);
                              purge(p);
                            }
                            then();
                          });
  return true;
}

// A courtesy: whether it works is not waited for.
void topic_reader::purge(std::size_t p) {
  auto& in = inputs_[p];
  if (in.committed - in.purged < purge_records) return;
  in.purged = in.committed;
  owner_.self_
      ->request(owner_.config_.node, owner_.config_.request_timeout,
                delete_records_request::make([&](wire::DeleteRecordsRequest::Builder out) {
                  out.setTopic(text_of(owner_.config_.what.topic));
                  out.setPartition(static_cast<std::int32_t>(p));
                  out.setBefore(in.committed);
                }))
      .then([](const delete_records_reply&) {}, [](const caf::error&) {});
}

}  // namespace penstock
