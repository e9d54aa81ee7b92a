// What the handlers of requests see of the connection they serve: its settings, the node to ask,
// and the exchange, which is one request waiting for its answer. Private to this folder; everything
// runs in the connection's actor.
#pragma once

#include <caf/actor_cast.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "actors/errors.hpp"
#include "actors/messages/opaque.hpp"
#include "actors/messages/transactions.hpp"
#include "kafka/listener/connection.hpp"
#include "kafka/protocol/error_code.hpp"
#include "kafka/protocol/header.hpp"
#include "kafka/protocol/messages.hpp"
#include "streams/base/assert.hpp"
#include "streams/base/coding.hpp"
#include "streams/base/ids.hpp"

namespace penstock::kafka {

class fetch_work;

class session {
 public:
  session(connection_actor::pointer self, connection_config config)
      : self_(self),
        config_(std::move(config)),
        node_(caf::actor_cast<served_node>(config_.node)),
        fetches_(config_.sessions
                     ? config_.sessions
                     : std::make_shared<session_room>(config_.settings->fetch_sessions_bytes_max)) {
  }

  const edge_settings& settings() const { return *config_.settings; }
  const std::string& client_host() const { return config_.client_host; }

  /// What an answer with records may carry now.
  std::uint64_t answer_bytes_max() const {
    const std::uint64_t own = settings().fetch_bytes_max;
    return config_.traffic ? std::min(own, config_.traffic->answer_bytes_max()) : own;
  }
  const std::shared_ptr<penstock::traffic>& traffic() const { return config_.traffic; }

  /// Asks the node. `then` is called once, with a failure in the reply when there is no answer.
  template <class Reply, class Request>
  void ask(const Request& what, std::function<void(const Reply&)> then) {
    self_->request(node_, caf::infinite, what)
        .then(
            [then](const Reply& reply) {
              assertion_guard guarded;
              then(reply);
            },
            [then](const caf::error& why) {
              assertion_guard guarded;
              then(failed<Reply>(from_caf(why)));
            });
  }

  /// Calls `then` later, unless the connection ends before.
  void after(duration wait, std::function<void()> then);
  void on_tick(std::uint64_t id);

  /// Partitions for which an answer "there is more" is on its way, and who wants to hear of it.
  std::set<std::pair<topic_partition, bool>> watched;  // the last stable offset, or the end
  std::shared_ptr<fetch_work> waiting_fetch;

  /// What the client reads and need not repeat.
  fetch_session& fetches() { return fetches_; }

 private:
  using served_node = node_actor::extend_with<opaque_members_actor>::extend_with<
      watchable_actor>::extend_with<transactional_node_actor>;

  connection_actor::pointer self_;
  connection_config config_;
  served_node node_;
  fetch_session fetches_;
  std::uint64_t next_timer_ = 1;
  std::map<std::uint64_t, std::function<void()>> timers_;
};

/// A request under way. Whoever holds it answers; when nobody holds it any more and it was not
/// answered, the connection is closed.
class pending_answer {
 public:
  using finish = std::function<void(answer_frames frames, const error& why)>;
  pending_answer(request_header asked, frame_arrived held, std::string client, finish then)
      : header(std::move(asked)),
        frame(std::move(held)),
        client_id(std::move(client)),
        then_(std::move(then)) {}
  ~pending_answer() {
    if (then_) then_({}, error{errc::internal, "the request was not answered"});
  }
  pending_answer(const pending_answer&) = delete;
  pending_answer& operator=(const pending_answer&) = delete;

  void finish_with(answer_frames frames, const error& why) {
    if (auto then = std::exchange(then_, nullptr)) then(std::move(frames), why);
  }

  request_header header;
  frame_arrived frame;  // what `header` and the request borrow from
  std::string client_id;

 private:
  finish then_;
};

/// A request of one type, decoded.
template <class Request>
class exchange {
 public:
  exchange(std::shared_ptr<pending_answer> pending, Request request)
      : in(std::move(request)), pending_(std::move(pending)) {}

  std::int16_t version() const { return pending_->header.version; }
  const std::string& client_id() const { return pending_->client_id; }

  /// Answers, once. `held` is what the records of the answer point into; without it they are
  /// copied.
  void answer(const typename Request::response& out,
              std::vector<caf::intrusive_ptr<const penstock::frame>> held = {}) {
    answer_frames frames;
    frames.own.assign(frame_length_bytes, '\0');
    put_response_header(frames.own, pending_->header);
    encode(out, version(), frames.own, held.empty() ? nullptr : &frames.borrowed);
    if (!frames.borrowed.empty()) frames.held = std::move(held);
    store_be(frames.own.data(), static_cast<std::uint32_t>(frames.size() - frame_length_bytes));
    pending_->finish_with(std::move(frames), {});
  }

  /// Nothing is sent (a produce request with acks=0).
  void answer_nothing() { pending_->finish_with({}, {}); }

  /// The connection is closed.
  void refuse(const error& why) { pending_->finish_with({}, why); }

