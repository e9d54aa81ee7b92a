// What a client has said about its fetches and need not say again (KIP-227): the partitions that it
// reads and from where. A connection has at most one fetch session; it is gone with the connection,
// and clients then make another. No mailbox and no sockets: fetch.cpp asks and tells.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "kafka/protocol/error_code.hpp"
#include "kafka/protocol/messages.hpp"
#include "streams/base/ids.hpp"

namespace penstock::kafka {

/// Room for the sessions of all connections together, in bytes. Any thread.
class session_room {
 public:
  explicit session_room(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  /// False, and nothing taken, when there is not as much left.
  bool take(std::uint64_t size);
  void give_back(std::uint64_t size) { used_ -= size; }
  std::uint64_t used() const { return used_; }

 private:
  std::uint64_t bytes_max_;
  std::atomic<std::uint64_t> used_{0};
};

/// The fetch session of one connection. One thread at a time.
class fetch_session {
 public:
  /// A partition that the client reads. From version 13 on `what.topic` holds the topic's id.
  struct reading {
    topic_partition what;
    std::int64_t offset = 0;
    std::int32_t bytes_max = 0;
    std::int32_t leader_epoch = -1;
    std::int64_t told_high_watermark = -1;
    std::int64_t told_start = -1;
    bool told = false;
  };
  using readings = std::list<reading>;

  explicit fetch_session(std::shared_ptr<session_room> room) : room_(std::move(room)) {}
  ~fetch_session() { forget(); }
  fetch_session(const fetch_session&) = delete;
  fetch_session& operator=(const fetch_session&) = delete;

  /// Makes, changes or ends the session as the request says. Then `answers` tells whether the
  /// answer is one of the session: `all` is what to read, and `id` goes into the answer.
  /// Otherwise the request is a full one and stands for itself. An error code refuses the request;
  /// clients then begin anew.
  error_code on_request(const fetch_request& request, int version);

  bool answers() const { return in_session_; }
  std::int32_t id() const { return in_session_ ? id_ : 0; }

  /// Whether answers leave out what has not changed: from the second on.
  bool is_incremental() const { return incremental_; }

  /// The partitions in the order in which they are to be read.
  const readings& all() const { return all_; }

  /// What the answer has of a partition. True when it must be in it. One that brought records goes
  /// to the end of the order, so that each has its turn when a limit cuts answers short.
  bool tell(const topic_partition& what, error_code code, bool has_records,
            std::int64_t high_watermark, std::int64_t start);

 private:
  bool add(const fetch_request& request, int version);
  void drop(const fetch_request& request, int version);
  void forget();
  static std::uint64_t size_of(const topic_partition& what);

  std::shared_ptr<session_room> room_;
  readings all_;
  std::map<topic_partition, readings::iterator> places_;
  std::uint64_t taken_ = 0;
  std::int32_t id_ = 0;
  std::int32_t next_epoch_ = 1;
  bool open_ = false;
  bool in_session_ = false;  // the request that is being served
  bool incremental_ = false;
  bool by_id_ = false;
};

}  // namespace penstock::kafka
