// Init-producer-id with a transactional id, add-partitions-to-txn, add-offsets-to-txn,
// txn-offset-commit, end-txn, write-txn-markers; describe and list. The rules are those of
// actors/broker/transactions.cpp; here forms are changed, and errors become those that clients of
// the version expect.
#include "kafka/listener/transactions.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "actors/client/produce_queue.hpp"
#include "actors/messages/partitions.hpp"
#include "kafka/listener/offset_places.hpp"
#include "streams/topic/offsets.hpp"

namespace penstock::kafka {

namespace {

constexpr std::size_t ids_spare = 256;
constexpr int verifications_max = 5;  // of one batch: a marker may come in between

// The version of an API in which a fenced producer has an error of its own.
constexpr std::int16_t fenced_in_init = 4;
constexpr std::int16_t fenced_elsewhere = 2;

std::int16_t transaction_code(const error& why, std::int16_t version, std::int16_t fenced_from) {
  switch (why.code()) {
    case errc::transaction_fenced:
      return number(version >= fenced_from ? error_code::producer_fenced
                                           : error_code::invalid_producer_epoch);
    // Clients look for the coordinator again.
    case errc::closed:
    case errc::partition_offline:
    case errc::sync_failed:
    case errc::disk_full:
    case errc::io_error:
      return number(error_code::coordinator_not_available);
    default:
      return is_retriable(why.code()) ? number(error_code::coordinator_not_available)
                                      : number_of(why);
  }
}

// What a producer hears when the coordinator refuses a batch.
error of_produce(const error& why) {
  switch (why.code()) {
    case errc::transaction_fenced:
      return error{errc::producer_fenced, why.message()};
    case errc::concurrent_transactions:
    case errc::partition_offline:
      return error{errc::overloaded, why.message()};  // asked again after a pause
    default:
      return why;
  }
}

void append_verified(session& with, const std::string& id, const append_request& what,
                     const std::function<void(const append_reply&)>& then, int left) {
  with.ask<append_reply>(what, [=, &with](const append_reply& reply) {
    auto in = reply.open();
    if (error_of(in->getFailure()).code() != errc::transaction_unverified || left == 0)
      return then(reply);
    const auto guard = in->getGuard();
    auto asked = what.open();
    const auto batch = batch_view::parse(view(asked->getBatches()));
    if (!batch) return then(reply);
    const partitions_by_topic only{{std::string{view(asked->getTopic())}, {asked->getPartition()}}};
    auto verification =
        add_to_transaction::make(ids_spare + id.size(), [&](wire::AddToTransaction::Builder out) {
          out.setId(text_of(id));
          out.setProducerId(batch->producer_id());
          out.setEpoch(batch->producer_epoch());
          write_partitions(out.initPartitions(1), only);
          out.setVerify(true);
        });
    with.ask<transaction_reply>(verification, [=, &with](const transaction_reply& verified) {
      if (auto why = error_of(verified.open()->getFailure()))
        return then(failed<append_reply>(of_produce(why)));
      auto from = what.open();
      auto again = append_request::make(from->getBatches().size() + ids_spare,
                                        [&](wire::AppendRequest::Builder out) {
                                          out.setTopic(from->getTopic());
                                          out.setPartition(from->getPartition());
                                          out.setBatches(from->getBatches());
                                          out.setGuard(guard);
                                        });
      append_verified(with, id, again, then, left - 1);
    });
  });
}

}  // namespace

void append_transactional(session& with, const std::string& transactional_id,
                          const append_request& what,
                          std::function<void(const append_reply&)> then) {
  append_verified(with, transactional_id, what, then, verifications_max);
}

void init_transactional(session& with, exchange_ptr<init_producer_id_request> x) {
  const auto& in = x->in;
  auto request = init_transaction::make(ids_spare + in.transactional_id->size(),
                                        [&](wire::InitTransaction::Builder out) {
                                          out.setId(text_of(*in.transactional_id));
                                          out.setTimeoutMs(in.transaction_timeout_ms);
                                          out.setProducerId(in.producer_id);
                                          out.setEpoch(in.producer_epoch);
                                        });
  with.ask<init_transaction_reply>(request, [x](const init_transaction_reply& reply) {
    auto from = reply.open();
    init_producer_id_response out;
    out.error_code = transaction_code(error_of(from->getFailure()), x->version(), fenced_in_init);
    out.producer_epoch = -1;
    if (out.error_code == 0) {
      out.producer_id = from->getProducerId();
      out.producer_epoch = from->getEpoch();
    }
    x->answer(out);
  });
}

// --- what is in the transaction

namespace {

// Partitions that exist.
std::map<std::string, std::int32_t, std::less<>> counts_in(const topics_reply& found) {
  std::map<std::string, std::int32_t, std::less<>> counts;
  auto in = found.open();
  for (auto each : in->getTopics())
    counts[std::string{view(each.getName())}] =
        static_cast<std::int32_t>(each.getPartitions().size());
  return counts;
}

template <class Counts>
bool exists(const Counts& counts, const std::string& topic, std::int32_t partition) {
  const auto known = counts.find(topic);
  return known != counts.end() && partition >= 0 && partition < known->second;
}

using add_exchange = exchange_ptr<add_partitions_to_txn_request>;

// All of it is added, or nothing.
void add_partitions(session& with, add_exchange x, const topics_reply& found) {
  const auto& in = x->in;
  const auto counts = counts_in(found);
  auto answer_all = [x](auto code_of_one) {
    add_partitions_to_txn_response out;
    for (const auto& topic : x->in.v3_and_below_topics) {
      auto& to = out.results_by_topic_v3_and_below.emplace_back();
      to.name = topic.name;
      for (const auto each : topic.partitions)
        to.results_by_partition.push_back({each, code_of_one(topic.name, each)});
    }
    x->answer(out);
  };
  partitions_by_topic wanted;
  bool all_there = true;
  std::size_t size = ids_spare + in.v3_and_below_transactional_id.size();
  for (const auto& topic : in.v3_and_below_topics) {
    size += topic.name.size() + topic.partitions.size() * 4 + 64;
    for (const auto each : topic.partitions) {
      all_there = all_there && exists(counts, topic.name, each);
      wanted[topic.name].push_back(each);
    }
  }
  if (auto why = error_of(found.open()->getFailure())) {
    const auto code = transaction_code(why, x->version(), fenced_elsewhere);
    return answer_all([code](const auto&, auto) { return code; });
  }
  if (!all_there) {
    return answer_all([&](const std::string& topic, std::int32_t partition) {
      return number(exists(counts, topic, partition) ? error_code::operation_not_attempted
                                                     : error_code::unknown_topic_or_partition);
    });
  }
  auto request = add_to_transaction::make(size, [&](wire::AddToTransaction::Builder out) {
    out.setId(text_of(in.v3_and_below_transactional_id));
    out.setProducerId(in.v3_and_below_producer_id);
    out.setEpoch(in.v3_and_below_producer_epoch);
    write_partitions(out.initPartitions(static_cast<unsigned>(wanted.size())), wanted);
  });
  with.ask<transaction_reply>(request, [x, answer_all](const transaction_reply& reply) {
    const auto code =
        transaction_code(error_of(reply.open()->getFailure()), x->version(), fenced_elsewhere);
    answer_all([code](const auto&, auto) { return code; });
  });
}

}  // namespace

void serve(session& with, exchange_ptr<add_partitions_to_txn_request> x) {
  std::vector<std::string> names;
  for (const auto& each : x->in.v3_and_below_topics) names.push_back(each.name);
  if (names.empty()) return x->answer({});
  with.ask<topics_reply>(topics_named(names),
                         [&with, x](const topics_reply& found) { add_partitions(with, x, found); });
}

void serve(session& with, exchange_ptr<add_offsets_to_txn_request> x) {
  const auto& in = x->in;
  add_offsets_to_txn_response wrong;
  if (in.group_id.empty()) {
    wrong.error_code = number(error_code::invalid_group_id);
    return x->answer(wrong);
  }
  auto request =
      add_to_transaction::make(ids_spare + in.transactional_id.size() + in.group_id.size(),
                               [&](wire::AddToTransaction::Builder out) {
                                 out.setId(text_of(in.transactional_id));
                                 out.setProducerId(in.producer_id);
                                 out.setEpoch(in.producer_epoch);
                                 out.setGroup(text_of(in.group_id));
                               });
  with.ask<transaction_reply>(request, [x](const transaction_reply& reply) {
    add_offsets_to_txn_response out;
    out.error_code =
        transaction_code(error_of(reply.open()->getFailure()), x->version(), fenced_elsewhere);
    x->answer(out);
  });
}

namespace {

std::int16_t commit_code(const error& why) {
  switch (why.code()) {
    case errc::transaction_fenced:
      return number(error_code::invalid_producer_epoch);
    case errc::invalid_argument:
      return number(error_code::invalid_group_id);
    case errc::concurrent_transactions:
      return number(error_code::coordinator_load_in_progress);
    default:
      return transaction_code(why, 0, 0);
  }
}

void commit_offsets(session& with, exchange_ptr<txn_offset_commit_request> x,
                    const topics_reply& found) {
  const auto& in = x->in;
  const auto counts = counts_in(found);
  auto out = std::make_shared<txn_offset_commit_response>();
  auto places = std::make_shared<std::vector<offset_place>>();
  std::size_t size =
      ids_spare + in.group_id.size() + in.member_id.size() + in.transactional_id.size();
  for (std::size_t t = 0; t < in.topics.size(); ++t) {
    const auto& topic = in.topics[t];
    auto& to = out->topics.emplace_back();
    to.name = topic.name;
    for (std::size_t p = 0; p < topic.partitions.size(); ++p) {
      const auto& asked = topic.partitions[p];
      const auto metadata = asked.committed_metadata ? asked.committed_metadata->size() : 0;
      auto code = error_code::none;
      if (!exists(counts, topic.name, asked.partition_index)) {
        code = error_code::unknown_topic_or_partition;
      } else if (metadata > offset_metadata_bytes_max) {
        code = error_code::offset_metadata_too_large;
      } else {
        places->push_back({t, p});
        size += topic.name.size() + metadata + 64;
      }
      to.partitions.push_back({asked.partition_index, number(code)});
    }
  }
  if (places->empty()) return x->answer(*out);
  auto request = commit_in_transaction::make(size, [&](wire::CommitInTransaction::Builder to) {
    to.setId(text_of(in.transactional_id));
    to.setProducerId(in.producer_id);
    to.setEpoch(in.producer_epoch);
    to.setGroup(text_of(in.group_id));
    to.setMember(text_of(in.member_id));
    if (in.group_instance_id) to.setInstance(text_of(*in.group_instance_id));
    to.setGeneration(in.generation_id);
    put_offsets(to.initOffsets(static_cast<unsigned>(places->size())), in, *places);
  });
  with.ask<group_reply>(request, [x, out, places](const group_reply& reply) {
    const auto code = commit_code(error_of(reply.open()->getFailure()));
    for (const auto& each : *places)
      out->topics[each.topic].partitions[each.partition].error_code = code;
    x->answer(*out);
  });
}

}  // namespace

void serve(session& with, exchange_ptr<txn_offset_commit_request> x) {
  std::vector<std::string> names;
  for (const auto& each : x->in.topics) names.push_back(each.name);
  if (names.empty()) return x->answer({});
  with.ask<topics_reply>(topics_named(names),
                         [&with, x](const topics_reply& found) { commit_offsets(with, x, found); });
}

// --- how it ends

void serve(session& with, exchange_ptr<end_txn_request> x) {
  const auto& in = x->in;
  auto request = end_transaction::make(ids_spare + in.transactional_id.size(),
                                       [&](wire::EndTransaction::Builder out) {
                                         out.setId(text_of(in.transactional_id));
                                         out.setProducerId(in.producer_id);
                                         out.setEpoch(in.producer_epoch);
                                         out.setCommit(in.committed);
                                       });
  with.ask<transaction_reply>(request, [x](const transaction_reply& reply) {
    end_txn_response out;
    out.error_code =
        transaction_code(error_of(reply.open()->getFailure()), x->version(), fenced_elsewhere);
    x->answer(out);
  });
}

// From tools alone: a transaction of which no coordinator knows any more.
void serve(session& with, exchange_ptr<write_txn_markers_request> x) {
  auto out = std::make_shared<write_txn_markers_response>();
  auto all = gather([x, out] { x->answer(*out); });
  for (std::size_t m = 0; m < x->in.markers.size(); ++m) {
    const auto& marker = x->in.markers[m];
    auto& to = out->markers.emplace_back();
    to.producer_id = marker.producer_id;
    for (std::size_t t = 0; t < marker.topics.size(); ++t) {
      const auto& topic = marker.topics[t];
      to.topics.emplace_back().name = topic.name;
      for (std::size_t p = 0; p < topic.partition_indexes.size(); ++p) {
        to.topics[t].partitions.push_back({topic.partition_indexes[p], 0});
        all->expect();
        auto request =
            write_marker::make(ids_spare + topic.name.size(), [&](wire::WriteMarker::Builder ask) {
              ask.setTopic(text_of(topic.name));
              ask.setPartition(topic.partition_indexes[p]);
              ask.setProducerId(marker.producer_id);
              ask.setEpoch(marker.producer_epoch);
              ask.setCoordinatorEpoch(marker.coordinator_epoch);
              ask.setCommit(marker.transaction_result);
            });
        with.ask<transaction_reply>(request, [out, all, m, t, p](const transaction_reply& reply) {
          out->markers[m].topics[t].partitions[p].error_code =
              number_of(error_of(reply.open()->getFailure()));
          all->arrived();
        });
      }
    }
  }
  all->arrived();
}

// --- looking

void serve(session& with, exchange_ptr<describe_producers_request> x) {
  auto out = std::make_shared<describe_producers_response>();
  auto all = gather([x, out] { x->answer(*out); });
  out->topics.resize(x->in.topics.size());
  for (std::size_t t = 0; t < x->in.topics.size(); ++t) {
    const auto& topic = x->in.topics[t];
    out->topics[t].name = topic.name;
    out->topics[t].partitions.resize(topic.partition_indexes.size());
    for (std::size_t p = 0; p < topic.partition_indexes.size(); ++p) {
      out->topics[t].partitions[p].partition_index = topic.partition_indexes[p];
      all->expect();
      auto request =
          list_producers::make(ids_spare + topic.name.size(), [&](wire::ListProducers::Builder to) {
            to.setTopic(text_of(topic.name));
            to.setPartition(topic.partition_indexes[p]);
          });
      with.ask<producers_list>(request, [out, all, t, p](const producers_list& reply) {
        auto in = reply.open();
        auto& to = out->topics[t].partitions[p];
        if (auto why = error_of(in->getFailure())) {
          to.error_code = number_of(why);
          to.error_message = words_of(why);
        }
        for (auto each : in->getProducers())
          to.active_producers.push_back({each.getId(), each.getEpoch(), each.getLastSequence(),
                                         each.getLastTime(), each.getCoordinatorEpoch(),
                                         each.getTransactionStart()});
        all->arrived();
      });
    }
  }
  all->arrived();
}

void serve(session& with, exchange_ptr<describe_transactions_request> x) {
  const auto& ids = x->in.transactional_ids;
  if (ids.empty()) return x->answer({});
  std::size_t size = ids_spare;
  for (const auto& each : ids) size += each.size() + 16;
  auto request = list_transactions::make(size, [&](wire::ListTransactions::Builder to) {
    auto list = to.initIds(static_cast<unsigned>(ids.size()));
    for (unsigned i = 0; i < ids.size(); ++i) list.set(i, text_of(ids[i]));
  });
  with.ask<transactions_list>(request, [x](const transactions_list& reply) {
    auto in = reply.open();
    describe_transactions_response out;
    if (auto why = error_of(in->getFailure())) {
      for (const auto& id : x->in.transactional_ids) {
        auto& to = out.transaction_states.emplace_back();
        to.error_code = transaction_code(why, 0, 0);
        to.transactional_id = id;
      }
      return x->answer(out);
    }
    for (auto each : in->getTransactions()) {
      auto& to = out.transaction_states.emplace_back();
      to.error_code = number_of(error_of(each.getFailure()));
      to.transactional_id = std::string{view(each.getId())};
      if (to.error_code != 0) continue;
      to.transaction_state = std::string{view(each.getState())};
      to.transaction_timeout_ms = each.getTimeoutMs();
      to.transaction_start_time_ms = each.getStartTime();
      to.producer_id = each.getProducerId();
      to.producer_epoch = each.getEpoch();
      for (const auto& [topic, partitions] : by_topic(read_partitions(each.getPartitions())))
        to.topics.push_back({topic, partitions});
    }
    x->answer(out);
  });
}

// What ids have to match as a whole; nothing: all do. A pattern that does not compile gives one
// that is not `ok`.
std::shared_ptr<const RE2> pattern_of_ids(const std::optional<std::string>& text) {
  constexpr std::int64_t memory_max = 1 << 20;
  if (!text || text->empty()) return nullptr;
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(memory_max);
  return std::make_shared<const RE2>(*text, options);
}

void serve(session& with, exchange_ptr<list_transactions_request> x) {
  constexpr std::array<std::string_view, 8> states{
      "Empty",          "Ongoing",       "PrepareCommit", "PrepareAbort",
      "CompleteCommit", "CompleteAbort", "Dead",          "PrepareEpochFence"};
  auto out = std::make_shared<list_transactions_response>();
  const auto pattern = pattern_of_ids(x->in.transactional_id_pattern);
  if (pattern && !pattern->ok()) {
    out->error_code = number(error_code::invalid_regular_expression);
    return x->answer(*out);
  }
  auto wanted = std::make_shared<std::set<std::string, std::less<>>>();
  for (const auto& each : x->in.state_filters) {
    if (std::find(states.begin(), states.end(), each) == states.end()) {
      out->unknown_state_filters.push_back(each);
    } else {
      wanted->insert(each);
    }
  }
  if (wanted->empty() && !x->in.state_filters.empty()) return x->answer(*out);
  auto request = list_transactions::make(
      [&](wire::ListTransactions::Builder to) { to.setOpenForMs(x->in.duration_filter); });
  with.ask<transactions_list>(request, [x, out, wanted, pattern](const transactions_list& reply) {
    auto in = reply.open();
    if (auto why = error_of(in->getFailure())) out->error_code = transaction_code(why, 0, 0);
    const auto& ids = x->in.producer_id_filters;
    for (auto each : in->getTransactions()) {
      if (!wanted->empty() && !wanted->contains(view(each.getState()))) continue;
      if (!ids.empty() && std::find(ids.begin(), ids.end(), each.getProducerId()) == ids.end())
        continue;
      if (pattern &&
          !RE2::FullMatch(re2::StringPiece{each.getId().cStr(), each.getId().size()}, *pattern))
        continue;
      out->transaction_states.push_back({std::string{view(each.getId())}, each.getProducerId(),
                                         std::string{view(each.getState())}});
    }
    x->answer(*out);
  });
}

}  // namespace penstock::kafka
