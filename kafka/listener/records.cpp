// Produce, list-offsets, offset-for-leader-epoch, delete-records, init-producer-id.
#include <algorithm>

#include "actors/client/produce_queue.hpp"
#include "kafka/listener/session.hpp"
#include "kafka/listener/transactions.hpp"
#include "streams/record/batch.hpp"

namespace penstock::kafka {

namespace {

using partition_result = produce_response::partition_produce_response;

// A node is the only one of its kind so far: every partition is in its first epoch.
constexpr std::int32_t leader_epoch = 0;

// The first version of produce requests that name topics by their ids alone.
constexpr int by_id_from = 13;

partition_result refused(std::int32_t index, error_code code, std::string words) {
  partition_result out;
  out.index = index;
  out.error_code = number(code);
  out.base_offset = -1;
  out.log_start_offset = -1;
  out.error_message = std::move(words);
  return out;
}

// Of records that the log refuses.
error_code produce_code(const error& why) {
  if (why.code() == errc::invalid_argument) return error_code::invalid_record;
  if (why.code() == errc::bad_record) return error_code::invalid_timestamp;
  return topic_code(why);
}

// What only the edge can know is wrong; the log checks the rest (checksum, records, sequence).
std::optional<partition_result> check_records(const produce_request::partition_produce_data& from,
                                              int version, bool has_transactional_id) {
  const auto refuse = [&](error_code code, std::string words) {
    return std::optional{refused(from.index, code, std::move(words))};
  };
  if (!from.records || from.records->empty())
    return refuse(error_code::invalid_record, "a record batch is missing");
  // The format's number lies at the same place in all of them.
  constexpr std::size_t at_magic = 16;
  if (from.records->size() > at_magic &&
      ((*from.records)[at_magic] == 0 || (*from.records)[at_magic] == 1))
    return refuse(error_code::invalid_record, "records must be in format 2");
  auto batch = batch_view::parse(*from.records);
  if (!batch) return refuse(error_code::corrupt_message, words_of(batch.error()));
  if (batch->size() != from.records->size())
    return refuse(error_code::invalid_record, "exactly one record batch per partition is accepted");
  if (batch->is_control())
    return refuse(error_code::invalid_record, "control batches are written by nodes alone");
  if (batch->is_transactional() && !has_transactional_id)
    return refuse(error_code::transactional_id_authorization_failed,
                  "a batch of a transaction comes without a transactional id");
  if (batch->producer_id() >= 0 && batch->base_sequence() < 0)
    return refuse(error_code::invalid_record, "a producer's batch has no sequence number");
  if (batch->compression() == codec::zstd && version < 7)
    return refuse(error_code::unsupported_compression_type,
                  "zstd needs version 7 of produce requests");
  return std::nullopt;
}

struct producing {
  exchange_ptr<produce_request> x;
  produce_response out;
  bool failed = false;