  Request in;

 private:
  std::shared_ptr<pending_answer> pending_;
};

template <class Request>
using exchange_ptr = std::shared_ptr<exchange<Request>>;

/// Counts answers and goes on behind the last: one `expect` for each request made, one `arrived`
/// for each answer, and one `arrived` more when all requests are made.
class gathering {
 public:
  explicit gathering(std::function<void()> then) : then_(std::move(then)) {}
  void expect() { ++missing_; }
  void arrived() {
    if (--missing_ == 0) std::exchange(then_, nullptr)();
  }

 private:
  std::size_t missing_ = 1;
  std::function<void()> then_;
};

inline std::shared_ptr<gathering> gather(std::function<void()> then) {
  return std::make_shared<gathering>(std::move(then));
}

/// The topics that were asked for; those that do not exist are left out. Empty names: all.
topics_request topics_named(const std::vector<std::string>& names, bool with_partitions = false);

/// The same with some that are asked for by their ids; neither: all.
topics_request topics_named(const std::vector<std::string>& names, const std::vector<uuid>& ids);

/// Names a topic to the node: by its id in those versions of a request that know ids alone.
template <class Builder>
void set_topic(Builder out, const std::string& name, const uuid* id) {
  if (id != nullptr) {
    out.setTopicId(data_of(id->view()));
  } else {
    out.setTopic(text_of(name));
  }
}

/// What the client hears of a request whose topic was named by `set_topic`.
inline error_code topic_code(const error& why) {
  return why.code() == errc::not_found ? error_code::unknown_topic_id : code_of(why.code());
}

/// Bytes of a topic's id.
inline uuid id_of(wire::Topic::Reader topic) {
  return uuid::of(view(topic.getId()));
}

// One overload for each request that is served: records.cpp, fetch.cpp, cluster.cpp, topics.cpp,
// configs.cpp, groups.cpp, offsets.cpp, replicas.cpp, transactions.cpp.
void serve(session& with, exchange_ptr<produce_request> x);
void serve(session& with, exchange_ptr<fetch_request> x);
void serve(session& with, exchange_ptr<list_offsets_request> x);
void serve(session& with, exchange_ptr<offset_for_leader_epoch_request> x);
void serve(session& with, exchange_ptr<delete_records_request> x);
void serve(session& with, exchange_ptr<init_producer_id_request> x);
void serve(session& with, exchange_ptr<api_versions_request> x);
void serve(session& with, exchange_ptr<metadata_request> x);
void serve(session& with, exchange_ptr<find_coordinator_request> x);
void serve(session& with, exchange_ptr<describe_cluster_request> x);
void serve(session& with, exchange_ptr<describe_log_dirs_request> x);
void serve(session& with, exchange_ptr<create_topics_request> x);
void serve(session& with, exchange_ptr<delete_topics_request> x);
void serve(session& with, exchange_ptr<create_partitions_request> x);
void serve(session& with, exchange_ptr<describe_configs_request> x);
void serve(session& with, exchange_ptr<alter_configs_request> x);
void serve(session& with, exchange_ptr<incremental_alter_configs_request> x);
void serve(session& with, exchange_ptr<list_config_resources_request> x);
void serve(session& with, exchange_ptr<join_group_request> x);
void serve(session& with, exchange_ptr<sync_group_request> x);
void serve(session& with, exchange_ptr<heartbeat_request> x);
void serve(session& with, exchange_ptr<leave_group_request> x);
void serve(session& with, exchange_ptr<list_groups_request> x);
void serve(session& with, exchange_ptr<describe_groups_request> x);
void serve(session& with, exchange_ptr<delete_groups_request> x);
void serve(session& with, exchange_ptr<offset_commit_request> x);
void serve(session& with, exchange_ptr<offset_fetch_request> x);
void serve(session& with, exchange_ptr<offset_delete_request> x);
void serve(session& with, exchange_ptr<describe_topic_partitions_request> x);
void serve(session& with, exchange_ptr<describe_quorum_request> x);
void serve(session& with, exchange_ptr<elect_leaders_request> x);
void serve(session& with, exchange_ptr<list_partition_reassignments_request> x);
void serve(session& with, exchange_ptr<alter_partition_reassignments_request> x);
void serve(session& with, exchange_ptr<alter_replica_log_dirs_request> x);
void serve(session& with, exchange_ptr<add_partitions_to_txn_request> x);
void serve(session& with, exchange_ptr<add_offsets_to_txn_request> x);
void serve(session& with, exchange_ptr<txn_offset_commit_request> x);
void serve(session& with, exchange_ptr<end_txn_request> x);
void serve(session& with, exchange_ptr<write_txn_markers_request> x);
void serve(session& with, exchange_ptr<describe_producers_request> x);
void serve(session& with, exchange_ptr<describe_transactions_request> x);
void serve(session& with, exchange_ptr<list_transactions_request> x);

}  // namespace penstock::kafka