  void answer() {
    if (x->in.acks != 0) return x->answer(out);
    // The client expects no answer; that something went wrong it can only see by losing us.
    if (failed) return x->refuse(error{errc::closed, "a produce request with acks=0 failed"});
    x->answer_nothing();
  }
};

}  // namespace

void serve(session& with, exchange_ptr<produce_request> x) {
  auto work = std::make_shared<producing>();
  work->x = x;
  const bool acks_fine = x->in.acks >= -1 && x->in.acks <= 1;
  auto all = gather([work] { work->answer(); });
  work->out.responses.resize(x->in.topic_data.size());
  for (std::size_t t = 0; t < x->in.topic_data.size(); ++t) {
    const auto& topic = x->in.topic_data[t];
    auto& answers = work->out.responses[t];
    answers.name = topic.name;
    answers.topic_id = topic.topic_id;
    const uuid* id = x->version() < by_id_from ? nullptr : &topic.topic_id;
    answers.partition_responses.resize(topic.partition_data.size());
    for (std::size_t p = 0; p < topic.partition_data.size(); ++p) {
      const auto& data = topic.partition_data[p];
      auto wrong = acks_fine ? check_records(data, x->version(), x->in.transactional_id.has_value())
                             : refused(data.index, error_code::invalid_required_acks,
                                       "acks must be 0, 1 or all");
      if (wrong) {
        work->failed = true;
        answers.partition_responses[p] = *std::move(wrong);
        continue;
      }
      all->expect();
      const auto words = data_words(data.records->size());
      auto request = append_request::make_ending_in_data(words, [&](auto out) {
        set_topic(out, topic.name, id);
        out.setPartition(data.index);
        put_data(out.initBatches(static_cast<unsigned>(data.records->size())), *data.records);
      });
      auto then = [work, all, t, p, index = data.index](const append_reply& reply) {
        auto in = reply.open();
        auto& to = work->out.responses[t].partition_responses[p];
        if (auto why = error_of(in->getFailure())) {
          work->failed = true;
          to = refused(index, produce_code(why), words_of(why));
        } else {
          to.index = index;
          to.base_offset = in->getBaseOffset();
          to.log_append_time_ms = in->getAppendTime();
        }
        all->arrived();
      };
      if (x->in.transactional_id) {
        append_transactional(with, *x->in.transactional_id, request, then);
      } else {
        with.ask<append_reply>(request, then);
      }
    }
  }
  all->arrived();
}

// --- where things are

namespace {

penstock::list_offsets_request offset_at(const std::string& topic, std::int32_t partition,
                                         std::int64_t time, bool committed = false) {
  return penstock::list_offsets_request::make(topic.size(), [&](auto request) {
    request.setTopic(text_of(topic));
    request.setPartition(partition);
    request.setTime(time);
    request.setCommitted(committed);
  });
}

}  // namespace

void serve(session& with, exchange_ptr<list_offsets_request> x) {
  auto out = std::make_shared<list_offsets_response>();
  auto all = gather([x, out] { x->answer(*out); });
  out->topics.resize(x->in.topics.size());
  for (std::size_t t = 0; t < x->in.topics.size(); ++t) {
    const auto& topic = x->in.topics[t];
    out->topics[t].name = topic.name;
    out->topics[t].partitions.resize(topic.partitions.size());
    for (std::size_t p = 0; p < topic.partitions.size(); ++p) {
      const auto& asked = topic.partitions[p];
      auto& to = out->topics[t].partitions[p];
      to.partition_index = asked.partition_index;
      if (asked.current_leader_epoch > leader_epoch) {
        to.error_code = number(error_code::unknown_leader_epoch);
        continue;
      }
      // Nothing lies anywhere but in the local log: -4 is its start, and of -5 and -6 there is
      // none.
      const std::int64_t oldest_time = x->version() >= 11  ? -6
                                       : x->version() >= 9 ? -5
                                       : x->version() >= 8 ? -4
                                       : x->version() >= 7 ? -3
                                                           : -2;
      if (asked.timestamp < oldest_time) {
        to.error_code = number(error_code::unsupported_version);
        continue;
      }
      if (asked.timestamp <= -5) continue;
      const bool end = asked.timestamp == -1;
      all->expect();
      with.ask<list_offsets_reply>(
          offset_at(topic.name, asked.partition_index, asked.timestamp == -4 ? -2 : asked.timestamp,
                    x->in.isolation_level == 1),
          [out, all, t, p, end](const list_offsets_reply& reply) {
            auto in = reply.open();
            auto& answer = out->topics[t].partitions[p];
            answer.error_code = number_of(error_of(in->getFailure()));
            if (answer.error_code == 0) {
              answer.offset = in->getOffset();
              answer.timestamp = end ? -1 : in->getTime();
              if (in->getOffset() >= 0) answer.leader_epoch = leader_epoch;
            }
            all->arrived();
          });
    }
  }
  all->arrived();
}

void serve(session& with, exchange_ptr<offset_for_leader_epoch_request> x) {
  auto out = std::make_shared<offset_for_leader_epoch_response>();
  auto all = gather([x, out] { x->answer(*out); });
  out->topics.resize(x->in.topics.size());
  for (std::size_t t = 0; t < x->in.topics.size(); ++t) {
    const auto& topic = x->in.topics[t];
    out->topics[t].topic = topic.topic;
    out->topics[t].partitions.resize(topic.partitions.size());
    for (std::size_t p = 0; p < topic.partitions.size(); ++p) {
      const auto& asked = topic.partitions[p];
      out->topics[t].partitions[p].partition = asked.partition;
      if (asked.current_leader_epoch > leader_epoch) {
        out->topics[t].partitions[p].error_code = number(error_code::unknown_leader_epoch);
        continue;
      }
      all->expect();
      with.ask<list_offsets_reply>(
          offset_at(topic.topic, asked.partition, -1),
          [out, all, t, p, epoch = asked.leader_epoch](const list_offsets_reply& reply) {
            auto in = reply.open();
            auto& answer = out->topics[t].partitions[p];
            answer.error_code = number_of(error_of(in->getFailure()));
            if (answer.error_code == 0 && epoch == leader_epoch) {
              answer.leader_epoch = leader_epoch;
              answer.end_offset = in->getOffset();
            }
            all->arrived();
          });
    }
  }
  all->arrived();
}

void serve(session& with, exchange_ptr<delete_records_request> x) {
  auto out = std::make_shared<delete_records_response>();
  auto all = gather([x, out] { x->answer(*out); });
  out->topics.resize(x->in.topics.size());
  for (std::size_t t = 0; t < x->in.topics.size(); ++t) {
    const auto& topic = x->in.topics[t];
    out->topics[t].name = topic.name;
    out->topics[t].partitions.resize(topic.partitions.size());
    for (std::size_t p = 0; p < topic.partitions.size(); ++p) {
      const auto& asked = topic.partitions[p];
      auto& to = out->topics[t].partitions[p];
      to.partition_index = asked.partition_index;
      to.low_watermark = -1;
      if (asked.offset < -1) {
        to.error_code = number(error_code::offset_out_of_range);
        continue;
      }
      all->expect();
      with.ask<delete_records_reply>(
          penstock::delete_records_request::make(topic.name.size(),
                                                 [&](auto request) {
                                                   request.setTopic(text_of(topic.name));
                                                   request.setPartition(asked.partition_index);
                                                   request.setBefore(asked.offset);
                                                 }),
          [out, all, t, p](const delete_records_reply& reply) {
            auto in = reply.open();
            auto& answer = out->topics[t].partitions[p];
            answer.error_code = number_of(error_of(in->getFailure()));
            if (answer.error_code == 0) answer.low_watermark = in->getStartOffset();
            all->arrived();
          });
    }
  }
  all->arrived();
}

void serve(session& with, exchange_ptr<init_producer_id_request> x) {
  if (x->in.transactional_id) return init_transactional(with, x);
  with.ask<init_producer_reply>(init_producer_request{}, [x](const init_producer_reply& reply) {
    auto in = reply.open();
    init_producer_id_response answer;
    if (auto why = error_of(in->getFailure())) {
      answer.error_code = number(is_retriable(why.code()) ? error_code::coordinator_not_available
                                                          : code_of(why.code()));
      answer.producer_epoch = -1;
    } else {
      answer.producer_id = in->getProducerId();
      answer.producer_epoch = in->getEpoch();
    }
    x->answer(answer);
  });
}

}  // namespace penstock::kafka
